"""Signing in a program by a code that its owner confirms in their browser (RFC 8628).

What is asked for lives in the cache for a quarter of an hour; only digests of the program's own code are kept, and the
token is made when the program fetches it, so that it lies nowhere in between.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from django.core.cache import cache
from django.utils import timezone
from django.utils.translation import gettext as _

from hub.accounts import tokens
from hub.accounts.actions import token_create
from hub.accounts.models import Token, User
from hub.errors import NotFound, Refused

LETTERS = "BCDFGHJKLMNPQRSTVWXZ"  # no vowels, so no words; nothing that looks like a digit
LIVES = timedelta(minutes=15)
INTERVAL = 5  # seconds that a program waits between two questions
TOKEN_LIVES = timedelta(days=90)
SCOPES = (Token.Scope.READ, Token.Scope.UPLOAD)


class DeviceUnknown(NotFound):
    code = "device-unknown"


class DevicePending(Refused):
    """Nobody has decided yet; ``code`` and the others' are RFC 8628's words."""

    code = "authorization_pending"


class DeviceTooFast(Refused):
    code = "slow_down"


class DeviceExpired(Refused):
    code = "expired_token"


class DeviceDenied(Refused):
    code, status = "access_denied", HTTPStatus.BAD_REQUEST


def device_start(*, program: str) -> tuple[str, str]:
    """A program asks to act for somebody: its own secret code, and the one that a person types. ``program``: its name
    for itself, which its owner will read."""
    device = secrets.token_urlsafe(32)
    letters = "".join(secrets.choice(LETTERS) for _ in range(8))
    digest = tokens.digest(device)
    cache.set(_asked(digest), {"program": program[:60], "user": None}, LIVES.total_seconds())
    cache.set(_typed(letters), digest, LIVES.total_seconds())
    return device, f"{letters[:4]}-{letters[4:]}"


def device_waiting(user_code: str) -> str:
    """The name of the program that waits for this code. Raises `DeviceUnknown`."""
    return str(_by_code(user_code)[1]["program"])


def device_decide(*, user: User, user_code: str, allow: bool) -> None:
    """Let the program act for ``user``, or turn it away; a code is decided once. Raises `DeviceUnknown`."""
    digest, asked = _by_code(user_code)
    if not cache.delete(_typed(_letters(user_code))):
        raise _unknown()
    cache.set(_asked(digest), asked | {"user": user.pk if allow else 0}, LIVES.total_seconds())


def device_token(*, device: str) -> str:
    """The token of the program whose own code this is, once; with the scopes read and upload, for 90 days.

    Raises `DevicePending`, `DeviceTooFast`, `DeviceExpired`, `DeviceDenied`.
    """
    digest = tokens.digest(device)
    asked = cache.get(_asked(digest))
    if asked is None:
        raise DeviceExpired("This code has ended. Sign in again.")
    if asked["user"] is None:
        if not cache.add(f"{_asked(digest)}:heard", 1, INTERVAL - 1):
            raise DeviceTooFast(f"Ask every {INTERVAL} seconds.")
        raise DevicePending("Nobody has confirmed this code yet.")
    if not cache.delete(_asked(digest)):  # of two questions at once, one gets the token
        raise DeviceExpired("This code was used.")
    user = User.objects.filter(pk=asked["user"], is_active=True).first()
    if user is None:
        raise DeviceDenied("This program was turned away.")
    now = timezone.now()
    name = f"{asked['program']}, {now:%-d %b %Y %H:%M}"
    return token_create(user=user, name=name, scopes=SCOPES, expires_at=now + TOKEN_LIVES)[1]


def _by_code(user_code: str) -> tuple[str, dict[str, Any]]:
    digest = cache.get(_typed(_letters(user_code)))
    asked = cache.get(_asked(digest)) if digest else None
    if digest is None or asked is None:
        raise _unknown()
    return digest, asked


def _unknown() -> DeviceUnknown:
    return DeviceUnknown(_("No program waits for this code. Codes end after 15 minutes; let it show you a new one."))


def _letters(user_code: str) -> str:
    return "".join(letter for letter in user_code.upper() if letter in LETTERS)[:8]


def _asked(digest: str) -> str:
    return f"device:{digest}"


def _typed(letters: str) -> str:
    return f"device-code:{letters}"
