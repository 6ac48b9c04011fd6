"""Our own reader of safetensors headers: names, shapes and metadata, from a path or from a file's first bytes.

The format (huggingface/safetensors, `tensor.rs` 0.8): a little-endian u64 N, N bytes of UTF-8 JSON, then bytes that the
tensors cover exactly. The rules are the reference's, but for what it lets pass against its own specification: names
given twice, absurd ranks and counts, headers that unfold to gigabytes. Nothing is read or parsed before its
length is known to be sane.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeAlias

import msgspec

from workers import settings
from workers.files.sniff import HEAD_BYTES, NAMES, foreign
from workers.files.text import evidence
from workers.plugins import Header, TensorInfo

# Bits of one element; the reference's whole list.
DTYPE_BITS = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
}
# Beyond anything that was ever trained: the largest honest models hold some thousand tensors of four dimensions.
MAX_TENSORS = 100_000
MAX_RANK = 8
MAX_DIMENSION = 2**63 - 1
MAX_DEPTH = 4
# JSON this short cannot unfold to anything that matters, so its structure is not counted before it is parsed.
HARMLESS_JSON_BYTES = 1024**2
MAX_JSON_VALUES = 2_000_000
MAX_JSON_TEXTS = 1_000_000

# Possessive: a text of millions of escapes would else keep as many places to go back to.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_WHITESPACE = b" \t\r\n"
_FIELDS = ("dtype", "shape", "data_offsets")

# As the reference's writer has it: the metadata first, entries of three fields in this order, no white space.
_METADATA = b'{"__metadata__":'
_ENCODER = msgspec.json.Encoder()
_TEXTS = msgspec.json.Decoder(dict[str, str])
_Size: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=MAX_DIMENSION)]


class _Plain(TensorInfo, frozen=True, gc=False, forbid_unknown_fields=True):
    """`TensorInfo`, whose fields are checked while they are decoded."""

    dtype: Literal[tuple(DTYPE_BITS)]  # type: ignore[valid-type]
    shape: Annotated[tuple[_Size, ...], msgspec.Meta(max_length=MAX_RANK)]
    data_offsets: tuple[_Size, _Size]


_PLAIN = msgspec.json.Decoder(dict[str, _Plain])

# A JSON object, before it is known that no name comes twice.
Pairs: TypeAlias = tuple[tuple[str, Any], ...]


class BadHeader(Exception):
    """The file is not a sound safetensors file. ``code`` for programs, ``sentence`` for its owner, ``evidence``."""

    def __init__(self, code: str, sentence: str, evidence: str = "") -> None:
        super().__init__(sentence)
        self.code, self.sentence, self.evidence = code, sentence, evidence


class NeedMore(Exception):
    """The bytes at hand end before the header does; ``bytes`` from the file's beginning will do."""

    def __init__(self, bytes: int) -> None:
        super().__init__(f"{bytes} bytes needed")
        self.bytes = bytes


