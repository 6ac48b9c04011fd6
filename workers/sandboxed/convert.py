"""A pickle in, safetensors out: every tensor's bytes are copied from the storage that it lies in, none is computed.

convert <pickle> <safetensors to fill> <most bytes>. Prints, as JSON, what it found; a pickle that does not pass is an
answer too (``code``, ``sentence``), an exception is not one.
"""

from __future__ import annotations

import json
import math
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from workers.files import torch_file
from workers.files.framing import framed
from workers.files.pickle_values import BadPickle, Tensor
from workers.files.pickled_weights import Weights, weights_of
from workers.files.torch_file import Place

CHUNK_BYTES = 4 * 1024**2
# A view that is not in order is turned in memory.
MAX_TURNED_BYTES = 256 * 1024**2
# As safetensors' own writer orders tensors: the widest elements first.
_FORMS = {1: "u1", 2: "<u2", 4: "<u4", 8: "<u8"}


def convert(source: Path, target: Path, most: int) -> dict[str, object]:
    """Write ``target``, of at most ``most`` bytes; what is told of ``source``. Raises `BadPickle`."""
    found = torch_file.read(source)
    told: dict[str, object] = {"tier": found.tier, "extras": found.extras, "layout": found.layout}
    try:
        weights = weights_of(found.value)
        total = sum(_bytes(tensor) for tensor in weights.tensors.values())
        if total > most:
            raise BadPickle(
                "too-large", f"The tensors take {total:,} bytes, written out; {most:,} are the most for this file."
            )
        with source.open("rb") as read, target.open("wb") as written:
            _check_sums(read, found.places)
            _write(weights, found.places, read, written)
    except BadPickle as bad:
        bad.tier = bad.tier or found.tier
        raise
    return told | {"left_out": weights.left_out[:100], "tensors": len(weights.tensors)}


def _bytes(tensor: Tensor) -> int:
    return math.prod(tensor.shape) * tensor.number.bytes


def _check_sums(read: BinaryIO, places: dict[str, Place]) -> None:
    for key, place in places.items():
        if place.crc is None:
            continue
        crc = 0
        for piece in _pieces(read, place.start, place.size):
            crc = zlib.crc32(piece, crc)
        if crc != place.crc:
            raise BadPickle("zip-damaged", "A storage of the file is damaged: its checksum is wrong.", key)


def _pieces(read: BinaryIO, start: int, size: int) -> Iterator[bytes]:
    read.seek(start)
    while size:
        piece = read.read(min(size, CHUNK_BYTES))
        if not piece:
            raise BadPickle("broken", "The file ends before its storages do.")
        size -= len(piece)
        yield piece


def _write(weights: Weights, places: dict[str, Place], read: BinaryIO, written: BinaryIO) -> None:
    ordered = sorted(weights.tensors.items(), key=lambda item: (-item[1].number.bytes, item[0]))
    framing = [(name, tensor.number.dtype, tensor.shape, _bytes(tensor)) for name, tensor in ordered]
    written.write(framed(framing, weights.metadata))
    for name, tensor in ordered:
        if _bytes(tensor):
            for piece in _copied(name, tensor, places[tensor.storage.key], read):
                written.write(piece)


def _copied(name: str, tensor: Tensor, place: Place, read: BinaryIO) -> Iterator[bytes]:
    """The tensor's bytes, in order."""
    start = place.start + tensor.offset * tensor.number.bytes
    if _in_order(tensor):
        yield from _pieces(read, start, _bytes(tensor))
        return
    span = 1 + sum((size - 1) * step for size, step in zip(tensor.shape, tensor.stride, strict=True))
    if max(span * tensor.number.bytes, _bytes(tensor)) > MAX_TURNED_BYTES:
        raise BadPickle("too-large", "A tensor lies out of order in its storage, and is too large to be turned.", name)
    yield _turned(tensor, b"".join(_pieces(read, start, span * tensor.number.bytes)))


def _in_order(tensor: Tensor) -> bool:
    wanted = 1
    for size, step in zip(reversed(tensor.shape), reversed(tensor.stride), strict=True):
        if size != 1 and step != wanted:
            return False
        wanted *= size
    return True


def _turned(tensor: Tensor, span: bytes) -> bytes:
    import numpy as np

    elements = np.frombuffer(span, _FORMS[tensor.number.bytes])
    strides = tuple(step * tensor.number.bytes for step in tensor.stride)
    return np.lib.stride_tricks.as_strided(elements, tensor.shape, strides, writeable=False).tobytes()


if __name__ == "__main__":
    try:
        said = convert(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
    except BadPickle as bad:
        said = {"code": bad.code, "sentence": bad.sentence, "evidence": bad.evidence, "tier": bad.tier}
    print(json.dumps(said))
