"""The demo content: nano and its adapters, brought in through the same HTTP API that people's programs use.

Nothing here reaches past that API but the account, its token and what its licence allows: what shows up was uploaded,
inspected and drawn like any other file. Doing it again uploads only what is missing.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from hub.accounts import actions
from hub.accounts.models import User
from hub.catalog.actions import COMMERCIAL, model_edit
from hub.catalog.models import Digest, Model, Version
from hub.gallery.actions import picture_keep
from hub.gallery.models import Picture
from hub.uploads.models import Upload

WEIGHTS = Path(__file__).resolve().parent.parent / "workers" / "nano" / "weights"
OWNER = "weightroom"
# What stands in a library that nobody wrote in yet; what adapters draw follows with the pictures of their strips.
PROMPTS = (
    ("Any animal, any background", "{cat|fox|owl|whale}, {blue|yellow|red} background", ["animal", "template"]),
    ("A house on green", "house, green background", ["place"]),
    ("Rocket", "rocket, white background", ["thing"]),
)
# What a ControlNet of the demo is shown with: the picture on whose card it reads, and by which preprocessor.
READS = {"Canny": ("nano", "canny"), "Scribble": ("Pencil", "scribble")}
DRAWING_SECONDS = 900  # until a strip's first picture; the strips of a dozen adapters wait in one line
INSPECTION_SECONDS = 300  # of one file of some megabytes, on a machine that is also installing and starting


class NotUploaded(Exception):
    """A sentence: which file, and why."""


@dataclass(frozen=True)
class Item:
    """One file of the manifest, and what its owner says of it."""

    file: str
    name: str
    fields: dict[str, Any] = field(default_factory=dict)
    part: str = ""

    def path(self, folder: Path) -> Path:
        """Where it lies; what ``folder`` holds a part of is made beside the hub's data, by the workers' program."""
        part = folder / self.part
        if not self.part or not part.exists():
            return folder / self.file
        made = Path(settings.DATA_DIR) / "demo"
        path = made / self.file
        if not path.exists() or path.stat().st_mtime < part.stat().st_mtime:
            subprocess.run(
                [sys.executable, "-m", "workers.nano.assemble", str(made)], cwd=settings.BASE_DIR, check=False
            )
        return path


def manifest(folder: Path = WEIGHTS) -> list[Item]:
    """What there is to upload, bases first: an adapter's previews need its base. Raises `NotUploaded`."""
    path = folder / "manifest.json"
    try:
        entries = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise NotUploaded(f"There is no {path}, so no demo content.") from error
    ordered = sorted(entries, key=lambda entry: entry.get("type", "") != "Checkpoint")
    return [Item(entry["file"], entry["name"], _fields(entry), entry.get("part", "")) for entry in ordered]


def _fields(entry: dict[str, Any]) -> dict[str, Any]:
    description = entry.get("description", "")
    if licence := entry.get("licence"):
        description = f"{description}\n\nLicence: {licence}".strip()
    fields = {
        "model_name": entry["name"],
        "version_name": entry.get("version", ""),
        "type": entry.get("type", ""),
        "base": entry.get("base", ""),
        "description": description,
        "tags": entry.get("tags", []),
        "trigger_words": entry.get("trigger_words", []),
        "publish": True,
    }
    return {name: value for name, value in fields.items() if value not in ("", [])}


def owner() -> User:
    """The account that owns the demo content; nobody can sign in to it."""
    user, made = User.objects.get_or_create(username=OWNER)
    if made:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user


def demo_content(address: str, say: Callable[[str], None], folder: Path = WEIGHTS) -> bool:
    """Upload what the hub at ``address`` does not hold yet, and say how each fared. Returns whether all is there."""
    try:
        items = [item for item in manifest(folder) if not held(item.path(folder))]
    except NotUploaded as error:
        say(str(error))
        return False
    if not items and owner().prompts.exists() and not _unshown().exists():
        return True
    row, token = actions.token_create(
        user=owner(),
        name="demo content",
        scopes=["read", "upload", "generate"],
        expires_at=timezone.now() + timedelta(hours=1),
    )
    hub, complete = Hub(address, token), True
    try:
        for item in items:
            try:
                say(f"demo content: {item.name}: {bring(hub, item, folder)}")
            except (NotUploaded, OSError, http.client.HTTPException) as error:
                say(f"demo content: {item.name} is left out: {error}")
                complete = False
        for model in Model.objects.filter(owner=row.user, allow_commercial_use=[]):
            # What Apache-2.0 allows, in the catalogue's own words.
            model_edit(model=model, by=row.user, fields={"allow_commercial_use": COMMERCIAL})
        if complete and not row.user.prompts.exists():
            say(f"demo content: {prompts_bring(hub)} prompts")
        controls_show(hub)
    except (NotUploaded, OSError, http.client.HTTPException) as error:
        say(f"demo content: the library or a ControlNet's picture is left out: {error}")
    finally:
        actions.token_revoke(user=row.user, id=row.pk)
    return complete


def prompts_bring(hub: Hub) -> int:
    """Write the library's first prompts: some of words alone, and one of each adapter with a picture of its strip,
    once that is drawn. Returns how many."""
    for title, prompt, tags in PROMPTS:
        hub.ask("POST", "/api/v1/prompts", {"title": title, "prompt": prompt, "tags": tags})
    versions = Version.objects.filter(model__owner__username=OWNER, status=Version.Status.PUBLISHED)
    written, until = len(PROMPTS), time.monotonic() + DRAWING_SECONDS
    undrawn = (Model.Type.CHECKPOINT, Model.Type.CONTROLNET)
    waiting = list(versions.exclude(model__type__in=undrawn).select_related("model"))
    while waiting and time.monotonic() < until:
        for version in list(waiting):
            if (picture := _first_drawn(version)) is not None:
                title = f"With {version.model.name}"
                hub.ask("POST", "/api/v1/prompts", {"title": title, "picture": picture, "tags": ["adapter"]})
                waiting.remove(version)
                written += 1
        time.sleep(2 if waiting else 0)
    return written


