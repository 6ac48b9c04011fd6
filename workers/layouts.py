"""A file written as a folder of diffusers and sent to the addresses that the hub gave; always an answer."""

from __future__ import annotations

import hashlib
import logging
import tempfile
from pathlib import Path

import urllib3

from workers import engine_room, folders, settings, storage
from workers.errors import Refusal
from workers.messages import Failed, LayoutMade, LayoutPiece, MakeLayout

log = logging.getLogger(__name__)
http = urllib3.PoolManager(retries=False)


def make_layout(asked: MakeLayout) -> LayoutMade | Failed:
    """The answer to ``asked``: the weights are sent, or a `Failed` that says why not."""
    try:
        return _make(asked)
    except Refusal as refused:
        return _failed(asked, refused)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        log.warning("layout of file %s: %s", asked.file_id, error)
        return _failed(asked, Refusal("store-down", "The object store did not take the folder.", retry=True))
    except Exception:
        log.exception("layout of file %s: broke", asked.file_id)
        return _failed(asked, Refusal("defect", "Writing the folder broke. The operators can see why."))


def _failed(asked: MakeLayout, refused: Refusal) -> Failed:
    return Failed(
        id=asked.file_id, attempt=asked.attempt, code=refused.code, sentence=refused.sentence, retry=refused.retry
    )


def _make(asked: MakeLayout) -> LayoutMade:
    if asked.family not in folders.FAMILIES or asked.kind not in folders.KINDS:
        raise Refusal("family-unknown", "Files of this family are not written as folders of diffusers yet.")
    engine_room.entered()
    from workers.engine import folder

    path = storage.fetch(asked.sha256)
    settings.CACHE_DIR.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="layout-", dir=settings.CACHE_DIR) as place:
        written = folder.write(path, Path(place), asked.family, asked.kind)
        names = [name for name in folders.pieces(asked.kind, asked.family) if (Path(place) / name).exists()]
        pieces = [_sent(name, Path(place) / name, asked.urls[name]) for name in names]
    if written.same:
        pieces.append(LayoutPiece(written.same, asked.sha256, path.stat().st_size))
    return LayoutMade(file_id=asked.file_id, attempt=asked.attempt, pieces=tuple(pieces), texts=written.texts)


def _sent(name: str, path: Path, url: str) -> LayoutPiece:
    size = path.stat().st_size
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        answer = http.request("PUT", url, body=file, headers={"Content-Length": str(size)})
    if answer.status != 200:
        raise OSError(f"the store answered {answer.status}")
    return LayoutPiece(name, digest, size)
