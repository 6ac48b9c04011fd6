"""Files of this hub by what others call them: a digest of any kind and length, or a name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Lower

from hub.catalog.hashes import EMPTY
from hub.catalog.models import Digest, File, Model
from hub.catalog.queries import files_visible

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from hub.accounts.models import User

ENDINGS = ("", ".safetensors", ".pt", ".ckpt", ".bin")
MOST = 100  # names or digests of one question
_HEX = re.compile(r"(?:0x)?([0-9a-f]{8,64})")


def stem(name: str) -> str:
    """A file's name as programs say it in a prompt: without folders and ending, in small letters."""
    name = re.split(r"[\\/]", name.strip())[-1].lower()
    return next((name.removesuffix(ending) for ending in ENDINGS[1:] if name.endswith(ending)), name)


def files_named(user: User | AnonymousUser, names: Iterable[str]) -> dict[str, list[File]]:
    """Accepted files that ``user`` may see, by `stem`: those whose own name it is, then those of a model so called."""
    wanted = [one for one in dict.fromkeys(map(stem, names)) if one][:MOST]
    if not wanted:
        return {}
    paths = {one + ending: one for one in wanted for ending in ENDINGS}
    by_path = _accepted(user).annotate(path=Lower("name")).filter(path__in=list(paths))
    models = Model.objects.annotate(title=Lower("name"), short=Lower("slug"))
    called = models.filter(Q(title__in=wanted) | Q(short__in=wanted)).values_list("pk", flat=True)[: 10 * MOST]
    by_title = _accepted(user).filter(version__model__in=list(called))
    found: dict[str, list[File]] = {}
    for so_called in by_path:
        found.setdefault(paths[so_called.name.lower()], []).append(so_called)
    for file in by_title:
        for name in {file.version.model.name.lower(), file.version.model.slug.lower()} & set(wanted):
            if file not in found.setdefault(name, []):
                found[name].append(file)
    return found


def files_hashed(user: User | AnonymousUser, digests: Iterable[str]) -> dict[str, File]:
    """Accepted files that ``user`` may see, by the digest asked for: of any kind, eight hex or more, in any case.

    A pickle is answered with the safetensors that was made of it: that is what draws.
    """
    wanted = {digest: clean for digest in list(digests)[:MOST] if (clean := _clean(digest))}
    condition = Q(pk__in=[])
    for clean in wanted.values():
        start = bytes.fromhex(clean)
        condition |= Q(digest__gte=start, digest__lte=start + b"\xff" * 32)
        if len(clean) == 8:
            condition |= Q(kind=Digest.Kind.CRC32, digest=start[::-1])  # as Civitai prints it
    mine = _accepted(user).order_by().values("pk")
    known = File.objects.filter(Q(pk__in=mine) | Q(adapter="", converted__in=mine))
    rows = list(Digest.objects.filter(condition, file__in=known.values("pk")))
    asked = {row.file_id for row in rows}
    files: dict[int, File] = {}
    for file in _accepted(user).filter(Q(pk__in=asked) | Q(source__in=asked)):
        for pk in (file.pk, file.source_id):
            if pk is not None and pk in asked:
                files.setdefault(pk, file)
    ranked = sorted(rows, key=lambda row: list(files).index(row.file_id))
    found: dict[str, File] = {}
    for digest, clean in wanted.items():
        for row in ranked:
            held = bytes(row.digest).hex()
            turned = row.kind == Digest.Kind.CRC32 and bytes(row.digest)[::-1].hex() == clean
            if held.startswith(clean) or turned:
                found.setdefault(digest, files[row.file_id])
    return found


def _clean(digest: str) -> str:
    """A digest as the table has it; empty for what is none, or is that of an empty file."""
    match = _HEX.fullmatch(digest.strip().lower())
    if not match or len(match[1]) % 2 or EMPTY.startswith(match[1]):
        return ""
    return match[1]


def _accepted(user: User | AnonymousUser) -> QuerySet[File]:
    """The first published comes first."""
    files = files_visible(user).filter(verdict=File.Verdict.ACCEPTED).exclude(adapter="")
    ordered = files.order_by(F("version__published_at").asc(nulls_last=True), "id")
    return ordered.select_related("version__model__owner", "version__base", "blob")
