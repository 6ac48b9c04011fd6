"""Textual inversions in PNGs, written as A1111's users find them: in a text chunk, or in the pixels."""

import base64
import io
import json
import zlib

import numpy as np
from PIL import Image, PngImagePlugin


def vectors(count=2, width=768, seed=0):
    return np.random.default_rng(seed).normal(0, 0.02, (count, width)).astype(np.float32)


def said(rows, word="*", **facts):
    """The value that is written as JSON; single precision turns into JSON's numbers and back without a loss."""
    tensor = {"TORCHTENSOR": rows.tolist() if isinstance(rows, np.ndarray) else rows}
    return {"string_to_token": {word: 265}, "string_to_param": {word: tensor}} | facts


def as_json(value) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def drawing(width=96, height=64):
    """A picture without a black column."""
    return np.random.default_rng(9).integers(17, 255, (height, width, 3), np.uint8) | 1


def png(pixels, **chunks) -> bytes:
    out, info = io.BytesIO(), PngImagePlugin.PngInfo()
    for keyword, text in chunks.items():
        info.add_text(keyword.replace("_", "-"), text)
    Image.fromarray(pixels).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def in_chunk(value) -> bytes:
    return png(drawing(), sd_ti_embedding=base64.b64encode(as_json(value)).decode())


def in_pixels(value, *, picture=None, border=0, packed=None) -> bytes:
    """Low halves left, high halves right, a black column beside each; ornament in the high four bits."""
    picture = drawing() if picture is None else picture
    height = len(picture)
    packed = zlib.compress(as_json(value), 9) if packed is None else packed
    data = np.frombuffer(packed + bytes(-len(packed) % (3 * height)), np.uint8).reshape(height, -1, 3)
    number, mixed = 0, []
    for _ in range(data.size):
        number = (1664525 * number + 1013904223) % 2**32
        mixed.append(number % 255 % 16)
    mixed = np.array(mixed, np.uint8).reshape(data.shape)
    ornament = np.random.default_rng(3).integers(0, 16, data.shape, np.uint8) << 4
    low, high = (data & 15) ^ mixed | ornament, (data >> 4) ^ mixed | ornament
    black = np.zeros((height, 1, 3), np.uint8)
    pixels = np.concatenate([low, black, picture, black, high], axis=1)
    return png(np.pad(pixels, ((border, border), (border, border), (0, 0))))
