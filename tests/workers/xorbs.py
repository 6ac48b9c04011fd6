"""Blocks of chunks as a Xet client makes them, for tests on both sides of the wire."""

import struct

import lz4.frame

CHUNK = 64 * 1024


def grouped(chunk: bytes) -> bytes:
    """Every fourth byte from the first, then from the second, and so on: the client's order for floats."""
    return b"".join(chunk[place::4] for place in range(4))


def packed(chunk: bytes, scheme: int, *, size: int | None = None) -> bytes:
    """A chunk with its header; ``size`` lies about its true length."""
    raw = {0: chunk, 1: lz4.frame.compress(chunk), 2: lz4.frame.compress(grouped(chunk))}.get(scheme, chunk)
    length = len(chunk) if size is None else size
    return bytes([0]) + len(raw).to_bytes(3, "little") + bytes([scheme]) + length.to_bytes(3, "little") + raw


def xorb(data: bytes, *, scheme: int | None = None) -> bytes:
    """A block of ``data`` in chunks of `CHUNK` bytes, each packed in another way unless ``scheme`` is one."""
    chunks = [data[start : start + CHUNK] for start in range(0, len(data), CHUNK)]
    return b"".join(packed(chunk, number % 3 if scheme is None else scheme) for number, chunk in enumerate(chunks))


def raw_hash(text: str) -> bytes:
    """The 32 bytes that are written as ``text``: four numbers of 64 bits, each little-endian."""
    return struct.pack("<4Q", *(int(text[start : start + 16], 16) for start in range(0, 64, 16)))


def shard(sha256: str, terms: list[tuple[str, int, int, int]], *, verified: bool = True, named: bool = True) -> bytes:
    """How one file is put together: runs of (block, first, behind the last, bytes)."""
    flags = (1 << 31 if verified else 0) | (1 << 30 if named else 0)
    out = b"HFRepoMetaData".ljust(32, b"\0") + struct.pack("<QQ", 2, 0)
    out += bytes(32) + struct.pack("<IIQ", flags, len(terms), 0)
    for block, first, end, size in terms:
        out += raw_hash(block) + struct.pack("<IIII", 0, size, first, end)
    out += bytes(48) * len(terms) if verified else b""
    out += raw_hash(sha256) + bytes(16) if named else b""
    return out + b"\xff" * 32 + bytes(16) + b"what follows is about blocks, and is not read" * 100
