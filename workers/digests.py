"""Every digest by which the field finds a file, in one streamed read.

============  =======================================================================================
sha256        of all bytes; AutoV2 is its first ten digits
autov1        the first eight digits of SHA-256 over bytes 0x100000 to 0x110000; none below 2 MiB (Civitai's rule)
autov3        safetensors only: SHA-256 of all that follows the header, whole; the sites show twelve digits
crc32         IEEE (zlib); Civitai prints its bytes in the other order
blake3        unkeyed, 256 bits
============  =======================================================================================

Lower-case hex. hashlib, zlib and blake3 let go of the interpreter's lock, so each stream has a thread of its own.
"""

from __future__ import annotations

import hashlib
import queue
import struct
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType

from blake3 import blake3
from zlib_ng import zlib_ng

from workers.files.sniff import HEAD_BYTES, sniff

AUTOV1_START, AUTOV1_END = 0x100000, 0x110000
AUTOV1_SMALLEST_FILE = 2 * 0x100000
CHUNK_BYTES = 1024**2
# Pieces of `CHUNK_BYTES` that may wait for a slower stream.
WAITING = 4


class Digests:
    """Feed it a file's bytes in order, then ask. Use as a context manager: leaving it ends the threads.

    size: the file's length, which decides about AutoV1 and AutoV3 before the end is seen.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.seen = 0
        self._head = b""
        self._sha256, self._autov1, self._blake3 = hashlib.sha256(), hashlib.sha256(), blake3()
        self._autov3: hashlib._Hash | None = None
        self._crc32 = 0
        self._data_start = 0
        self._streams = [_Stream(self._sha256.update), _Stream(self._small)]
        self._after_header: _Stream | None = None
        self._begun = False

    def __enter__(self) -> Digests:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def feed(self, chunk: bytes | memoryview) -> None:
        """Take the next bytes, of any length. They must not change afterwards. Raises what a stream raised."""
        whole = memoryview(chunk)
        for start in range(0, len(whole), CHUNK_BYTES):
            self._feed(whole[start : start + CHUNK_BYTES])

    def _feed(self, view: memoryview) -> None:
        if not self._begun:
            # The first bytes say whether this is safetensors; they may come in drops.
            self._head += bytes(view[: HEAD_BYTES - len(self._head)])
            if len(self._head) < min(HEAD_BYTES, self.size) and self.seen + len(view) <= len(self._head):
                self.seen += len(view)
                return
            self._begin()
            if self.seen:
                self._pass_on(memoryview(self._head[: self.seen]), 0)
        self._pass_on(view, self.seen)
        self.seen += len(view)

    def finish(self) -> dict[str, str]:
        """The digests by name. Raises `ValueError` where fewer or more bytes came than were promised."""
        if not self._begun:
            self._begin()
            self._pass_on(memoryview(self._head), 0)
        self._stop()
        if self.seen != self.size:
            raise ValueError(f"{self.seen} bytes came, {self.size} were promised")
        digests = {
            "sha256": self._sha256.hexdigest(),
            "crc32": f"{self._crc32:08x}",
            "blake3": self._blake3.hexdigest(),
        }
        if self.size >= AUTOV1_SMALLEST_FILE:
            digests["autov1"] = self._autov1.hexdigest()[:8]
        if self._autov3 is not None:
            digests["autov3"] = self._autov3.hexdigest()
        return digests

    def _begin(self) -> None:
        self._begun = True
        if sniff(self._head, self.size) == "safetensors":
            self._data_start = 8 + struct.unpack_from("<Q", self._head)[0]
            self._autov3 = after_header = hashlib.sha256()
            self._after_header = _Stream(after_header.update)
            self._streams.append(self._after_header)

    def _pass_on(self, view: memoryview, offset: int) -> None:
        for stream in self._streams:
            if stream is not self._after_header:
                stream.give(view)
        if self._after_header is not None and offset + len(view) > self._data_start:
            self._after_header.give(view[max(0, self._data_start - offset) :])
        if offset < AUTOV1_END and offset + len(view) > AUTOV1_START:
            self._autov1.update(view[max(0, AUTOV1_START - offset) : AUTOV1_END - offset])

    def _small(self, view: memoryview) -> None:
        """The two quick ones share a thread: together they cost less than one SHA-256."""
        self._crc32 = zlib_ng.crc32(view, self._crc32)
        self._blake3.update(view)

    def _stop(self) -> None:
        for stream in self._streams:
            stream.stop()
        for stream in self._streams:
            stream.join()


class _Stream:
    """One thread that takes chunks in order; the queue's bound keeps memory small."""

    def __init__(self, take: Callable[[memoryview], object]) -> None:
        self._take = take
        self._queue: queue.Queue[memoryview | None] = queue.Queue(WAITING)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def give(self, view: memoryview) -> None:
        if self._error:
            raise self._error
        self._queue.put(view)

    def stop(self) -> None:
        if self._thread.is_alive():
            self._queue.put(None)

    def join(self) -> None:
        self._thread.join()
        if self._error:
            error, self._error = self._error, None
            raise error

    def _run(self) -> None:
        while (view := self._queue.get()) is not None:
            if self._error is None:
                try:
                    self._take(view)
                except BaseException as error:
                    self._error = error


def digests_of(chunks: Iterable[bytes | memoryview], size: int) -> dict[str, str]:
    """The digests of a file of ``size`` bytes that comes as ``chunks``."""
    with Digests(size) as digests:
        for chunk in chunks:
            digests.feed(chunk)
        return digests.finish()


def digests_of_path(path: Path) -> dict[str, str]:
    """The digests of the file at ``path``, read once."""

    def chunks() -> Iterable[bytes]:
        with path.open("rb", buffering=0) as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    return digests_of(chunks(), path.stat().st_size)
