"""``manage.py up``: starts everything, and ends it with Ctrl-C."""

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Start the whole hub: servers without an address in the environment, pages, workers, demo content."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        # In our place, not below us: the supervisor needs no Django, and lives as long as the hub.
        os.execv(sys.executable, [sys.executable, "-m", "hub.supervisor"])  # noqa: S606
