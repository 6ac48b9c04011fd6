"""``manage.py mirror LINK``: everything of a creator, a tag, or a whole server, one import for each model."""

from __future__ import annotations

import os
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from hub.accounts.models import User
from hub.errors import Refused
from hub.imports import actions, queries, words
from hub.imports.models import Import
from hub.imports.terminal import Line


class Command(BaseCommand):
    help = (
        "Import all models of a creator (https://civitai.com/user/ada), a tag (…/tag/ink) or a server (…/models), in "
        "the name of a person. The hub does it while it runs, whether or not this command stays; run it again for news."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("link")
        parser.add_argument("--owner", required=True, help="whose models they become: a user's name")
        parser.add_argument("--publish", action="store_true", help="publish what is accepted")
        parser.add_argument("--no-pictures", action="store_true")
        parser.add_argument("--no-wait", action="store_true", help="begin it, and leave it to the hub")

    def handle(self, *args: Any, link: str, owner: str, **options: Any) -> None:
        person = User.objects.filter(username__iexact=owner).first()
        if person is None:
            raise CommandError(f"There is nobody called {owner} here.")
        try:
            made = actions.import_start(
                owner=person,
                link=link,
                token=os.environ.get("IMPORT_TOKEN", ""),  # not an argument: those are seen by everybody on the machine
                publish=options["publish"],
                pictures=not options["no_pictures"],
            )
        except Refused as refused:
            raise CommandError(refused.sentence) from refused
        line = Line(self.stdout._out, made.link)
        while not options["no_wait"]:
            now = queries.import_of(person, made.pk)
            if now.status not in queries.OPEN:
                line.end(self._words(now))
                if now.status == Import.Status.FAILED:
                    raise CommandError(now.sentence)
                return
            line.say(self._words(now))
            time.sleep(1)
        line.end("begun; see /import")

    def _words(self, imported: Import) -> str:
        return words.summary(imported, [words.row_of(item, None) for item in imported.items.all()])
