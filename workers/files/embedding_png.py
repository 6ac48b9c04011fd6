"""A textual inversion inside a PNG, as A1111 shares it.

It is JSON, each tensor ``{"TORCHTENSOR": [[…], …]}``, in one of two places:

- in base64, in the text chunk ``sd-ti-embedding``;
- in the pixels, for sites that strip chunks: packed by zlib, the low halves of its bytes in columns at the left edge,
  the high halves in as many at the right, line by line, red, green, blue. A half is a colour's low four bits, mixed
  (xor) with noise that is the same in every file; the high four bits are ornament. A column whose low bits are all zero
  stands between each block and the picture. A black border around all of it does not count.

Runs behind the sandbox's walls: Pillow's decoder is a large program in C.
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, PngImagePlugin

from workers.files.pickled_weights import facts
from workers.files.text import clean, evidence

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK = "sd-ti-embedding"
TENSOR = "TORCHTENSOR"
MAX_BYTES = 32 * 1024**2
MAX_PIXELS = 16_000_000
# A file's vectors all fit between a prompt's begin and end; no text encoder's are wider than T5's.
MOST_VECTORS, WIDEST = 75, 4096
MOST_WORDS, MAX_WORD = 64, 200
# The most vectors, the widest, a number in 24 letters.
MAX_JSON_BYTES = 8 * 1024**2
MAX_BASE64 = 4 * MAX_JSON_BYTES // 3 + 4

LOW = 0x0F
# The noise: a linear congruential generator modulo 2³² (Numerical Recipes' constants) from 0, each number modulo 255.
_FACTOR, _ADDED, _MODULO = 1664525, 1013904223, 255
# What begins a zlib stream of a 32 KiB window, at each level.
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")


class BadEmbedding(Exception):
    """No textual inversion comes out of it. ``code`` for programs, ``sentence`` for its owner, ``evidence``."""

    def __init__(self, code: str, sentence: str, evidence: str = "") -> None:
        super().__init__(sentence)
        self.code, self.sentence, self.evidence = code, sentence, evidence


@dataclass(frozen=True)
class Embedding:
    """``place``: chunk or pixels. ``vectors``: float32 [n, width] by their names in safetensors, as
    `workers.adapters.textual_inversion` reads them. ``metadata``: name, step, token, checkpoint, where it says so."""

    place: str
    vectors: dict[str, NDArray[np.float32]]
    metadata: dict[str, str]


def read(path: Path) -> Embedding | None:
    """The textual inversion in the PNG at ``path``; None where it is a picture and no more. Raises `BadEmbedding`."""
    if path.stat().st_size > MAX_BYTES:
        raise BadEmbedding("too-large", f"The PNG is larger than {MAX_BYTES // 1024**2} MiB; none with vectors is.")
    text, pixels = _opened(path)
    if text is not None:
        return _embedding("chunk", _of_base64(text))
    packed = None if pixels is None else hidden(pixels)
    return None if packed is None else _embedding("pixels", _unpacked(packed))


def _opened(path: Path) -> tuple[str | None, NDArray[np.uint8] | None]:
    """The chunk's text where there is one, else the pixels, [height, width, 3]. Raises `BadEmbedding`."""
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    PngImagePlugin.MAX_TEXT_CHUNK = MAX_BASE64
    PngImagePlugin.MAX_TEXT_MEMORY = 2 * MAX_BASE64
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=("PNG",)) as image:
                image.load()  # chunks may follow the pixels
                text = getattr(image, "text", {}).get(CHUNK)
                return (str(text), None) if text is not None else (None, np.asarray(image.convert("RGB")))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise BadEmbedding(
            "too-many-pixels",
            f"This is a PNG of more than {MAX_PIXELS // 10**6} million pixels, and none with vectors has as many. "
            "Pictures are added on the model's page.",
        ) from None
    except (
        OSError, SyntaxError, RuntimeError, ValueError, EOFError, zlib.error, struct.error, IndexError, KeyError,
        TypeError, AttributeError, OverflowError,
    ) as error:  # Pillow's reader raises all of these for broken files  # fmt: skip
        raise BadEmbedding("broken-png", "The PNG is broken: it cannot be decoded to its end.") from error


# Where it lies.


def _of_base64(text: str) -> bytes:
    text = "".join(text.split())
    if len(text) > MAX_BASE64:
        raise _too_long()
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadEmbedding(
            "bad-base64", f"The PNG's text “{CHUNK}” is not base64, so its vectors cannot be read."
        ) from None


