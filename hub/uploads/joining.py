"""Many parts become one object: what was sent is held against what was promised, and the store's answers are read.

A store that is asked to join parts may do so and its answer be lost. The assembled object is then the record.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from hub import storage
from hub.errors import Refused
from hub.uploads import queries
from hub.uploads.models import ChunkedFile, Upload
from workers.messages import AssembleFile, Term, xorb_key

ASSEMBLY_SECONDS = 12 * 3600  # a worker may come to it late
log = logging.getLogger(__name__)


class WrongParts(Refused):
    """What was sent is not the file that was promised. Nothing is lost: the right parts can still be sent."""

    code, status = "wrong-parts", HTTPStatus.UNPROCESSABLE_ENTITY


class PartsLost(Refused):
    code, status = "parts-lost", HTTPStatus.CONFLICT


class StoreSilent(Refused):
    code, status = "store-silent", HTTPStatus.SERVICE_UNAVAILABLE


@contextmanager
def store_heard() -> Iterator[None]:
    """Trouble with the object store, as a sentence; what was asked may or may not have happened."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        log.warning("The object store did not do what it was asked: %s", error)
        raise StoreSilent("The object store does not answer. Nothing is lost; try again in a moment.") from error


def assemble(upload: Upload, told: Iterable[Mapping[str, Any]] | None) -> None:
    """One object of the promised size stands under the upload's key when this returns."""
    with store_heard():
        try:
            chosen = _checked_parts(upload, queries.part_sendings(upload), told)
            storage.multipart_complete(upload.key, upload.s3_upload_id, chosen)
        except storage.PartsRefused as error:
            raise WrongParts("The store does not take this list of parts. Send the parts it lacks again.") from error
        except (storage.NoSuchMultipart, BotoCoreError, ClientError) as error:
            # Done before and not heard of, or done now and the answer lost: the object itself is the record.
            if storage.object_size(upload.key) is None:
                if isinstance(error, storage.NoSuchMultipart):
                    raise PartsLost("The store no longer has this upload's parts. Start it again.") from error
                raise
        assembled = storage.object_size(upload.key)
    if assembled != upload.size:
        raise WrongParts(f"The file that arrived has {assembled or 0} bytes instead of {upload.size}. Start it again.")


def _checked_parts(
    upload: Upload, held: Mapping[int, list[storage.Part]], told: Iterable[Mapping[str, Any]] | None
) -> list[storage.Part]:
    """The parts to join, in order. Raises `WrongParts`, naming what is missing or differs from the promised file."""
    numbers = range(1, queries.part_count(upload) + 1)
    missing = [n for n in numbers if n not in held]
    wrong = [n for n in numbers if n in held and held[n][0].size != queries.part_bytes(upload, n)]
    wrong += sorted(set(held) - set(numbers))
    if missing or wrong:
        sentence = f"{_said_parts(missing)} missing." if missing else f"{_said_parts(wrong)} of the wrong size."
        raise WrongParts(f"{sentence} Send it again; the others are kept.", missing=missing[:100], wrong=wrong[:100])
    if told is None:
        return [held[n][0] for n in numbers]
    listed = [(int(part["PartNumber"]), str(part["ETag"]).strip('"')) for part in told]
    if [number for number, _ in listed] != list(numbers):
        raise WrongParts(f"List every part once, in order, from 1 to {numbers[-1]}.")
    chosen = [next((part for part in held[number] if part.etag == etag), None) for number, etag in listed]
    differ = [
        n for n, part in zip(numbers, chosen, strict=True) if not part or part.size != queries.part_bytes(upload, n)
    ]
    if differ:
        raise WrongParts(f"{_said_parts(differ)} not what the store holds. Send it again.", wrong=differ[:100])
    return [part for part in chosen if part]


def _said_parts(numbers: list[int]) -> str:
    shown = ", ".join(str(n) for n in numbers[:5]) + (f" and {len(numbers) - 5} more" if len(numbers) > 5 else "")
    return f"Part {shown} is" if len(numbers) == 1 else f"Parts {shown} are"


def to_assemble(upload: Upload) -> AssembleFile:
    """What a worker is told who joins a file from its chunks."""
    file = ChunkedFile.objects.get(owner_id=upload.owner_id, sha256=upload.sha256)
    urls = [
        storage.part_url(
            upload.key, upload.s3_upload_id, n, queries.part_bytes(upload, n), seconds=ASSEMBLY_SECONDS, inside=True
        )
        for n in range(1, queries.part_count(upload) + 1)
    ]
    return AssembleFile(
        upload_id=str(upload.id),
        attempt=upload.attempt,
        size=upload.size,
        sha256=upload.sha256,
        terms=tuple(Term(xorb_key(upload.owner_id, xorb), *rest) for xorb, *rest in file.terms),
        part_size=upload.part_size,
        urls=tuple(urls),
    )
