"""The random numbers of an NVIDIA card, computed with numpy: Philox 4×32-10, and normal numbers by Box and Muller.

Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), table 2 for the constants. torch
gives each element of a tensor a counter of its own and lets one more call pass between tensors; its normal numbers are
the first of each pair, in fp32.
"""

from __future__ import annotations

import numpy as np

_MULTIPLY = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)  # the golden ratio, and √3 − 1
_ROUNDS = 10
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
# Whole numbers of 32 bits to (0, 1] and to (0, 2π], by the card's fp32 constants.
_UNIT = 2.3283064e-10
_TURN = 2.3283064e-10 * 6.2831855


class Philox:
    """The stream of ``seed``, 0 to 2⁶⁴ − 1."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.calls = 0

    def normal(self, count: int) -> np.ndarray:
        """The next ``count`` normal numbers, fp32."""
        first, second, *_ = self._words(count)
        radius = np.sqrt(-2 * np.log(first * _UNIT + _UNIT / 2))
        return (radius * np.sin(second * _TURN + _TURN / 2)).astype(np.float32)

    def _words(self, count: int) -> list[np.ndarray]:
        """Four words of 32 bits for each of ``count`` counters."""
        empty = np.zeros(count, np.uint64)
        words = [empty + np.uint64(self.calls), empty, np.arange(count, dtype=np.uint64), empty]
        self.calls += 1
        keys = [self.seed & 0xFFFFFFFF, self.seed >> 32]
        for _ in range(_ROUNDS):
            a, b = words[0] * _MULTIPLY[0], words[2] * _MULTIPLY[1]
            words = [
                (b >> _HALF) ^ words[1] ^ np.uint64(keys[0]),
                b & _LOW,
                (a >> _HALF) ^ words[3] ^ np.uint64(keys[1]),
                a & _LOW,
            ]
            keys = [(key + step) & 0xFFFFFFFF for key, step in zip(keys, _WEYL, strict=True)]
        return words
