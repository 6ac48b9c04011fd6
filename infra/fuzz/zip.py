"""ZIP archives; one that is taken, Python's own reader unpacks to the same files."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib

from infra.fuzz import INTERESTING, Fuzz, bytes_changed
from workers.files.archive import BadArchive, members_in

NAMES = ("a", "b.png", "folder/", "folder/c.safetensors", "../x", "/etc/x", "C:x", "A", "é", "x\x00y", "a\\b", "")
BYTES = (b"", b"hello", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04" + bytes(30), bytes(300), bytes(range(256)))


def make(chance: random.Random) -> bytes:
    """Some files in an archive, with one of its numbers in twenty another than it should be."""
    strange = chance.choice((0.0, 0.005, 0.02, 0.1))

    def number(value: int, size: int) -> bytes:
        told = chance.choice(INTERESTING) if chance.random() < strange else value
        return (told % 256**size).to_bytes(size, "little")

    entries, directory = b"", b""
    count = chance.randrange(4)
    for _ in range(count):
        name = chance.choice(NAMES if chance.random() < 0.2 else NAMES[:4]).encode()
        raw = b"" if name.endswith(b"/") else chance.choice(BYTES)
        method = chance.choice((0, 8)) if raw else 0
        packed = raw if method == 0 else _deflated(raw)
        flags = chance.choice((0, 0, 8)) | (0 if name.isascii() else 0x800)
        start = len(entries)
        crc = number(zlib.crc32(raw), 4)
        sizes = number(len(packed), 4) + number(len(raw), 4)
        here = bytes(12) if flags & 8 else crc + sizes
        fixed = number(20, 2) + number(flags, 2) + number(method, 2) + number(0, 4)
        extra = chance.choice((b"", b"", b"\x01\x00\x08\x00" + bytes(8), b"UT\x05\x00\x01abcd", b"\x01\x00\xff"))
        entries += b"PK\x03\x04" + fixed + here + number(len(name), 2) + number(0, 2) + name + packed
        if flags & 8:
            entries += chance.choice((b"PK\x07\x08", b"")) + crc + sizes
        directory += b"PK\x01\x02" + number(0x031E, 2) + fixed + crc + sizes + number(len(name), 2)
        directory += number(len(extra), 2) + number(0, 2) + number(0, 2) + number(0, 2)
        directory += number(0o100644 << 16, 4) + number(start, 4) + name + extra
    end = b"PK\x05\x06" + number(0, 2) + number(0, 2) + number(count, 2) + number(count, 2)
    end += number(len(directory), 4) + number(len(entries), 4) + number(0, 2)
    if chance.random() < 0.05:
        end = _large_end(len(entries), len(directory), count, number) + end
    raw = entries + directory + end
    return raw if chance.random() < 0.85 else bytes_changed(raw, chance, chance.randrange(1, 4))


def _deflated(raw: bytes) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(raw) + packer.flush()


def _large_end(start: int, length: int, count: int, number) -> bytes:
    record = b"PK\x06\x06" + number(44, 8) + struct.pack("<2H2L", 45, 45, 0, 0)
    record += number(count, 8) + number(count, 8) + number(length, 8) + number(start, 8)
    return record + b"PK\x06\x07" + number(0, 4) + number(start + length, 8) + number(1, 4)


def read(raw: bytes) -> bool:
    found = members_in(io.BytesIO(raw), len(raw))
    with zipfile.ZipFile(io.BytesIO(raw)) as other:
        theirs = {entry.filename: entry.file_size for entry in other.infolist() if not entry.is_dir()}
        assert {member.name: member.size for member in found} == theirs
        assert other.testzip() is None
    return True


fuzz = Fuzz("zip", make, read, (BadArchive,))
