"""One file that is two: sound safetensors for one program, an archive or a program for another."""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from workers.files.sniff import HEAD_BYTES, NAMES, foreign
from workers.messages import Finding
from workers.plugins import Header, OpenedFile

# An end record is 22 bytes and its comment at most 65,535 (APPNOTE 4.3.16); readers look no further back.
TAIL_BYTES = 66 * 1024
END_RECORD = struct.Struct("<4s4H2LH")
# Bytes as such, in which anything may be packed; the starts of this many are looked at.
BYTE_TYPES = frozenset({"U8", "I8", "BOOL"})
LOOKED_AT = 1000


class Polyglot:
    """A ZIP's end record near the end; other formats' beginnings where the tensors begin."""

    def findings(self, file: OpenedFile) -> Iterator[Finding]:
        if file.header is None:
            return
        with file.path.open("rb") as opened:
            yield from _zip_tail(opened, file.size)
            yield from _tensor_starts(opened, file.header)


def _zip_tail(opened: BinaryIO, size: int) -> Iterator[Finding]:
    start = max(0, size - TAIL_BYTES)
    opened.seek(start)
    tail = opened.read(TAIL_BYTES)
    at = tail.rfind(b"PK\x05\x06")
    while at >= 0:
        if _is_end_record(opened, tail, start, at):
            yield Finding(
                "danger", "The file is a ZIP archive as well: programs that read from the end would open that."
            )
            return
        at = tail.rfind(b"PK\x05\x06", 0, at)


def _is_end_record(opened: BinaryIO, tail: bytes, start: int, at: int) -> bool:
    """Four letters occur in weights by chance; an end record also knows where its directory is."""
    if len(tail) - at < END_RECORD.size:
        return False
    *_, directory_size, _offset, comment = END_RECORD.unpack_from(tail, at)
    if tail[max(0, at - 20) : at].startswith(b"PK\x06\x07"):
        return True
    directory = start + at - directory_size
    if directory < 0:
        return False
    if directory_size == 0:
        return len(tail) - at == END_RECORD.size + comment
    opened.seek(directory)
    return opened.read(4) == b"PK\x01\x02"


def _tensor_starts(opened: BinaryIO, header: Header) -> Iterator[Finding]:
    first = min((info.start for info in header.tensors.values() if info.end > info.start), default=None)
    packed = [
        (info.start, name) for name, info in header.tensors.items() if info.dtype in BYTE_TYPES or info.start == first
    ]
    for start, name in sorted(packed)[:LOOKED_AT]:
        opened.seek(header.data_start + start)
        info = header.tensors[name]
        if found := foreign(opened.read(min(HEAD_BYTES, info.end - info.start))):
            yield Finding("danger", f"A tensor's bytes are {NAMES[found]}, not weights.", name[:200])
            return


check = Polyglot()
