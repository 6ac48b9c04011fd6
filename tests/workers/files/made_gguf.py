"""GGUF files made in code, sound or broken in exactly one way."""

import struct
from collections.abc import Sequence
from typing import Any

Tensor = tuple[str, Sequence[int], int, int]  # name, dimensions (the last first), number type, offset


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def pair(key: str, kind: int, packed: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + packed


def word(key: str, value: str) -> bytes:
    return pair(key, 8, text(value))


def number(key: str, value: int) -> bytes:
    return pair(key, 4, struct.pack("<I", value))


def words(key: str, values: Sequence[str]) -> bytes:
    return pair(key, 9, struct.pack("<IQ", 8, len(values)) + b"".join(map(text, values)))


def info(name: str, dimensions: Sequence[int], kind: int, offset: int) -> bytes:
    return text(name) + struct.pack(f"<I{len(dimensions)}QIQ", len(dimensions), *dimensions, kind, offset)


def file(
    pairs: Sequence[bytes] = (), infos: Sequence[bytes] = (), data: bytes = b"", alignment: int = 32, **changes: Any
) -> bytes:
    """A file of these parts; changes: magic, version, tensors, keys."""
    told = {"magic": b"GGUF", "version": 3, "tensors": len(infos), "keys": len(pairs)} | changes
    head = told["magic"] + struct.pack("<IQQ", told["version"], told["tensors"], told["keys"])
    head += b"".join(pairs) + b"".join(infos)
    return head + (b"\0" * (-len(head) % alignment) + data if infos else b"")


def of(shapes: dict[str, Sequence[int]], architecture: str = "flux", kind: int = 1, size: int = 2) -> bytes:
    """A sound file of F16 tensors of these shapes, as PyTorch counts them, one value everywhere."""
    infos, data = [], b""
    for name, shape in shapes.items():
        count = 1
        for side in shape:
            count *= side
        infos.append(info(name, tuple(shape)[::-1], kind, len(data)))
        data += b"\x01\x3c" * (count * size // 2)
        data += b"\0" * (-len(data) % 32)
    return file([word("general.architecture", architecture)], infos, data)