def read(path: Path) -> Header:
    """The header of the file at ``path``. Raises `BadHeader`; `OSError` where the file cannot be read."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = header_length(file.read(HEAD_BYTES), size)
        file.seek(8)
        return parse(file.read(length), size)


def read_prefix(prefix: bytes, size: int) -> Header:
    """The header of a file of ``size`` bytes that begins with ``prefix``: for reading while the rest still comes.

    Raises `NeedMore` with the bytes that are needed, `BadHeader` as soon as the bytes at hand condemn the file.
    """
    if len(prefix) < min(8, size):
        raise NeedMore(8)
    length = header_length(prefix, size)
    if len(prefix) < 8 + length:
        raise NeedMore(8 + length)
    return parse(prefix[8 : 8 + length], size)


def header_length(head: bytes, size: int) -> int:
    """The header's length in bytes, from a file's first eight. Raises `BadHeader`."""
    if size == 0:
        raise BadHeader("empty", "The file is empty.")
    if size < 8 or len(head) < 8:
        raise BadHeader("too-short", f"The file has {size} bytes; a safetensors file begins with a length of eight.")
    (length,) = struct.unpack_from("<Q", head)
    left = size - 8
    if length == 0:
        raise BadHeader("no-header", "The file says that its header is empty, so it names no tensors.")
    if length <= min(left, settings.HEADER_BYTES):
        return length
    if name := foreign(head):
        raise BadHeader("disguise", f"This is not a safetensors file: its bytes are {NAMES[name]}.")
    if struct.unpack_from(">Q", head)[0] <= left:
        raise BadHeader(
            "big-endian", "The header's length is written backwards (big-endian); safetensors is little-endian."
        )
    if length <= left:
        raise BadHeader(
            "header-too-long",
            f"The header is {length:,} bytes long; this hub reads headers up to {settings.HEADER_BYTES:,} bytes.",
        )
    raise BadHeader(
        "past-end",
        f"The header is said to be {length:,} bytes long, but only {left:,} follow: it is cut off or no safetensors.",
    )


def parse(raw: bytes, size: int) -> Header:
    """The header whose JSON is ``raw``, of a file of ``size`` bytes. Raises `BadHeader`."""
    text = _decode(raw)
    if (plain := _read_plain(raw, size)) is not None:
        return plain
    document = _unique(_load(raw, text))
    metadata = _metadata(document.pop("__metadata__", ()))
    if len(document) > MAX_TENSORS:
        _too_many(len(document))
    odd: set[str] = set()
    tensors = {name: _tensor(name, entry, odd) for name, entry in document.items()}
    _check_layout(tensors, size - 8 - len(raw))
    remarks = []
    if raw[:1] != b"{":
        remarks.append("The header begins with white space; the specification wants a brace.")
    if odd:
        remarks.append(f"Tensors have fields that the specification does not know: {evidence(', '.join(sorted(odd)))}.")
    return Header(tensors, metadata, 8 + len(raw), tuple(remarks))


def _decode(raw: bytes) -> str:
    if raw.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise BadHeader("byte-order-mark", "The header begins with a byte-order mark; safetensors headers have none.")
    if not raw.lstrip(_WHITESPACE).startswith(b"{"):
        raise BadHeader(
            "not-object", "The header is not a JSON object: it does not begin with a brace.", evidence(repr(raw[:40]))
        )
    if b"\x00" in raw:
        raise BadHeader("nul", "The header holds NUL bytes: it is padded with them, or is not UTF-8.")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadHeader("not-utf8", f"The header is not UTF-8 (byte {error.start:,}).") from error


def _read_plain(raw: bytes, size: int) -> Header | None:
    """The header where it is sound and as the reference writes it, read at once; else None: `parse` says what is odd.

    What reads to entries of three fields in their order, and is written to the very same bytes again, lost nothing on
    the way: no name given twice, no field of its own, no other form of a number or a letter.
    """
    if _too_many_texts(raw):
        return None
    try:
        metadata, entries = _parted(raw)
        tensors = _PLAIN.decode(entries)
        if _ENCODER.encode(tensors) != entries or "__metadata__" in tensors:
            return None
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    if len(tensors) > MAX_TENSORS:
        _too_many(len(tensors))
    expected, left, in_order = 0, size - 8 - len(raw), True
    for info in tensors.values():
        start, end = info.data_offsets
        if DTYPE_BITS[info.dtype] * prod(info.shape) != (end - start) * 8:
            return None
        if start != expected:
            in_order = False
        expected = end
    if not in_order or expected != left:
        _check_layout(tensors, left)
    return Header(tensors, metadata, 8 + len(raw))


def _parted(raw: bytes) -> tuple[dict[str, str], bytes]:
    """The metadata, and the object of all that follows it. Raises `ValueError` where they are not plain.

    A quote inside a text is escaped, so the first bare ``"},"`` ends the metadata, unless a text ends that way: then
    what is cut off is no JSON, since an object's beginning is never an object.
    """
    raw = raw.rstrip(b" ")
    if not raw.startswith(_METADATA):
        return {}, raw
    start = len(_METADATA)
    if raw.startswith(b"{}", start):
        end = start + 2
    else:
        found = raw.find(b'"},"', start)
        end = found + 2 if found >= 0 else len(raw) - 1
    told, following = raw[start:end], raw[end:]
    metadata = _TEXTS.decode(told)
    if not _given_once(told, metadata) or not (following == b"}" or following.startswith(b',"')):
        raise ValueError
    return metadata, b"{" + following.removeprefix(b",")


def _given_once(told: bytes, metadata: Mapping[str, str]) -> bool:
    """Whether no name in ``told`` was given twice, of which ``metadata`` was read: it is written to the same bytes, or
    has four quotes that no backslash precedes for each pair."""
    if _ENCODER.encode(metadata) == told:
        return True
    if b'\\\\"' in told:  # a backslash that is escaped itself: they cannot be told apart by counting
        return False
    return told.count(b'"') - told.count(b'\\"') == 4 * len(metadata)


def _load(raw: bytes, text: str) -> Pairs:
    """The JSON, with every object as a tuple of its pairs, so that names given twice are still to be seen."""
    if len(raw) > HARMLESS_JSON_BYTES:
        _check_structure(raw)
    try:
        # "-0" is a float to the reference, a whole number to Python; asked for only where it occurs, as it costs time.
        document = json.loads(
            text,
            object_pairs_hook=tuple,
            parse_constant=_not_json,
            parse_int=_whole if b"-0" in raw else None,
        )
        if b"\\ud" in raw or b"\\uD" in raw:
            json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise BadHeader(
            "surrogate", "A text in the header holds half of a surrogate pair, which is no letter."
        ) from error
    except RecursionError as error:
        raise BadHeader("too-deep", f"The header is nested deeper than {MAX_DEPTH} levels.") from error
    except json.JSONDecodeError as error:
        raise BadHeader("not-json", f"The header is not JSON: {error.msg} (at letter {error.pos:,}).") from error
    except ValueError as error:  # a number of more than 4,300 digits
        raise BadHeader("number", "The header holds a number with thousands of digits.") from error
    if not isinstance(document, tuple):  # pragma: no cover  it begins with a brace
        raise BadHeader("not-object", "The header is not a JSON object.")
    return document


def _check_structure(raw: bytes) -> None:
    """Count nesting, objects and values without parsing, so that a long header cannot unfold to gigabytes."""
    if _too_many_texts(raw):
        raise BadHeader(
            "too-many-values", f"The header holds more than {MAX_JSON_TEXTS:,} texts; no model has as many."
        )
    bare = _STRING.sub(b"", raw)
    if bare.count(b"{") > MAX_TENSORS + 2:
        _too_many(bare.count(b"{") - 1)
    if bare.count(b",") + bare.count(b"[") > MAX_JSON_VALUES:
        raise BadHeader("too-many-values", f"The header holds more than {MAX_JSON_VALUES:,} values.")
    depth = 0
    for bracket in re.finditer(rb"[\[\]{}]", bare):
        depth += 1 if bracket[0] in b"[{" else -1
        if depth > MAX_DEPTH:
            raise BadHeader("too-deep", f"The header is nested deeper than {MAX_DEPTH} levels.")


def _too_many_texts(raw: bytes) -> bool:
    """Whether the JSON holds more texts than sense: each is a small object in memory, so they are counted first."""
    quotes = 2 * MAX_JSON_TEXTS
    return len(raw) > quotes < raw.count(b'"') and raw.count(b'"') - raw.count(b'\\"') > quotes


def _too_many(count: int) -> NoReturn:
    raise BadHeader("too-many-tensors", f"The header names {count:,} tensors; no model has more than {MAX_TENSORS:,}.")


def _unique(pairs: Pairs) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) == len(pairs):
        return made
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise BadHeader(
                "duplicate",
                "The header gives the same name twice, so two readers may see two different files.",
                evidence(key),
            )
        seen.add(key)
    raise AssertionError("dict() lost a key that was given once")


def _not_json(constant: str) -> NoReturn:
    raise BadHeader("not-json", f"The header is not JSON: {constant} is no JSON number.")


def _whole(digits: str) -> int | float:
    return -0.0 if digits == "-0" else int(digits)


def _metadata(given: Any) -> dict[str, str]:
    if not isinstance(given, tuple | dict):
        raise BadHeader("metadata", "The header's metadata is not an object of texts.", evidence(repr(given)))
    metadata = given if isinstance(given, dict) else _unique(given)
    for key, value in metadata.items():
        if not isinstance(value, str):
            raise BadHeader("metadata", "The header's metadata may hold texts only.", evidence(f"{key}: {value!r}"))
    return metadata


def _tensor(name: str, entry: Any, odd: set[str]) -> TensorInfo:
    """One checked entry; the layout among them is checked apart. Unknown fields' names go to ``odd``."""
    try:  # as every writer has it
        dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    except (KeyError, TypeError):
        dtype, shape, offsets = _fields(name, entry, odd)
    else:
        if len(entry) != 3:
            dtype, shape, offsets = _fields(name, entry, odd)
    try:
        bits = DTYPE_BITS[dtype]
        start, end = offsets
    except (KeyError, TypeError, ValueError):
        _refuse_entry(name, dtype, shape, offsets)
    if type(shape) is not list or type(start) is not int or type(end) is not int or type(offsets) is not list:
        _refuse_entry(name, dtype, shape, offsets)
    if len(shape) > MAX_RANK:
        raise BadHeader("rank", f"A tensor has {len(shape):,} dimensions; {MAX_RANK} are the most.", evidence(name))
    wanted = bits
    for number in shape:
        if type(number) is not int or not 0 <= number <= MAX_DIMENSION:
            raise BadHeader("shape", "A tensor's shape holds what is no size.", evidence(f"{name}: {shape!r}"))
        wanted *= number
    if not 0 <= start <= end:
        raise BadHeader("offsets", "A tensor ends before it begins.", evidence(f"{name}: {offsets!r}"))
    if wanted != (end - start) * 8:
        if wanted % 8:
            raise BadHeader(
                "half-byte", "A tensor's bits do not fill whole bytes.", evidence(f"{name}: {dtype} {shape!r}")
            )
        raise BadHeader(
            "size",
            f"A tensor of this shape has {wanted // 8:,} bytes, but {end - start:,} are set aside for it.",
            evidence(f"{name}: {dtype} {shape!r}"),
        )
    return TensorInfo(dtype, tuple(shape), (start, end))


