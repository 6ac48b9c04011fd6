"""``manage.py migrate``: Django's, after a look whether this version knows how to go on from where the database is."""

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

LAST_WITH_STEPS = "4dfa8d0 of 26 November 2026"  # the last commit that held them


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        if missing := steps_gone(options["database"]):
            raise CommandError(
                "This database was made by an early version and lacks steps that this one does not hold any more, "
                f"from {missing[0]} to {missing[-1]}. Start commit {LAST_WITH_STEPS}, on it once, then this version."
            )
        super().handle(*args, **options)


def steps_gone(database: str) -> list[str]:
    """What a database that went half the way lacks of steps that were put together into one since.

    Django would say so only where something else depends on them, and go on without them elsewhere.
    """
    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    applied = MigrationRecorder(connections[database]).applied_migrations()
    steps: dict[str, set[tuple[str, str]]] = {}
    for migration in loader.disk_migrations.values():
        steps.setdefault(migration.app_label, set()).update(migration.replaces)
    known = applied.keys() | loader.disk_migrations.keys()
    return sorted(" ".join(name) for names in steps.values() if names & applied.keys() for name in names - known)
