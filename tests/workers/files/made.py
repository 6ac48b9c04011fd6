"""Files made in code: a few hundred bytes each, sound or broken in exactly one way."""

import json
import struct
from collections.abc import Mapping
from typing import Any

Entry = tuple[str, list[int], bytes]


def framed(header: bytes | str, data: bytes = b"", length: int | None = None) -> bytes:
    """A file with this header as it stands."""
    raw = header.encode() if isinstance(header, str) else header
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


def tensors(entries: Mapping[str, Entry], metadata: Mapping[str, str] | None = None) -> bytes:
    """A sound file: name → (dtype, shape, bytes)."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    data = b""
    for name, (dtype, shape, raw) in entries.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    return framed(text + b" " * (-len(text) % 8), data)


def shapes(
    keys: Mapping[str, list[int]],
    metadata: Mapping[str, str] | None = None,
    dtype: str = "F16",
    fill: bytes = b"\x01\x3c",
) -> bytes:
    """A sound file of these shapes in a two-byte type, every element the same."""
    counted = {name: (dtype, shape, fill * _count(shape)) for name, shape in keys.items()}
    return tensors(counted, metadata)


def _count(shape: list[int]) -> int:
    count = 1
    for side in shape:
        count *= side
    return count


def one(**changes: Any) -> bytes:
    """One tensor ``w`` of two F32 in eight bytes of data, with its entry's fields changed; None drops a field."""
    entry: dict[str, Any] = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | changes
    entry = {field: value for field, value in entry.items() if value is not None}
    return framed(json.dumps({"w": entry}), b"\x00\x00\x80\x3f" * 2)


def two(first: tuple[int, int], second: tuple[int, int], data: int) -> bytes:
    """Two U8 tensors at these offsets over ``data`` bytes."""
    header = {
        name: {"dtype": "U8", "shape": [end - start], "data_offsets": [start, end]}
        for name, (start, end) in {"a": first, "b": second}.items()
    }
    return framed(json.dumps(header), bytes(data))
