"""`manage.py audit verify`: whether the audit log is as it was written."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from hub.moderation import chain


class Command(BaseCommand):
    help = "Check the audit log's chain of digests."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["verify"])
        parser.add_argument(
            "--through", default="", metavar="DIGEST", help="A last digest noted earlier: finds lines cut off."
        )

    def handle(self, **options: Any) -> None:
        """Exit status 1 where a line was changed, is missing, or the digest of ``--through`` is not there."""
        found = chain.verify(options["through"].strip().lower())
        if found.broken:
            number, why = found.broken
            raise CommandError(f"Line no. {number} is not as it was written: {why}.")
        if not found.holds:
            raise CommandError("No line has that digest: lines were cut off the end, or it is of another log.")
        self.stdout.write(f"{found.lines:,} lines, each as it was written. Keep this digest elsewhere: {found.last}")
