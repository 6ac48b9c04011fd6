"""Our own reader of GGUF headers: names, shapes, number types and metadata; no tensor's byte is looked at.

The format (ggml-org/ggml, `docs/gguf.md`, versions 2 and 3): ``GGUF``, version u32, tensors u64, keys u64, then the
keys with their values, then the tensors' names, dimensions (the last first), types and offsets, then their data,
aligned. The parsers of others fell to files made for that, so every length is held against the bytes that are left
before anything is made of it, and nothing is handed to C code.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from workers import settings
from workers.files.safetensors import MAX_TENSORS, BadHeader, NeedMore
from workers.files.text import evidence
from workers.plugins import Header, TensorInfo

MAGIC = b"GGUF"
VERSIONS = (2, 3)
DEFAULT_ALIGNMENT = 32
MAX_ALIGNMENT = 64 * 1024
MAX_KEYS = 65_536
MAX_KEY_BYTES = 65_535
MAX_NAME_BYTES = 512
MAX_DIMENSIONS = 4
MAX_ELEMENTS = 2**48
# A vocabulary of 256,000 words is an array of as many texts; its merges are one more.
MAX_ARRAY = 4_000_000
# Read at first; four times more where the header goes on.
FIRST_BYTES = 1024**2

# Number types: (elements of a block, bytes of a block).
TYPES: dict[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 36),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
}
# Types of values: how one is packed. 7 is a truth of one byte; 8 a text; 9 an array.
_LETTERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B", 10: "Q", 11: "q", 12: "d"}
_SCALARS = {number: struct.Struct("<" + letter) for number, letter in _LETTERS.items()}
_BOOL, _STRING, _ARRAY = 7, 8, 9
_U32, _U64 = struct.Struct("<I"), struct.Struct("<Q")
# Tools that flatten a tensor keep its shape here.
SHAPES = "comfy.gguf.orig_shape."


def read(path: Path) -> Header:
    """The header of the file at ``path``; numbers are metadata as texts, arrays are left out. Raises `BadHeader`;
    `OSError` where the file cannot be read."""
    size = path.stat().st_size
    wanted = FIRST_BYTES
    with path.open("rb") as file:
        while True:
            file.seek(0)
            try:
                return read_prefix(file.read(wanted), size)
            except NeedMore as more:
                if wanted >= settings.HEADER_BYTES:
                    raise BadHeader(
                        "header-too-long",
                        f"The header is longer than the {settings.HEADER_BYTES:,} bytes that this hub reads.",
                    ) from more
                wanted = min(settings.HEADER_BYTES, max(4 * wanted, more.bytes))


def read_prefix(prefix: bytes, size: int) -> Header:
    """The header of a file of ``size`` bytes that begins with ``prefix``. Raises `BadHeader`; `NeedMore` where the
    bytes at hand end before the header does."""
    reader = _Reader(prefix, size)
    if reader.take(4) != MAGIC:
        raise BadHeader("magic", "This is not a GGUF file: it does not begin with its four letters.")
    _check_version(reader.u32())
    tensors, keys = reader.u64(), reader.u64()
    if keys > MAX_KEYS:
        raise BadHeader("too-many-keys", f"The header says that it has {keys:,} keys; {MAX_KEYS:,} are the most.")
    if tensors > MAX_TENSORS:
        raise BadHeader("too-many-tensors", f"The header names {tensors:,} tensors; {MAX_TENSORS:,} are the most.")
    reader.expect(keys * (8 + 1 + 4 + 1) + tensors * (8 + 4 + 4 + 8))
    values = _values(reader, keys)
    alignment = _alignment(values)
    named = [_tensor(reader) for _ in range(tensors)]
    start = -(-reader.at // alignment) * alignment
    return Header(
        _checked(named, values, size - start, alignment),
        {key: _as_text(value) for key, value in values.items() if not isinstance(value, list)},
        data_start=start,
    )


class _Reader:
    """The bytes at hand, read in order. What runs past the file is broken; past the bytes at hand, more are needed."""

    def __init__(self, data: bytes, size: int) -> None:
        self.data, self.size, self.at = data, size, 0

    def expect(self, count: int) -> None:
        """Stop where ``count`` more bytes cannot follow."""
        if self.at + count > self.size:
            raise BadHeader(
                "cut-off", f"The header needs {count:,} bytes more, but {self.size - self.at:,} follow: it is cut off."
            )

    def take(self, count: int) -> bytes:
        self.expect(count)
        end = self.at + count
        if end > len(self.data):
            raise NeedMore(end)
        taken = self.data[self.at : end]
        self.at = end
        return taken

    def skip(self, count: int) -> None:
        self.expect(count)
        if self.at + count > len(self.data):
            raise NeedMore(self.at + count)
        self.at += count

    def skip_texts(self, count: int) -> None:
        """Pass over ``count`` texts: a vocabulary has hundreds of thousands."""
        self.expect(8 * count)
        at, data, size, unpack = self.at, self.data, self.size, _U64.unpack_from
        last = len(data) - 8
        for _ in range(count):
            if at > last:
                break
            at += 8 + unpack(data, at)[0]
            if at > size:
                raise BadHeader("cut-off", "A text in an array of the metadata runs past the file's end.")
        else:
            self.at = at
            return
        self.at = at
        self.expect(8)
        raise NeedMore(at + 8)

    def u32(self) -> int:
        return _U32.unpack(self.take(4))[0]

    def u64(self) -> int:
        return _U64.unpack(self.take(8))[0]

    def text(self, most: int, what: str) -> str:
        length = self.u64()
        if length > most:
            raise BadHeader("text", f"{what} is said to be {length:,} bytes long; {most:,} are the most.")
        try:
            return self.take(length).decode()
        except UnicodeDecodeError as error:
            raise BadHeader("not-utf-8", f"{what} is not UTF-8.") from error


def _check_version(version: int) -> None:
    if version in VERSIONS:
        return
    if version and not version & 0xFFFF:
        raise BadHeader("big-endian", "The file's numbers are written backwards (big-endian); GGUF is little-endian.")
    raise BadHeader("version", f"This is GGUF version {version}; this hub reads {VERSIONS[0]} and {VERSIONS[1]}.")


def _values(reader: _Reader, count: int) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for _ in range(count):
        key = reader.text(MAX_KEY_BYTES, "A key of the metadata")
        if key in values:
            raise BadHeader("duplicate", "The metadata gives the same key twice.", evidence(key))
        kind = reader.u32()
        if kind == _ARRAY:
            values[key] = _array(reader, key)
        else:
            values[key] = _value(reader, kind, key)
    return values


def _value(reader: _Reader, kind: int, key: str) -> Any:
    if kind == _STRING:
        return reader.text(settings.HEADER_BYTES, "A text of the metadata")
    if kind not in _SCALARS:
        raise BadHeader("value-type", f"A value of the metadata has a type that we do not know: {kind}.", evidence(key))
    packed = _SCALARS[kind]
    (value,) = packed.unpack(reader.take(packed.size))
    if kind == _BOOL:
        if value > 1:
            raise BadHeader("value", f"A truth of the metadata is {value}, neither 0 nor 1.", evidence(key))
        return bool(value)
    return value


def _array(reader: _Reader, key: str) -> list[Any]:
    """An array, passed over; its numbers only where they are a shape."""
    kind, count = reader.u32(), reader.u64()
    if kind == _ARRAY:
        raise BadHeader("nested", "An array of the metadata holds arrays; this hub reads none.", evidence(key))
    if count > MAX_ARRAY:
        raise BadHeader("array", f"An array of the metadata has {count:,} values; {MAX_ARRAY:,} are the most.")
    if key.startswith(SHAPES) and kind in _SCALARS and count <= MAX_DIMENSIONS:
        return [_value(reader, kind, key) for _ in range(count)]
    if kind in _SCALARS:
        reader.skip(count * _SCALARS[kind].size)
    elif kind == _STRING:
        reader.skip_texts(count)
    else:
        raise BadHeader(
            "value-type", f"An array of the metadata has a type that we do not know: {kind}.", evidence(key)
        )
    return []


def _alignment(values: Mapping[str, Any]) -> int:
    alignment = values.get("general.alignment", DEFAULT_ALIGNMENT)
    whole = type(alignment) is int and 8 <= alignment <= MAX_ALIGNMENT
    if not whole or alignment & (alignment - 1):
        raise BadHeader("alignment", "The tensors' alignment is no power of two from 8 on.", evidence(str(alignment)))
    return alignment


def _tensor(reader: _Reader) -> tuple[str, tuple[int, ...], int, int]:
    """(name, shape, number type, offset) of the next tensor."""
    name = reader.text(MAX_NAME_BYTES, "A tensor's name")
    dimensions = reader.u32()
    if dimensions > MAX_DIMENSIONS:
        raise BadHeader(
            "rank", f"A tensor has {dimensions:,} dimensions; {MAX_DIMENSIONS} are the most.", evidence(name)
        )
    shape = tuple(reader.u64() for _ in range(dimensions))[::-1]
    if math.prod(shape) > MAX_ELEMENTS or any(side > MAX_ELEMENTS for side in shape):
        raise BadHeader("shape", "A tensor's shape holds more than a tensor can.", evidence(f"{name}: {shape}"))
    return name, shape, reader.u32(), reader.u64()


def _checked(
    named: list[tuple[str, tuple[int, ...], int, int]], values: Mapping[str, Any], size: int, alignment: int
) -> dict[str, TensorInfo]:
    """The tensors by name: of known types, apart from each other, covering ``size`` bytes but for the alignment."""
    tensors: dict[str, TensorInfo] = {}
    for name, shape, kind, offset in named:
        if name in tensors:
            raise BadHeader("duplicate", "Two tensors have the same name.", evidence(name))
        tensors[name] = _placed(name, shape, kind, offset, alignment)
        if (original := values.get(SHAPES + name)) is not None:
            tensors[name] = _reshaped(name, tensors[name], original)
    end, padded = 0, 0
    for start, stop, name in sorted((info.start, info.end, name) for name, info in tensors.items()):
        if start < end:
            raise BadHeader("layout", "A tensor overlaps the one before it.", evidence(name))
        if start > padded:
            raise BadHeader("layout", f"A tensor leaves a hole of {start - padded:,} bytes before it.", evidence(name))
        end, padded = stop, -(-stop // alignment) * alignment
    if tensors and end > size:
        raise BadHeader("cut-off", f"The tensors need {end:,} bytes, but {max(0, size):,} follow: it is cut off.")
    if size > padded:
        raise BadHeader("trailing", f"{size - padded:,} bytes follow the last tensor; nothing may.")
    return tensors


def _placed(name: str, shape: tuple[int, ...], kind: int, offset: int, alignment: int) -> TensorInfo:
    if kind not in TYPES:
        raise BadHeader("dtype", f"A tensor has a number type that we do not know: {kind}.", evidence(name))
    dtype, block, block_bytes = TYPES[kind]
    if (shape[-1] if shape else 1) % block:
        raise BadHeader("half-block", f"A tensor's rows are not whole blocks of {dtype}.", evidence(f"{name}: {shape}"))
    if offset % alignment:
        raise BadHeader("offset", f"A tensor does not begin at a multiple of {alignment} bytes.", evidence(name))
    return TensorInfo(dtype, shape, (offset, offset + math.prod(shape) // block * block_bytes))


def _reshaped(name: str, info: TensorInfo, original: Any) -> TensorInfo:
    shape = tuple(original) if isinstance(original, list) else ()
    if (
        not shape
        or any(type(side) is not int or side < 0 for side in shape)
        or math.prod(shape) != math.prod(info.shape)
    ):
        _refuse_shape(name, shape)
    return TensorInfo(info.dtype, shape, info.data_offsets)


def _refuse_shape(name: str, shape: tuple[Any, ...]) -> NoReturn:
    raise BadHeader(
        "shape", "A tensor's original shape has another size than the tensor.", evidence(f"{name}: {shape}")
    )


def _as_text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
