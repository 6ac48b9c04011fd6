"""`manage.py recheck`: inspect anew what older rules judged."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from hub.errors import Refused
from hub.moderation import queries, rechecks


class Command(BaseCommand):
    help = "Inspect the library anew, in the background: after the rules or a scanner changed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--everything", action="store_true", help="Also what the present rules judged.")
        parser.add_argument("--wait", action="store_true", help="Stay, and tell how far it is.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            recheck = rechecks.recheck_start(by=None, everything=options["everything"])
        except rechecks.NothingToInspect as refused:
            self.stdout.write(refused.sentence)
            return
        except Refused as refused:
            raise CommandError(refused.sentence) from refused
        self.stdout.write(f"{queries.counts_of(recheck).total:,} files are inspected anew, in the background.")
        while options["wait"] and recheck.finished_at is None:
            time.sleep(1)
            recheck.refresh_from_db()
            counts = queries.counts_of(recheck)
            said = f"{counts.over:,} of {counts.total:,}, {counts.changed:,} verdicts changed, {counts.failed:,} failed"
            self.stdout.write(said)
