"""Query parameters as Civitai's clients send them, and the bodies they get where one is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.http import QueryDict
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from hub.errors import Refused
from hub.origins import public_url

TRUE, FALSE = {"true", "1", "yes", "on", "y", "enabled"}, {"false", "0", "no", "off", "n", "disabled", ""}
LARGEST = 2**31 - 1  # of an id


class BadParameters(Refused):
    """A 400 whose ``error`` is an object of issues, as clients of the list endpoints know it."""

    code, status = "bad-parameters", HTTPStatus.BAD_REQUEST

    def __init__(self, path: str, message: str, **issue: Any) -> None:
        super().__init__(message)
        self.body = {
            "error": {"name": "ZodError", "issues": [{"code": "custom", "path": [path], "message": message} | issue]}
        }


class Unauthorized(Refused):
    code, status = "unauthorized", HTTPStatus.UNAUTHORIZED


class TooManyPages(Refused):
    code, status = "too-many-pages", HTTPStatus.TOO_MANY_REQUESTS


def identity(value: str, path: str = "id") -> int:
    """An id of the address: 1 to 2³¹−1. Raises `BadParameters`."""
    number = int(value) if value.isascii() and value.isdigit() and len(value) < 12 else 0
    if not 0 < number <= LARGEST:
        raise BadParameters(path, f"{path} must be a whole number from 1 to {LARGEST}")
    return number


class AlwaysJson(BaseContentNegotiation):
    """JSON whatever the headers say: clients send all kinds of ``Accept``, and ``format`` is a file's format here."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        return next(iter(parsers))

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, str(renderer.media_type)


class QuickJson(JSONRenderer):
    """JSON by msgspec: a page of a hundred models is hundreds of kilobytes, long for the framework's own."""

    charset = None

    def render(self, data: Any, media_type: str | None = None, context: Mapping[str, Any] | None = None) -> bytes:
        if data is None:
            return b""
        return msgspec.json.encode(data, enc_hook=_plain)


def _plain(value: Any) -> str:
    # Cleaned HTML is a kind of `str` of Django's, which msgspec does not know; a slice of it is a plain one.
    return value[:] if isinstance(value, str) else str(value)


class Params:
    """A request's parameters: repeated keys, comma lists and ``key[]`` alike; booleans by any of their words."""

    def __init__(self, given: QueryDict) -> None:
        self.given = given

    def __contains__(self, name: str) -> bool:
        return name in self.given or f"{name}[]" in self.given

    def text(self, *names: str, limit: int = 200) -> str:
        value = str(next((self.given[name] for name in names if self.given.get(name)), ""))
        return value.replace("\x00", "")[:limit].strip()

    def many(self, *names: str, allowed: Iterable[str] | None = None) -> tuple[str, ...]:
        """All values of a list. With ``allowed``, in any case; another value is refused, and the choices named."""
        values = [
            part.strip().replace("\x00", "")
            for name in names
            for key in (name, f"{name}[]")
            for value in self.given.getlist(key)
            for part in value.split(",")
            if part.strip()
        ]
        if allowed is None:
            return tuple(dict.fromkeys(values))
        known = {value.lower(): value for value in allowed}
        for value in values:
            if value.lower() not in known:
                options = list(known.values())
                message = f"Invalid option: expected one of {'|'.join(options)}"
                raise BadParameters(names[0], message, code="invalid_value", options=options, received=value)
        return tuple(dict.fromkeys(known[value.lower()] for value in values))

    def one(self, name: str, allowed: Iterable[str], default: str = "") -> str:
        return next(iter(self.many(name, allowed=allowed)), default)

    def number(self, name: str, *, least: int, most: int, default: int) -> int:
        value = self.text(name)
        if not value:
            return default
        try:
            number = int(value[:20])
        except ValueError as error:
            raise BadParameters(name, f"{name} must be a whole number", code="invalid_type") from error
        if not least <= number <= most:
            raise BadParameters(name, f"{name} must be from {least} to {most}", code="out_of_range")
        return number

    def numbers(self, name: str) -> tuple[int, ...] | None:
        """Ids of a list; None where it was not given."""
        return tuple(identity(value, name) for value in self.many(name)) if name in self else None

    def flag(self, *names: str) -> bool | None:
        """True or False; None where it was not given."""
        name = next((name for name in names if name in self), None)
        if name is None:
            return None
        value = self.text(name, f"{name}[]").lower()
        if value in TRUE | FALSE:
            return value in TRUE
        raise BadParameters(name, f"{name} must be true or false", code="invalid_type")


def same_with(path: str, given: QueryDict, **changed: object) -> str:
    """The absolute address of ``path`` with all given parameters, some of them changed, or left out where None."""
    pairs = [(key, value) for key, values in given.lists() if key not in changed for value in values]
    pairs += [(key, str(value)) for key, value in changed.items() if value is not None]
    return f"{public_url()}{path}?{urlencode(pairs)}" if pairs else f"{public_url()}{path}"
