"""Downloads counted once for each who downloads: programs fetch one file in dozens of ranges, and ask us for each."""

from __future__ import annotations

import hashlib
import hmac

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from hub import queue
from hub.catalog import actions
from hub.catalog.models import File

ONCE_SECONDS = 3600


def download_count(request: HttpRequest, user: object, file: File) -> None:
    """Count a download of ``file``, unless the same person or address began one within the hour.

    Neither is kept: only a keyed digest of both, in the cache. Without the cache each request counts.
    """
    key = hmac.new(settings.SECRET_KEY.encode(), f"{file.pk}/{_who(request, user)}".encode(), hashlib.sha256)
    if queue.cache().set(f"weightroom:downloaded:{key.hexdigest()}", 1, nx=True, ex=ONCE_SECONDS):
        actions.download_count(version=file.version)


def _who(request: HttpRequest, user: object) -> str:
    if (pk := getattr(user, "pk", None)) is not None:
        return f"user {pk}"
    try:
        address = get_adapter().get_client_ip(request)
    except PermissionDenied:
        address = ""
    return f"{address} {request.headers.get('User-Agent', '')}"
