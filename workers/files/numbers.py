"""The numbers of one small tensor, read from its place in the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from workers.plugins import Header

# A bias of some hundred numbers is asked for, never a weight.
MOST_BYTES = 64 * 1024
_TYPES: dict[str, npt.DTypeLike] = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "BF16": "<u2"}


def read(path: Path, header: Header, key: str) -> list[float]:
    """The tensor ``key`` as plain numbers; none where it is not there, too large, not floating or not finite."""
    info = header.tensors.get(key)
    if info is None or info.dtype not in _TYPES or info.end - info.start > MOST_BYTES:
        return []
    with path.open("rb") as file:
        file.seek(header.data_start + info.start)
        raw = np.frombuffer(file.read(info.end - info.start), _TYPES[info.dtype])
    if info.dtype == "BF16":  # the upper half of an F32
        raw = (raw.astype(np.uint32) << 16).view(np.float32)
    return raw.astype(np.float64).tolist() if np.isfinite(raw).all() else []
