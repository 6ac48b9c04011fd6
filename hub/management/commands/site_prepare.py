"""``manage.py site_prepare``: what must be true before the first page, and costs nothing when it already is."""

import hashlib
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand

from hub.accounts.models import User


class Command(BaseCommand):
    help = "Migrate the database, collect static files that changed, and say so when nobody can run the hub yet."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0, skip_checks=True)
        root = Path(settings.STATIC_ROOT)
        stamp, found = root / ".collected", fingerprint()
        if not stamp.exists() or stamp.read_text() != found:
            call_command("collectstatic", interactive=False, verbosity=0, clear=True, skip_checks=True)
            stamp.write_text(found)
        if not User.objects.filter(role=User.Role.ADMIN, is_active=True).exists():
            self.stdout.write("         nobody runs this hub yet: manage.py admin_create NAME EMAIL makes an admin")


def fingerprint() -> str:
    """SHA-256 over the static files' names, sizes and times, and how they are stored."""
    digest = hashlib.sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in get_finders():
        for path, storage in sorted(finder.list([]), key=lambda found: found[0]):
            state = Path(storage.path(path)).stat()
            digest.update(f"{path}\0{state.st_size}\0{state.st_mtime_ns}\n".encode())
    return digest.hexdigest()