def hidden(pixels: NDArray[np.uint8]) -> bytes | None:
    """What lies in the columns of a picture [height, width, 3], still packed; None where it has no such columns."""
    seen: NDArray[np.bool_] = np.all(pixels, axis=2)
    lines, columns = np.flatnonzero(np.any(seen, axis=1)), np.flatnonzero(np.any(seen, axis=0))
    if not lines.size:
        return None
    halves = pixels[lines[0] : lines[-1] + 1, columns[0] : columns[-1] + 1] & LOW
    empty = np.flatnonzero(~np.any(halves, axis=(0, 2)))
    if len(empty) < 2:
        return None
    low, high = halves[:, : empty[0]], halves[:, empty[-1] + 1 :]
    if low.shape != high.shape or not low.size:
        return None
    mixed = (noise(low.size) & LOW).reshape(low.shape)
    packed = ((low ^ mixed) | ((high ^ mixed) << 4)).tobytes()
    return packed if packed.startswith(_ZLIB) else None


def noise(count: int) -> NDArray[np.uint8]:
    """The first ``count`` numbers, 0 to 254, that halves are mixed with.

    Twice as many are made with each turn: ``factor`` and ``added`` leap over those that are there.
    """
    numbers = np.array([_ADDED], np.uint32)
    factor, added = _FACTOR, _ADDED
    while len(numbers) < count:
        leapt = numbers * np.uint32(factor) + np.uint32(added)
        numbers = np.concatenate([numbers, leapt])
        factor, added = factor * factor % 2**32, (factor * added + added) % 2**32
    return (numbers[:count] % _MODULO).astype(np.uint8)


def _unpacked(packed: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(packed, MAX_JSON_BYTES + 1)
    except zlib.error as error:
        raise _damaged() from error
    if len(raw) > MAX_JSON_BYTES:
        raise _too_long()
    if not unpacker.eof:
        raise _damaged()
    return raw


def _damaged() -> BadEmbedding:
    return BadEmbedding(
        "damaged",
        "Vectors are hidden in this PNG's pixels, but damaged: a site or a program has changed it. "
        "Upload the file as its trainer saved it.",
    )


def _too_long() -> BadEmbedding:
    most = MAX_JSON_BYTES // 1024**2
    return BadEmbedding("too-long", f"What the PNG carries is longer than {most} MiB; no textual inversion is.")


# What it says.


def _embedding(place: str, raw: bytes) -> Embedding:
    if len(raw) > MAX_JSON_BYTES:
        raise _too_long()
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        raise BadEmbedding("bad-json", "What the PNG carries is not the JSON of a textual inversion.") from None
    if type(value) is not dict:
        raise BadEmbedding("bad-json", "What the PNG carries is JSON, but not of a textual inversion.")
    words = value.get("string_to_param", value)
    if type(words) is not dict:
        raise _no_vectors()
    tensors = {word: part[TENSOR] for word, part in words.items() if type(part) is dict and TENSOR in part}
    if not tensors:
        raise _no_vectors()
    if len(tensors) > MOST_WORDS:
        raise BadEmbedding("too-many-words", f"The textual inversion has more than {MOST_WORDS} words; none has.")
    vectors = {clean(word, MAX_WORD): _vectors(word, rows) for word, rows in tensors.items()}
    if len(vectors) < len(tensors) or not vectors.keys().isdisjoint({"", "__metadata__"}):
        raise BadEmbedding("bad-words", "The textual inversion's words cannot be told apart, or are none.")
    metadata = facts(value)
    if words is not value:
        metadata["token"] = word = next(iter(vectors))
        if word != "*":
            metadata.setdefault("name", word)
        several = len(vectors) > 1
        vectors = {f"string_to_param.{word}" if several else "emb_params": rows for word, rows in vectors.items()}
    return Embedding(place, vectors, metadata)


def _no_vectors() -> BadEmbedding:
    return BadEmbedding("no-vectors", "The PNG carries a textual inversion without vectors.")


def _vectors(word: str, rows: Any) -> NDArray[np.float32]:
    """Numbers as A1111 uses them, in single precision, which those that it wrote are already."""
    if type(rows) is list and rows and type(rows[0]) is not list:
        rows = [rows]
    if type(rows) is not list or not rows or not all(type(row) is list and len(row) == len(rows[0]) for row in rows):
        raise BadEmbedding("bad-shape", "The textual inversion's vectors are not rows of one length.", evidence(word))
    if len(rows) > MOST_VECTORS:
        raise BadEmbedding(
            "too-many-vectors",
            f"The textual inversion has {len(rows):,} vectors; a prompt has room for {MOST_VECTORS}.",
            evidence(word),
        )
    if not 0 < len(rows[0]) <= WIDEST:
        raise BadEmbedding(
            "bad-width",
            f"The textual inversion's vectors are {len(rows[0]):,} wide; no text encoder reads such.",
            evidence(word),
        )
    if not all(type(number) in (int, float) for row in rows for number in row):
        raise BadEmbedding("no-numbers", "The textual inversion's vectors hold what is no number.", evidence(word))
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            numbers = np.array(rows, np.float64).astype(np.float32)
    except OverflowError:
        numbers = np.array([np.inf], np.float32)
    if not np.isfinite(numbers).all():
        raise BadEmbedding(
            "not-finite", "The textual inversion holds numbers that are not finite (NaN or infinity).", evidence(word)
        )
    return numbers
