"""`hf auth login` without a token: the client shows a code, its owner confirms it, the client fetches a token."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from allauth.account.adapter import get_adapter
from django.core.cache import cache
from django.urls import reverse
from rest_framework.parsers import FormParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from hub.accounts import devices
from hub.errors import Refused
from hub.protocols.huggingface import base

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
STARTS_EACH = 20  # codes that one address may ask for in the time that a code lives


class OAuth(base.Tongue):
    """Answers in OAuth's shapes; any client id is taken, since a program without a secret proves nothing by one."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    parser_classes = (FormParser,)

    def handle_exception(self, error: Exception) -> Response:
        if isinstance(error, Refused):
            body = {"error": error.code, "error_description": error.sentence}
            return Response(body, status=error.status, headers={"Cache-Control": "no-store"})
        return super().handle_exception(error)


class TooManyCodes(Refused):
    code, status = "slow_down", HTTPStatus.TOO_MANY_REQUESTS


class DeviceStart(OAuth):
    def post(self, request: Request) -> Response:
        asked = f"device-starts:{get_adapter().get_client_ip(request._request)}"
        cache.add(asked, 0, devices.LIVES.total_seconds())
        if cache.incr(asked) > STARTS_EACH:
            raise TooManyCodes("Too many codes were asked for from here. Wait a quarter of an hour.")
        program = request.headers.get("User-Agent", "").partition(";")[0].split("/")[0]
        device, user_code = devices.device_start(program="hf" if "hf" in program or not program else program)
        page = base.origin(request) + reverse("accounts:device-decide")
        shape: dict[str, Any] = {
            "device_code": device,
            "user_code": user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?code={user_code}",
            "interval": devices.INTERVAL,
            "expires_in": int(devices.LIVES.total_seconds()),
        }
        return Response(shape, headers={"Cache-Control": "no-store"})


class UnknownGrant(Refused):
    code = "unsupported_grant_type"


class DeviceToken(OAuth):
    def post(self, request: Request) -> Response:
        form: Any = request.data
        if form.get("grant_type") != GRANT:
            raise UnknownGrant("Only device codes are exchanged here.")
        token = devices.device_token(device=str(form.get("device_code") or ""))
        seconds = int(devices.TOKEN_LIVES.total_seconds())
        shape = {"access_token": token, "token_type": "bearer", "expires_in": seconds, "scope": "read upload"}
        return Response(shape, headers={"Cache-Control": "no-store"})
