"""Files of a folder on this machine, brought in like any upload: in parts to the store, then inspected.

A server may be asked whose file it is, by its hash; then it comes into that model's version, with the server's words
and pictures. What was interrupted goes on: the store knows which parts arrived, and what is here is not sent again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import urllib3

from hub import storage
from hub.accounts.models import User
from hub.catalog.models import Base, File, Model, Version
from hub.errors import Refused
from hub.gallery import sent as pictures
from hub.gallery.models import Picture, SentPicture
from hub.imports import actions
from hub.imports.folders import Found
from hub.imports.models import Import
from hub.uploads import actions as uploads
from hub.uploads import queries as upload_queries
from hub.uploads.models import Upload

LOOK_UP_SECONDS = 120  # for an answer of another server, a worker that fetches being there
http = urllib3.PoolManager(retries=urllib3.Retry(3, backoff_factor=0.5, allowed_methods=None))
Watch = Callable[[int], None]


def here_already(owner: User, sha256: str) -> File | None:
    """The owner's own file of these bytes."""
    rows = File.objects.filter(blob_id=sha256, version__model__owner=owner, verdict=File.Verdict.ACCEPTED)
    return rows.exclude(version__status=Version.Status.DELETED).select_related("version__model").first()


def version_for(owner: User, sha256: str, server: str, publish: bool) -> Version | None:
    """The version that ``server`` says this file is of, its words and pictures taken over; None: it knows no such file.

    Raises ``Refused`` where nobody answers.
    """
    made = actions.import_start(owner=owner, link=sha256, server=server, publish=publish, local=True)
    until = monotonic() + LOOK_UP_SECONDS
    while monotonic() < until:
        made.refresh_from_db()
        if made.status in (Import.Status.FETCHING, Import.Status.DONE):
            return _version_of(made)
        if made.status == Import.Status.FAILED:
            return None
        sleep(0.2)
    actions.import_cancel(owner=owner, id=made.pk)
    raise Refused("No worker that fetches answered. Is the hub running?")


def _version_of(imported: Import) -> Version | None:
    if imported.version_id is None:
        return None
    return Version.objects.select_related("model", "base").filter(pk=imported.version_id).first()


def send(owner: User, found: Found, sha256: str, version: Version | None, publish: bool, watch: Watch) -> Upload:
    """The file's upload, all of it in the store and with the inspectors. Raises ``Refused``, and ``OSError``."""
    upload = _begun(owner, found, sha256) or uploads.upload_start(
        owner=owner, filename=found.path.name, size=found.size, sha256=sha256, fields=_fields(found, version, publish)
    )
    there = {part.number for part in upload_queries.uploaded_parts(upload)
             if part.size == upload_queries.part_bytes(upload, part.number)}  # fmt: skip
    with found.path.open("rb") as file:
        for number in range(1, upload_queries.part_count(upload) + 1):
            size = upload_queries.part_bytes(upload, number)
            if number not in there:
                file.seek((number - 1) * upload.part_size)
                url = storage.part_url(upload.key, upload.s3_upload_id, number, size, inside=True)
                answer = http.request("PUT", url, body=file.read(size))
                if answer.status != 200:
                    raise Refused("The object store did not take a part of the file.")
            watch(min(upload.size, number * upload.part_size))
    return uploads.upload_complete(owner=owner, id=upload.pk)


def _begun(owner: User, found: Found, sha256: str) -> Upload | None:
    """What an earlier run began and did not finish."""
    rows = Upload.objects.filter(
        owner=owner, sha256=sha256, size=found.size, status=Upload.Status.WAITING, stored=False
    )
    for upload in rows.exclude(s3_upload_id="").order_by("-created_at"):
        try:
            upload_queries.uploaded_parts(upload)
        except storage.NoSuchMultipart:
            continue
        return upload
    return None


def _fields(found: Found, version: Version | None, publish: bool) -> dict[str, Any]:
    if version is not None:
        base = version.base.name if version.base.name != "Other" else ""
        return {"version_id": version.pk, "base": base, "publish": publish}
    fields = {name: value for name, value in found.told.items() if name != "model_remote"}
    kind = found.told.get("type") or found.type
    fields["type"] = kind if kind in Model.Type.values else ""
    if not Base.objects.filter(name=fields.get("base", "")).exists():
        fields.pop("base", None)
    return {**fields, "publish": publish}


def waited(upload: Upload) -> Upload:
    """The upload once the inspectors have judged it."""
    while upload.status in upload_queries.OPEN:
        sleep(0.3)
        upload = upload_queries.upload_of(upload.owner, upload.pk)
    return upload


def preview_send(owner: User, path: Path, version: Version) -> SentPicture | None:
    """The picture beside a file, for its version's gallery; None where it was sent before, or is none."""
    size = path.stat().st_size
    before = SentPicture.objects.filter(owner=owner, version=version, name=path.name, size=size)
    if before.exists() or Picture.objects.filter(uses__version=version, told__isnull=False).exists():
        return None
    try:
        sent, _ = pictures.picture_send(owner=owner, name=path.name, size=size, version=version, counted=False)
    except Refused:
        return None
    url = storage.part_url(sent.key, sent.multipart, 1, size, inside=True)
    if http.request("PUT", url, body=path.read_bytes()).status != 200:
        return None
    return pictures.picture_finish(sent=sent)
