"""Checkpoints, ControlNets and VAEs as folders of diffusers, for `from_pretrained("owner/name")`: a worker writes them
once a file is accepted, and they join its version like files that were pushed."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from hub import queue, storage
from hub.accounts.queries import quota_of
from hub.catalog import commits
from hub.catalog.commits import Content
from hub.catalog.models import File
from hub.uploads import queries
from hub.uploads.joining import store_heard
from hub.uploads.models import Layout
from workers import folders
from workers.messages import Failed, LayoutMade, MakeLayout

log = logging.getLogger(__name__)
LAST = 9  # of the queue's priorities: after every picture that somebody waits for
SILENT = timedelta(hours=1)


def layout_request(*, file: File) -> None:
    """Have a file written as a folder, where workers can, the setting allows it, and its owner has the room. Of a
    pickle it is the safetensors that was made of it."""
    file = file.converted.first() or file
    if not (settings.DIFFUSERS_LAYOUTS and file.adapter in folders.KINDS and _is_whole(file)):
        return
    if file.version.base.family not in folders.FAMILIES:
        return
    owner = file.version.model.owner
    if file.blob.size > quota_of(owner) - queries.space_used(owner):
        return
    layout, made = Layout.objects.get_or_create(file=file)
    if made:
        _send(layout)


def _is_whole(file: File) -> bool:
    """Whether a file is what its version is about, and no piece of a folder that its owner pushed."""
    revision = file.version.revision
    folder = revision is not None and revision.entries.filter(path__in=["model_index.json", "config.json"]).exists()
    return not folder and "/" not in file.name and (file.primary or file.adapter == "base" or file.source is not None)


def _send(layout: Layout) -> None:
    file, family = layout.file, layout.file.version.base.family
    urls = {path: storage.layout_url(_key(layout, path)) for path in folders.pieces(file.adapter, family)}
    message = MakeLayout(
        file_id=str(file.pk),
        attempt=layout.attempt,
        sha256=file.blob_id,
        family=family,
        kind=file.adapter,
        urls=urls,
    )
    queue.send(message, then="hub.uploads.layout_made", priority=LAST)


def _key(layout: Layout, path: str) -> str:
    return f"{storage.INCOMING}layout-{layout.file_id}-{layout.attempt}/{folders.PIECES.index(path)}"


def layout_made(said: LayoutMade) -> None:
    """Take a folder into its version. A repeat, or the answer to an earlier attempt, changes nothing."""
    layout = _asked(said.file_id, said.attempt)
    if layout is None:
        return
    sent = [piece for piece in said.pieces if piece.sha256 != layout.file.blob_id]
    for piece in sent:
        storage.promote(_key(layout, piece.path), piece.sha256)
    texts = {path: text.encode() for path, text in said.texts.items()}
    with store_heard():
        for content in texts.values():
            storage.small_put(hashlib.sha256(content).hexdigest(), content)
    with transaction.atomic():
        if Layout.objects.filter(pk=layout.pk, state="asked", attempt=said.attempt).update(state="made"):
            pieces = {piece.path: Content(piece.sha256, piece.size) for piece in said.pieces}
            commits.folder_add(file=layout.file, pieces=pieces, texts=_contents(texts))
    for piece in sent:
        storage.drop(_key(layout, piece.path))


def _contents(texts: Mapping[str, bytes]) -> dict[str, Content]:
    return {path: commits.small_content(content) for path, content in texts.items()}


def _asked(file_id: str, attempt: int) -> Layout | None:
    layouts = Layout.objects.select_related("file__version__base", "file__version__model__owner", "file__blob")
    return layouts.filter(file_id=file_id, attempt=attempt, state="asked").first()


def layout_failed(failed: Failed) -> None:
    """A folder could not be written: asked again where that may help; the checkpoint itself is none the worse."""
    if failed.retry and failed.attempt < settings.JOB_ATTEMPTS:
        return  # the sweep asks again
    rows = Layout.objects.filter(file_id=failed.id, attempt=failed.attempt, state="asked")
    rows.update(state="failed", problem=failed.sentence[:300])


def layouts_sweep() -> None:
    """Ask again for folders that were not answered in an hour, a few times."""
    late = Layout.objects.filter(state="asked", sent_at__lt=timezone.now() - SILENT)
    for layout in late.select_related("file__version__base", "file__blob")[:20]:
        if layout.attempt >= settings.JOB_ATTEMPTS:
            Layout.objects.filter(pk=layout.pk, state="asked").update(state="failed", problem="No worker answered.")
            continue
        with transaction.atomic():
            mine = Layout.objects.filter(pk=layout.pk, state="asked", attempt=layout.attempt)
            if mine.update(attempt=layout.attempt + 1, sent_at=timezone.now()):
                layout.attempt += 1
                _send(layout)
