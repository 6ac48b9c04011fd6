"""Addresses of pictures that work without signing in, for an hour: for programs that are told where a picture is."""

from __future__ import annotations

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest
from django.urls import reverse

from hub.gallery.models import Picture

SECONDS = 3600
_signer = TimestampSigner(salt="picture", sep=".")


def signed_url(picture: Picture) -> str:
    """The absolute address of a picture's PNG, for whoever holds it."""
    path = reverse("gallery:picture-file", args=[picture.sha256, "original=true", f"{picture.pk}.png"])
    signature = _signer.sign(picture.sha256).partition(".")[2]
    return f"{settings.PUBLIC_URL}{path}?signed={signature}"


def is_signed(request: HttpRequest, sha256: str) -> bool:
    """Whether ``request`` holds an address that was given out for this picture within the hour."""
    signature = request.GET.get("signed", "")
    try:
        return bool(signature) and _signer.unsign(f"{sha256}.{signature}", max_age=SECONDS) == sha256
    except BadSignature:
        return False
