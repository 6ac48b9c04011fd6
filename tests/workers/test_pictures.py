"""Smaller copies of drawn pictures."""

import io

import pytest
from PIL import Image

from hub import storage as hub_storage
from workers import pictures, settings, storage
from workers.messages import Shrink, small_picture_key


def png(width, height, mode="RGB"):
    buffer = io.BytesIO()
    Image.new(mode, (width, height), 120 if mode == "L" else (200, 30, 60, 255)[: len(mode)]).save(buffer, "PNG")
    return buffer.getvalue()


def test_it_works():
    sha256 = storage.put_picture(png(1024, 768))
    assert pictures.shrink(Shrink(sha256=sha256, width=320))
    key = small_picture_key(sha256, 320)
    made = hub_storage.client().get_object(Bucket=settings.S3_PICTURES_BUCKET, Key=key)
    assert made["ContentType"] == "image/jpeg"
    with Image.open(io.BytesIO(made["Body"].read())) as image:
        assert (image.format, image.size) == ("JPEG", (320, 240))
        assert all(abs(a - b) < 6 for a, b in zip(image.getpixel((9, 9)), (200, 30, 60), strict=True))


@pytest.mark.parametrize("mode", ["L", "RGBA"])
def test_other_modes(mode):
    with Image.open(io.BytesIO(pictures.smaller(png(600, 300, mode), 96))) as image:
        assert image.size == (96, 48)


def test_never_larger():
    with Image.open(io.BytesIO(pictures.smaller(png(64, 64), 96))) as image:
        assert image.size == (64, 64)


def test_a_picture_that_is_gone():
    assert not pictures.shrink(Shrink(sha256="0" * 64, width=96))
