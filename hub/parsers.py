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

    @property
    def most(self) -> int:
        return int(settings.MAX_JSON_BYTES)

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        body = stream.read(self.most + 1)
        if len(body) > self.most:
            raise BodyTooLarge(f"This body is over the {self.most // 1024} KiB that a call may carry.")
        return super().parse(io.BytesIO(body), media_type, parser_context)  # type: ignore[arg-type]


class PicturesJSONParser(BoundedJSONParser):
    """For calls that carry pictures in base64: up to ``MAX_PICTURES_BYTES``."""

    @property
    def most(self) -> int:
        return int(settings.MAX_PICTURES_BYTES)


class PicturesFormParser(parsers.MultiPartParser):
    """Forms that carry pictures as files: up to ``MAX_PICTURES_BYTES``, as their length promises."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        length = (parser_context or {})["request"].META.get("CONTENT_LENGTH") or ""
        if not length.isdecimal() or int(length) > settings.MAX_PICTURES_BYTES:
            raise BodyTooLarge(
                f"A form may carry {settings.MAX_PICTURES_BYTES // 1024**2} MiB here, and says how much."
            )
        return super().parse(stream, media_type, parser_context)  # type: ignore[arg-type]
