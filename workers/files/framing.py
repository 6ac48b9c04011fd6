"""The beginning of a safetensors file that is written here: its length and its header, before the tensors' bytes."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping


def framed(tensors: Iterable[tuple[str, str, Iterable[int], int]], metadata: Mapping[str, str]) -> bytes:
    """What comes before the bytes of ``tensors`` (name, safetensors' type, shape, size in bytes), which follow in that
    order. The same input gives the same bytes."""
    header: dict[str, object] = {"__metadata__": {"format": "pt", **metadata}}
    end = 0
    for name, dtype, shape, size in tensors:
        start, end = end, end + size
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}
    raw = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    raw += b" " * (-len(raw) % 8)
    return struct.pack("<Q", len(raw)) + raw
