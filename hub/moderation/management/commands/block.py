"""`manage.py block`: the block list at the command line."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from hub.catalog.models import Block
from hub.errors import Refused
from hub.moderation import blocks


class Command(BaseCommand):
    help = "Keep files out by a digest: block add DIGEST --why SENTENCE, block lift DIGEST --why SENTENCE, block list."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["add", "lift", "list"])
        parser.add_argument("digest", nargs="?", default="")
        parser.add_argument("--kind", choices=Block.Kind.values, default=Block.Kind.SHA256)
        parser.add_argument("--why", default="", help="A sentence; whoever sends such a file reads it.")

    def handle(self, **options: Any) -> None:
        """Exit status 1 with a sentence where it cannot be done."""
        if options["what"] == "list":
            for block in Block.objects.all():
                self.stdout.write(f"{block.kind} {block.value} {block.sentence}")
            return
        try:
            self._change(**options)
        except Refused as refused:
            raise CommandError(refused.sentence) from refused

    def _change(self, *, what: str, digest: str, kind: str, why: str, **_: Any) -> None:
        if what == "add":
            _block, held = blocks.block_add(by=None, kind=kind, value=digest, sentence=why)
            self.stdout.write(f"Blocked. {held} here {'is' if held == 1 else 'are'} held back now.")
            return
        found = Block.objects.filter(value=digest.lower(), kind=kind).first()
        blocks.block_lift(by=None, block_id=found.pk if found else 0, sentence=why)
        self.stdout.write("It may come in again.")