def _first_drawn(version: Version) -> int | None:
    """The picture of a strip at the weight that its creator recommends, where it is drawn."""
    picture = Picture.objects.filter(uses__version=version, uses__weight=version.weight, visible=True)
    return picture.order_by("pk").values_list("pk", flat=True).first()


def controls_show(hub: Hub) -> None:
    """Draw a picture with each ControlNet that has none: no board has a picture for it to read. Raises `NotUploaded`,
    ``OSError``."""
    base = Version.objects.filter(model__owner__username=OWNER, model__name="nano").order_by("pk").first()
    for version in _unshown().select_related("model"):
        of, preprocessor = READS[version.model.name]
        read = Version.objects.filter(model__owner__username=OWNER, model__name=of).exclude(cover_sha256="").first()
        if base is None or read is None:
            continue
        hint = {"picture": read.cover_sha256, "preprocessor": preprocessor}
        asked = {"base": str(base.pk), "prompt": "sunflower, yellow background", "seed": 77}
        asked |= {"uses": [{"version": version.pk, "hint": hint}]}
        drawing = hub.ask("POST", "/api/v1/generations", asked)
        until = time.monotonic() + DRAWING_SECONDS
        while drawing["state"] in {"queued", "running"} and time.monotonic() < until:
            time.sleep(1)
            drawing = hub.ask("GET", f"/api/v1/generations/{drawing['id']}")
        if not drawing["pictures"]:
            raise NotUploaded(f"{version.model.name}: {drawing['sentence']}")
        picture_keep(picture_id=drawing["pictures"][0]["id"], by=owner())


def _unshown() -> QuerySet[Version]:
    """The demo's ControlNets that no picture was made with: one that was hidden since is not drawn again."""
    versions = Version.objects.filter(model__owner__username=OWNER, status=Version.Status.PUBLISHED)
    versions = versions.filter(model__type=Model.Type.CONTROLNET, model__name__in=READS)
    return versions.exclude(picture_uses__picture__owner__username=OWNER)


def held(path: Path) -> bool:
    """Whether an accepted file of the demo account has these bytes."""
    if not path.exists():
        return False
    digest = bytes.fromhex(hashlib.sha256(path.read_bytes()).hexdigest())
    return Digest.objects.filter(
        digest=digest, kind=Digest.Kind.SHA256, model__owner__username=OWNER, file__verdict="accepted"
    ).exists()


def bring(hub: Hub, item: Item, folder: Path) -> str:
    """Upload one file and wait for its verdict. Returns a word on it; raises `NotUploaded`, ``OSError``."""
    path = item.path(folder)
    if not path.exists():
        raise NotUploaded(f"there is no {path}.")
    upload = _unfinished(path) or hub.ask(
        "POST", "/api/v1/uploads", {"filename": path.name, "size": path.stat().st_size, "fields": item.fields}
    )
    here = f"/api/v1/uploads/{upload['id']}"
    if upload["status"] == "waiting":
        missing = set(range(1, upload["parts"] + 1)) - set(hub.ask("GET", here)["uploaded"])
        _send_parts(hub, here, path, upload["part_size"], sorted(missing))
        hub.ask("POST", f"{here}/complete", {})
    until = time.monotonic() + INSPECTION_SECONDS
    while (now := hub.ask("GET", here))["status"] in {"waiting", "inspecting"}:
        if time.monotonic() > until:
            raise NotUploaded(f"no verdict after {INSPECTION_SECONDS} s; the inspection goes on.")
        time.sleep(0.5)
    if now["status"] != "accepted":
        reasons = " ".join(finding["sentence"] for finding in now["findings"])
        raise NotUploaded(f"{now['status']}. {reasons}")
    return "accepted"


def _unfinished(path: Path) -> dict[str, Any] | None:
    """An upload of this file that an earlier start was cut off in."""
    rows = Upload.objects.filter(owner__username=OWNER, filename=path.name, size=path.stat().st_size)
    row = rows.filter(status__in=["waiting", "inspecting"]).first()
    if row is None:
        return None
    parts = -(-row.size // row.part_size)
    return {"id": str(row.pk), "status": row.status, "parts": parts, "part_size": row.part_size}


def _send_parts(hub: Hub, here: str, path: Path, size: int, numbers: list[int]) -> None:
    for number, part in _parts(path, size):
        if number in numbers:
            url = hub.ask("POST", f"{here}/parts", {"numbers": [number]})["urls"][str(number)]
            put = urllib.request.Request(url, part, {"Content-Type": ""}, method="PUT")  # noqa: S310  the hub signed it
            urllib.request.urlopen(put, timeout=60).close()  # noqa: S310


def _parts(path: Path, size: int) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        number = 0
        while part := file.read(size):
            number += 1
            yield number, part


@dataclass(frozen=True)
class Hub:
    """The hub as a program sees it."""

    address: str
    token: str

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The answer's JSON. Raises `NotUploaded` with the hub's own sentence where it refuses."""
        request = urllib.request.Request(  # noqa: S310  our own address
            self.address + path,
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", "Accept": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            try:
                sentence = json.load(error)["error"]
            except (ValueError, KeyError):
                sentence = f"{method} {path} was answered with status {error.code}."
            raise NotUploaded(sentence) from error
