"""JSON bodies, read only so far: REST framework's own parser would hold whatever a stranger sends in memory."""

from __future__ import annotations

import io
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.conf import settings
from rest_framework import parsers

from hub.errors import Refused


class BodyTooLarge(Refused):
    code, status = "body-too-large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class BoundedJSONParser(parsers.JSONParser):
    """Raises `BodyTooLarge` for a body of more than ``MAX_JSON_BYTES``."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        body = stream.read(settings.MAX_JSON_BYTES + 1)
        if len(body) > settings.MAX_JSON_BYTES:
            raise BodyTooLarge(f"This body is over the {settings.MAX_JSON_BYTES // 1024} KiB that a call may carry.")
        return super().parse(io.BytesIO(body), media_type, parser_context)  # type: ignore[arg-type]
