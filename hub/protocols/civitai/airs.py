"""AIRs: ``urn:air:{ecosystem}:{type}:{source}:{model}@{version}[+{file}][.{format}]``, and what they name here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus

from django.conf import settings

from hub.catalog.models import File
from hub.catalog.queries import Person
from hub.catalog.serializers import air_source
from hub.errors import Refused
from hub.imports.models import VersionOrigin
from hub.tryit.stacks import accepted_file

_AIR = re.compile(
    r"(?:urn:)?(?:air:)?(?P<ecosystem>[a-z0-9_-]+):(?P<type>[a-z_]+):(?P<source>[A-Za-z0-9._-]+):"
    r"(?P<model>\d{1,10})(?:@(?P<version>\d{1,10}))?(?:\+(?P<file>\d{1,10}))?(?:\.(?P<format>[a-z0-9]+))?$"
)


class AirUnknown(Refused):
    """It is no AIR, or names nothing that this person can draw with here."""

    code, status = "air-unknown", HTTPStatus.BAD_REQUEST


@dataclass(frozen=True)
class Air:
    """An AIR taken apart; ids of 0 were not given."""

    ecosystem: str
    type: str
    source: str
    model_id: int
    version_id: int = 0
    file_id: int = 0
    format: str = ""


def parse(text: str) -> Air | None:
    """None where ``text`` is no AIR. ``urn:`` and ``air:`` may be left out."""
    found = _AIR.match(text.strip())
    if not found:
        return None
    model, version, file = (int(found[name] or 0) for name in ("model", "version", "file"))
    return Air(found["ecosystem"], found["type"], found["source"], model, version, file, found["format"] or "")


def own_source() -> str:
    """What stands for this hub in an AIR: its host's name."""
    return air_source(settings.PUBLIC_URL)


def file_of(user: Person, text: str) -> File:
    """The file that an AIR of this hub names for drawing. Raises `AirUnknown`.

    An AIR of another source names what was imported from there; everything else of it is refused: its numbers mean
    other models there, and a look-alike is never drawn instead.
    """
    air = parse(text)
    if air is None or not air.version_id:
        raise AirUnknown(f"“{text[:80]}” is no AIR with a version (urn:air:sd1:checkpoint:{own_source()}:1@2).")
    if air.source.lower() != own_source().lower():
        if (found := _imported(user, air)) is not None:
            return found
        raise AirUnknown(f"{text[:80]} is of {air.source}; AIRs of this hub have {own_source()} in that place.")
    file = accepted_file(user, air.version_id)
    if file is None or file.version.model_id != air.model_id or (air.file_id and file.pk != air.file_id):
        raise AirUnknown(f"{text[:80]} is not on this hub.")
    return file


def _imported(user: Person, air: Air) -> File | None:
    """The file of the version that was imported under these numbers and that ``user`` may draw with."""
    named = VersionOrigin.objects.filter(remote=str(air.version_id), origin__remote=str(air.model_id))
    rows = named.select_related("origin").order_by("version_id")[:20]
    ids = [one.version_id for one in rows if air_source(one.origin.server) == air.source.lower()]
    return next((file for one in ids if (file := accepted_file(user, one)) is not None), None)
