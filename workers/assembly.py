"""A file joined from chunks, as Xet clients send them: unpacked in order, digested, sent on in signed parts.

A block (xorb) is chunk after chunk: a byte of version, three of the packed length, one of the scheme, three of the true
length, all little-endian, then the packed bytes (Xet's specification, huggingface.co/docs/xet). Blocks are hostile:
each length is held against what is there, and nothing is unpacked beyond what its chunk says.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import lz4.frame
import numpy as np
import urllib3
from botocore.exceptions import BotoCoreError, ClientError

from workers import s3, settings
from workers.errors import Refusal
from workers.messages import Assembled, AssembleFile, Failed, Term

log = logging.getLogger(__name__)

HEADER = 8
RAW, LZ4, GROUPED_LZ4 = 0, 1, 2
CHUNK_LIMIT = 1024**2  # clients cut at 128 KiB
XORB_LIMIT = 80 * 1024**2  # 64 MiB, and what stands around it
PUT_TRIES = 3
http = urllib3.PoolManager(retries=urllib3.Retry(PUT_TRIES, backoff_factor=0.5, allowed_methods=None))


def assemble_file(asked: AssembleFile) -> Assembled | Failed:
    """The answer to ``asked``: the parts are sent, or a `Failed` that says why not, and whether to try again."""
    try:
        _assemble(asked)
    except Refusal as refusal:
        return _failed(asked, refusal)
    except (ClientError, BotoCoreError, urllib3.exceptions.HTTPError, OSError) as error:
        log.warning("upload %s: %s", asked.upload_id, error)
        sentence = "The object store does not answer, so the file could not be joined yet."
        return _failed(asked, Refusal("store-down", sentence, retry=True))
    return Assembled(upload_id=asked.upload_id, attempt=asked.attempt)


def _failed(asked: AssembleFile, refusal: Refusal) -> Failed:
    return Failed(
        id=asked.upload_id,
        attempt=asked.attempt,
        code=refusal.code,
        sentence=refusal.sentence,
        retry=refusal.retry,
    )


def _assemble(asked: AssembleFile) -> None:
    if sum(term.size for term in asked.terms) != asked.size or asked.size > settings.MAX_FILE_BYTES:
        raise Refusal("wrong-chunks", "The chunks do not add up to the file that was promised.")
    digest, part, urls = hashlib.sha256(), bytearray(), iter(asked.urls)
    with tempfile.TemporaryDirectory(prefix="xorbs-", dir=_folder()) as folder:
        for chunk in _chunks(asked.terms, Path(folder)):
            digest.update(chunk)
            part += chunk
            while len(part) >= asked.part_size:
                _send(next(urls), part[: asked.part_size])
                del part[: asked.part_size]
    if digest.hexdigest() != asked.sha256:
        raise Refusal("wrong-chunks", "The chunks make another file than the one that was promised.")
    if part:
        _send(next(urls), part)


def _folder() -> Path:
    folder = settings.CACHE_DIR / "assembly"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _send(url: str, part: bytearray) -> None:
    answer = http.request("PUT", url, body=bytes(part))
    if answer.status >= 500:
        raise OSError(f"the store answered {answer.status}")
    if answer.status != 200:
        raise Refusal("store-refused", "The store did not take a part of the joined file.", retry=True)


def _chunks(terms: tuple[Term, ...], folder: Path) -> Iterator[bytes]:
    """The chunks of the file in order. Of a term's bytes none more than it says. Raises `Refusal`."""
    for term in terms:
        left = term.size
        with _xorb(term.key, folder).open("rb") as xorb:
            for chunk in _unpacked(xorb, term.first, term.end):
                left -= len(chunk)
                if left < 0:
                    break
                yield chunk
        if left:
            raise Refusal("wrong-chunks", "A run of chunks is not as long as it was said to be.")


def _xorb(key: str, folder: Path) -> Path:
    """The block's file; the four that were used last are kept, since versions of a file share blocks."""
    path = folder / hashlib.sha256(key.encode()).hexdigest()
    if not path.exists():
        for old in sorted(folder.iterdir(), key=lambda one: one.stat().st_mtime)[:-3]:
            old.unlink()
        head = s3.client().head_object(Bucket=settings.S3_BUCKET, Key=key)
        if head["ContentLength"] > XORB_LIMIT:
            raise Refusal("wrong-chunks", "A block of chunks is larger than blocks are.")
        with path.open("wb") as file:
            for data in s3.stream(settings.S3_BUCKET, key, head["ContentLength"], head["ETag"]):
                file.write(data)
    os.utime(path)
    return path


def _unpacked(xorb, first: int, end: int) -> Iterator[bytes]:  # type: ignore[no-untyped-def]
    """Chunks ``first`` to before ``end`` of a block, unpacked. Raises `Refusal` for one that is not what it says."""
    for number in range(end):
        header = xorb.read(HEADER)
        if len(header) < HEADER or header[0] != 0:
            raise Refusal("wrong-chunks", "A block holds fewer chunks than the file needs.")
        packed, scheme = int.from_bytes(header[1:4], "little"), header[4]
        size = int.from_bytes(header[5:8], "little")
        if size > CHUNK_LIMIT or packed > 2 * CHUNK_LIMIT:
            raise Refusal("wrong-chunks", "A chunk is larger than chunks are.")
        if number < first:
            xorb.seek(packed, os.SEEK_CUR)
            continue
        yield unpack(xorb.read(packed), scheme, size)


def unpack(packed: bytes, scheme: int, size: int) -> bytes:
    """The ``size`` bytes of one chunk. Raises `Refusal` where they are not that many, or packed in an unknown way."""
    if scheme == RAW:
        chunk = packed
    elif scheme in {LZ4, GROUPED_LZ4}:
        try:
            # One byte more than promised tells a chunk that unpacks to more, without unpacking it.
            chunk = lz4.frame.LZ4FrameDecompressor().decompress(packed, max_length=size + 1)
        except (RuntimeError, EOFError, ValueError) as error:
            raise Refusal("wrong-chunks", "A chunk cannot be unpacked.") from error
    else:
        raise Refusal("wrong-chunks", f"A chunk is packed in a way that this hub does not know ({scheme}).")
    if len(chunk) != size:
        raise Refusal("wrong-chunks", "A chunk has another length than it says.")
    return ungrouped(chunk) if scheme == GROUPED_LZ4 else chunk


def ungrouped(grouped: bytes) -> bytes:
    """Bytes in their order again, out of four groups: every fourth from the first, from the second, and so on."""
    groups = np.frombuffer(grouped, np.uint8)
    out = np.empty_like(groups)
    start = 0
    for place in range(4):
        count = (len(groups) - place + 3) // 4
        out[place::4] = groups[start : start + count]
        start += count
    return out.tobytes()
