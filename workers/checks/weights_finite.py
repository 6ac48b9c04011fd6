"""Weights that are no numbers draw black pictures; weights that are all zero do nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from workers.files.text import evidence
from workers.messages import Finding
from workers.plugins import OpenedFile, TensorInfo

CHUNK_BYTES = 1024**2
NAMED = 3  # tensors in a finding's evidence

# An element's bits as an unsigned integer, without its sign, are at least ``infinity`` exactly when it is Inf or NaN.
_LAYOUTS: dict[str, tuple[npt.DTypeLike, int, int]] = {
    "F16": (np.uint16, 0x7FFF, 0x7C00),
    "BF16": (np.uint16, 0x7FFF, 0x7F80),
    "F32": (np.uint32, 0x7FFF_FFFF, 0x7F80_0000),
    "F64": (np.uint64, 0x7FFF_FFFF_FFFF_FFFF, 0x7FF0_0000_0000_0000),
    "F8_E5M2": (np.uint8, 0x7F, 0x7C),
    "F8_E4M3": (np.uint8, 0x7F, 0x7F),  # no infinity, one NaN
}
# The forms with one zero keep the place of minus zero for NaN.
_MINUS_ZERO_IS_NAN = frozenset({"F8_E4M3FNUZ", "F8_E5M2FNUZ"})


class WeightsFinite:
    """Every floating tensor is read once, in `CHUNK_BYTES` pieces."""

    def findings(self, file: OpenedFile) -> Iterator[Finding]:
        if file.header is None:
            return
        floating = {
            name: info
            for name, info in file.header.tensors.items()
            if info.end > info.start and (info.dtype in _LAYOUTS or info.dtype in _MINUS_ZERO_IS_NAN)
        }
        broken, zero = [], []
        buffer = bytearray(CHUNK_BYTES)
        with file.path.open("rb", buffering=0) as opened:
            for name, info in sorted(floating.items(), key=lambda item: item[1].start):
                not_finite, not_zero = _look(opened, file.header.data_start, info, buffer)
                if not_finite:
                    broken.append(f"{name} ({not_finite:,})")
                elif not not_zero:
                    zero.append(name)
        if broken:
            sentence = f"{len(broken):,} of {len(floating):,} tensors hold NaN or infinity, which draw black pictures."
            yield Finding("warning", sentence, _named(broken))
        if zero and len(zero) == len(floating):
            yield Finding("warning", "All weights are zero: the file changes nothing.")
        elif zero:
            yield Finding("note", f"{len(zero):,} of {len(floating):,} tensors are all zeros.", _named(zero))


def _look(opened: BinaryIO, data_start: int, info: TensorInfo, buffer: bytearray) -> tuple[int, bool]:
    """How many elements are NaN or infinite, and whether any is not zero."""
    count, not_zero, left = 0, False, info.end - info.start
    opened.seek(data_start + info.start)
    view = memoryview(buffer)
    while left:
        piece = view[: min(left, len(buffer))]
        got = _fill(opened, piece)
        if got < len(piece):
            raise OSError("the file ends before its tensors do")
        bad, some = _look_at(piece, info.dtype)
        count, not_zero, left = count + bad, not_zero or some, left - got
    return count, not_zero


def _fill(opened: BinaryIO, piece: memoryview) -> int:
    got = 0
    while got < len(piece) and (more := opened.readinto(piece[got:])):  # type: ignore[attr-defined]
        got += more
    return got


def _look_at(piece: memoryview, dtype: str) -> tuple[int, bool]:
    if dtype in _MINUS_ZERO_IS_NAN:
        bits = np.frombuffer(piece, np.uint8)
        return int(np.count_nonzero(bits == 0x80)), bool(bits.any())
    unsigned, without_sign, infinity = _LAYOUTS[dtype]
    bits = np.frombuffer(piece, unsigned) & unsigned(without_sign)  # type: ignore[operator,misc]
    largest = int(bits.max())
    if largest < infinity:
        return 0, largest > 0
    return int(np.count_nonzero(bits >= infinity)), True


def _named(names: list[str]) -> str:
    more = f", and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(evidence(name)[:100] for name in names[:NAMED]) + more


check = WeightsFinite()
