"""What a version is drawn with: what its owner names, and a base; and all of it as one list to download."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.catalog.actions import BadField, editable
from hub.catalog.lists import model_list
from hub.catalog.models import File, Model, Version
from hub.catalog.queries import FileNotFound, Person, download_name, file_for, versions_visible
from hub.catalog.serializers import download_url
from hub.catalog.training import training_of
from hub.catalog.wishes import Wish

NEEDS_MOST = 10
VERSION_IN = re.compile(r"(?:model-versions/|[?&](?:version|modelVersionId)=)(\d{1,9})\b")
MODEL_IN = re.compile(r"/models/(\d{1,9})\b")
# Where AUTOMATIC1111 and its kin look for each kind.
FOLDERS = {
    "Checkpoint": "models/Stable-diffusion", "LORA": "models/Lora", "LoCon": "models/Lora", "DoRA": "models/Lora",
    "TextualInversion": "embeddings", "Hypernetwork": "models/hypernetworks", "VAE": "models/VAE",
    "Controlnet": "models/ControlNet", "Upscaler": "models/ESRGAN",
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One file of a list: what it is of, its name, where programs look for it, where it is served, its digest."""

    model: str
    version: str
    type: str
    name: str
    folder: str
    url: str
    sha256: str
    size: int


@transaction.atomic
def needs_set(*, version: Version, by: User, references: Iterable[str | int]) -> None:
    """Name what ``version`` is used with: numbers of versions, or addresses of them or of models on this hub.

    Raises `NotFound` where it is not theirs, `BadField` for what they cannot see.
    """
    editable(version.model, by)
    wanted = list(dict.fromkeys(str(one).strip() for one in references if str(one).strip()))
    if len(wanted) > NEEDS_MOST:
        raise BadField(
            _("A version names at most %(most)s others; this is %(has)s.") % {"most": NEEDS_MOST, "has": len(wanted)}
        )
    version.needs.set([_version_called(by, version, reference) for reference in wanted])


def _version_called(by: User, version: Version, reference: str) -> Version:
    versions, found = versions_visible(by).exclude(pk=version.pk), None
    if reference.isascii() and reference.isdigit() and len(reference) < 10:
        found = versions.filter(pk=int(reference)).first()
    elif matched := VERSION_IN.search(reference):
        found = versions.filter(pk=int(matched[1])).first()
    elif matched := MODEL_IN.search(reference):
        found = versions.filter(model_id=int(matched[1])).order_by("index", "-id").first()
    if found is None:
        raise BadField(_("There is no version at “%s” that could be named.") % (reference[:80]))
    return found


def needed(user: Person, version: Version) -> list[Version]:
    """What its owner named, as far as ``user`` may see it."""
    named = list(version.needs.values_list("pk", flat=True))
    if not named:  # most name nothing, and whole versions cost more to ask for than to find none
        return []
    theirs = versions_visible(user).filter(pk__in=named)
    return list(theirs.select_related("model__owner", "base").order_by("pk"))


def parts(user: Person, version: Version) -> list[Part]:
    """The files to have: its own, what it needs, and a base to draw it on — the one it was trained on where it is
    here, else the most downloaded that fits. What ``user`` may not see is left out."""
    wanted = [version, *needed(user, version)]
    if version.model.type != Model.Type.CHECKPOINT and not any(
        one.model.type == Model.Type.CHECKPOINT for one in wanted
    ):
        wanted += _base_for(user, version)
    found: list[Part] = []
    for one in wanted:
        try:
            file = file_for(user, one.pk)
        except FileNotFound:
            continue
        found.append(_part(file))
    return found


def _base_for(user: Person, version: Version) -> list[Version]:
    told = training_of(user, version)
    if told and told.base:
        return [told.base.version]
    wish = Wish(types=(Model.Type.CHECKPOINT,), bases=(version.base.name,), sort="downloads")
    return model_list(wish, limit=1, count=False).versions


def _part(file: File) -> Part:
    version = file.version
    return Part(
        model=version.model.name,
        version=version.name,
        type=version.model.type,
        name=download_name(file),
        folder=FOLDERS.get(version.model.type, "models"),
        url=download_url(file),
        sha256=file.blob_id,
        size=file.blob.size,
    )


def for_aria2(found: Iterable[Part]) -> str:
    """A list that ``aria2c -i`` reads: each file into its folder, checked by its SHA-256."""
    lines: list[str] = []
    for part in found:
        one_line = " ".join(f"{part.model} {part.version}".split())
        lines += [f"# {one_line}", part.url, f"  dir={part.folder}", f"  out={part.name}"]
        lines += [f"  checksum=sha-256={part.sha256}"]
    return "\n".join([*lines, ""])
