"""``manage.py storage_prepare``: wait for the object store, make its buckets, let the hub's pages use them."""

import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from hub.embedded import CannotStart, prepare_store


class Command(BaseCommand):
    help = "Make the buckets where they are missing, with the CORS rule that uploads from the browser need."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        names = ("S3_ENDPOINT", "S3_REGION", "S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_BUCKET", "S3_PICTURES_BUCKET")
        origins = [origin for origin in os.environ.get("STORE_ORIGINS", settings.PUBLIC_URL).split(",") if origin]
        try:
            prepare_store({name: getattr(settings, name) for name in names}, origins=origins)
        except CannotStart as error:
            raise CommandError(str(error)) from error
