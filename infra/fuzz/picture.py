"""Pictures and A1111's embedding PNGs: chunks and bytes changed, then read for their pixels and for vectors in them.

A picture that is taken is written anew from its pixels, in which nothing of the file is left but those.
"""

from __future__ import annotations

import base64
import io
import json
import random
import struct
import tempfile
import warnings
import zlib
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from infra.fuzz import INTERESTING, Fuzz, bytes_changed
from workers.files import embedding_png, image
from workers.files.embedding_png import BadEmbedding

MARK = b"GPSCANARY"
VALUES = (None, True, -1, 1e308, "x", [], [[]], [[1e999]], [[0.5] * 9000], {"TORCHTENSOR": 1}, [[None]])


@cache
def seeds() -> tuple[bytes, ...]:
    """Small pictures of each format, with words in them; an embedding in a chunk, and one in the pixels' place."""
    pixels = np.arange(24 * 16 * 3, dtype=np.uint8).reshape(16, 24, 3) | 1
    picture = Image.fromarray(pixels)
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", f"a cat\nSteps: 2, {MARK.decode()}")
    exif = Image.Exif()
    exif[0x010E] = MARK.decode()
    made = [
        _saved(picture, "PNG", pnginfo=info),
        _saved(picture, "JPEG", exif=exif),
        _saved(picture, "WEBP", exif=exif),
    ]
    frames = [picture, picture.rotate(90, expand=False)]
    made.append(_saved(picture, "GIF", save_all=True, append_images=frames, comment=MARK))
    return tuple(made)


def _saved(picture: Image.Image, format: str, **more: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, format, **more)
    return out.getvalue()


def _embedding(chance: random.Random) -> bytes:
    rows = [[chance.uniform(-1, 1) for _ in range(64)] for _ in range(chance.randrange(1, 3))]
    value: dict[str, object] = {"string_to_token": {"*": 265}, "string_to_param": {"*": {"TORCHTENSOR": rows}}}
    if chance.random() < 0.4:
        value[chance.choice((*value, "name", "step"))] = chance.choice(VALUES)
    if chance.random() < 0.2:
        value["string_to_param"] = {"*": {"TORCHTENSOR": chance.choice(VALUES)}}
    raw = json.dumps(value).encode()
    raw = bytes_changed(raw, chance) if chance.random() < 0.3 else raw
    info = PngImagePlugin.PngInfo()
    info.add_text("sd-ti-embedding", base64.b64encode(raw).decode())
    return _saved(Image.new("RGB", (8, 8)), "PNG", pnginfo=info)


def make(chance: random.Random) -> bytes:
    """A sound file, a PNG's chunks changed with their checksums right, and bytes changed anywhere."""
    raw = _embedding(chance) if chance.random() < 0.4 else chance.choice(seeds())
    if raw.startswith(b"\x89PNG") and chance.random() < 0.6:
        raw = _chunks_changed(raw, chance)
    return bytes_changed(raw, chance, chance.choice((1, 1, 3))) if chance.random() < 0.4 else raw


def _chunks_changed(raw: bytes, chance: random.Random) -> bytes:
    chunks, at = [], 8
    while at + 12 <= len(raw):
        (length,) = struct.unpack_from(">I", raw, at)
        chunks.append((raw[at + 4 : at + 8], raw[at + 8 : at + 8 + length]))
        at += 12 + length
    for _ in range(chance.randrange(1, 3)):
        place = chance.randrange(len(chunks))
        name, data = chunks[place]
        kind = chance.randrange(5)
        if kind == 0:
            chunks.insert(place, chance.choice(chunks))
        elif kind == 1 and len(chunks) > 1:
            del chunks[place]
        elif kind == 2:
            chunks[place] = (
                chance.choice((b"IHDR", b"IDAT", b"IEND", b"tEXt", b"zTXt", b"iTXt", b"acTL", b"PLTE")),
                data,
            )
        elif kind == 3 and name == b"IHDR" and len(data) >= 8:
            sides = [chance.choice((*INTERESTING, 1, 8, 20_000)) % 2**32 for _ in range(2)]
            chunks[place] = (name, struct.pack(">2I", *sides) + data[8:])
        else:
            chunks[place] = (name, bytes_changed(data, chance))
    written = (struct.pack(">I", len(data)) + n + data + struct.pack(">I", zlib.crc32(n + data)) for n, data in chunks)
    return raw[:8] + b"".join(written)


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    memory = Path("/dev/shm")  # noqa: S108 — an own folder is made in it
    return tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)


def read(raw: bytes) -> bool:
    """Both readers are asked, as behind the walls; what either takes is looked at once more."""
    source, target = Path(_folder().name) / "case", Path(_folder().name) / "made"
    source.write_bytes(raw)
    warnings.simplefilter("ignore", UserWarning)  # Pillow's remarks on broken EXIF
    taken = False
    try:
        found = embedding_png.read(source) if raw.startswith(b"\x89PNG") else None
    except BadEmbedding:
        found = None
    if found is not None:
        taken = True
        for vectors in found.vectors.values():
            assert vectors.ndim == 2
            assert np.isfinite(vectors).all()
    target.write_bytes(b"")
    if image.examined(source, target).refused:
        return taken
    assert MARK not in target.read_bytes()
    with Image.open(target) as again:
        again.load()
    return True


fuzz = Fuzz("picture", make, read, (), share=0.1)
