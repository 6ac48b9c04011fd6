"""``manage.py demo_content``: uploads nano and its adapters to a running hub, as a program of a user would."""

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from hub.demo import WEIGHTS, demo_content


class Command(BaseCommand):
    help = "Upload the demo base and its adapters through the API of the running hub; what is there already stays."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        address = os.environ.get("DEMO_ADDRESS", settings.PUBLIC_URL)
        parser.add_argument("--address", default=address, help="where the hub answers")
        parser.add_argument("--folder", type=Path, default=WEIGHTS, help="holds manifest.json and its files")

    def handle(self, *args: Any, address: str, folder: Path, **options: Any) -> None:
        def say(line: str) -> None:
            self.stdout.write(f"         {line}")

        if not demo_content(address.rstrip("/"), say, folder):
            raise CommandError("Some of the demo content is missing; `manage.py demo_content` tries again.")