def _fields(name: str, entry: Any, odd: set[str]) -> tuple[Any, Any, Any]:
    """dtype, shape and data_offsets of an entry, as they stand."""
    if not isinstance(entry, tuple | dict):
        raise BadHeader(
            "entry", "A tensor is described by something that is no object.", evidence(f"{name}: {entry!r}")
        )
    fields = entry if isinstance(entry, dict) else _unique(entry)
    for field in _FIELDS:
        if field not in fields:
            raise BadHeader("entry", f"A tensor has no {field}.", evidence(name))
    for field in fields.keys() - set(_FIELDS):
        odd.add(field)
        if isinstance(fields[field], tuple | list | dict):
            raise BadHeader("too-deep", "A tensor has a field of its own that is nested.", evidence(name))
    return fields["dtype"], fields["shape"], fields["data_offsets"]


def _refuse_entry(name: str, dtype: Any, shape: Any, offsets: Any) -> NoReturn:
    """Say what is wrong with an entry's fields that could not be used."""
    if not isinstance(dtype, str):
        raise BadHeader("dtype", "A tensor's number type is not a text.", evidence(f"{name}: {dtype!r}"))
    if dtype not in DTYPE_BITS:
        raise BadHeader("dtype", "A tensor has a number type that we do not know.", evidence(f"{name}: {dtype}"))
    if not isinstance(shape, list):
        raise BadHeader("shape", "A tensor's shape is not a list.", evidence(f"{name}: {shape!r}"))
    raise BadHeader("offsets", "A tensor's data_offsets are not two whole numbers.", evidence(f"{name}: {offsets!r}"))


def _check_layout(tensors: Mapping[str, TensorInfo], size: int) -> None:
    """The tensors cover ``size`` bytes exactly: from 0, no hole, no overlap, nothing behind the last."""
    expected = 0
    for start, end, name in sorted((info.start, info.end, name) for name, info in tensors.items()):
        if start != expected:
            what = (
                "overlaps the one before it"
                if start < expected
                else f"leaves a hole of {start - expected:,} bytes before it"
            )
            raise BadHeader("layout", f"A tensor {what}.", evidence(name))
        expected = end
    if expected > size:
        raise BadHeader("cut-off", f"The tensors need {expected:,} bytes, but the file holds {size:,}: it is cut off.")
    if expected < size:
        raise BadHeader("trailing", f"{size - expected:,} bytes follow the last tensor; nothing may.")
