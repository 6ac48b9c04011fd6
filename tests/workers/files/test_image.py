"""Strangers' pictures, made here: honest ones, bombs, broken ones, and what must not come out again."""

import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from tests.workers.recipes import pictures
from workers import recipes
from workers.files import blurhash, image
from workers.files.image import examined

SIZE = (48, 32)


def picture(mode="RGB", size=SIZE):
    red = np.linspace(0, 255, size[0])[None, :].repeat(size[1], 0)
    pixels = np.stack([red, red[:, ::-1], np.full_like(red, 90)], axis=2).astype(np.uint8)
    return Image.fromarray(pixels).convert(mode)


def sent(tmp_path, made, format="PNG", **options) -> Path:
    path = tmp_path / "sent"
    made.save(path, format, **options)
    return path


def kept(tmp_path, path, name=""):
    target = tmp_path / "made.png"
    found = examined(path, target, name)
    return found, target


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "AVIF"])
def test_it_works(tmp_path, format):
    found, target = kept(tmp_path, sent(tmp_path, picture(), format), f"x.{format.lower()}")
    assert (found.refused, found.format, found.width, found.height) == ("", format, *SIZE)
    assert found.findings == ()
    with Image.open(target) as made:
        assert made.format == "PNG"
        assert made.mode == "RGB"
        assert np.abs(np.asarray(made).astype(int) - np.asarray(picture()).astype(int)).mean() < 12
        assert not made.info


def test_what_it_says_is_read_from_every_place(tmp_path):
    texts = PngImagePlugin.PngInfo()
    texts.add_text("parameters", pictures.QUOTED)
    texts.add_itxt("prompt", json.dumps(pictures.COMFYUI), zip=True)
    found, _ = kept(tmp_path, sent(tmp_path, picture(), pnginfo=texts))
    assert found.carried == {"parameters": pictures.QUOTED, "prompt": json.dumps(pictures.COMFYUI)}
    exif = Image.Exif()
    exif[0x010F] = "prompt:{}"
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + pictures.QUOTED.encode("utf-16-be")
    for format in ("JPEG", "WEBP"):
        found, _ = kept(tmp_path, sent(tmp_path, picture(), format, exif=exif))
        assert found.carried["UserComment"] == pictures.QUOTED
        assert found.carried["Make"] == "prompt:{}"
        assert recipes.told(found.carried).seed == 7
    found, _ = kept(tmp_path, sent(tmp_path, picture(), "GIF", comment=b"a cat"))
    assert found.carried["comment"] == "a cat"


def test_nothing_but_pixels_comes_out_again(tmp_path):
    exif = Image.Exif()
    exif[0x010E] = "SECRET"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 29.6)})
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", "SECRET")
    texts.add_itxt("XML:com.adobe.xmp", "<x>SECRET</x>")
    for format, options in (("PNG", {"pnginfo": texts}), ("JPEG", {"comment": b"SECRET"}), ("WEBP", {})):
        path = sent(tmp_path, picture(), format, exif=exif, **options)
        path.write_bytes(path.read_bytes() + b"<script>SECRET</script>PK\x05\x06")
        found, target = kept(tmp_path, path)
        assert not found.refused
        assert any("where it was taken" in finding.sentence for finding in found.findings)
        made = target.read_bytes()
        assert b"SECRET" not in made
        assert made.endswith(b"IEND\xaeB`\x82")
        with Image.open(target) as again:
            assert not again.getexif()


def test_it_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    found, _ = kept(tmp_path, sent(tmp_path, picture(), "JPEG", exif=exif))
    assert (found.width, found.height) == SIZE[::-1]


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "1", "CMYK", "I;16"])
def test_every_kind_of_pixel_is_kept(tmp_path, mode):
    made = picture().convert("L").convert("I;16") if mode == "I;16" else picture(mode)
    if mode in {"RGBA", "LA"}:
        made.putalpha(Image.linear_gradient("L").resize(SIZE))
    found, target = kept(tmp_path, sent(tmp_path, made, "JPEG" if mode == "CMYK" else "PNG"))
    assert not found.refused
    with Image.open(target) as again:
        assert again.mode == ("RGBA" if mode in {"RGBA", "LA"} else "RGB")


def hide(made, text, signature, channels, *, packed):
    data = text.encode()
    if packed:
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        data = packer.compress(data) + packer.flush()
    bits = np.unpackbits(np.frombuffer(signature + struct.pack(">I", 8 * len(data)) + data, np.uint8))
    pixels = np.asarray(made).copy()
    plane = pixels.transpose(1, 0, 2).reshape(-1, pixels.shape[2])
    flat = plane[:, channels].reshape(-1)
    flat[: len(bits)] = flat[: len(bits)] & 0xFE | bits
    plane[:, channels] = flat.reshape(-1, len(channels))
    return Image.fromarray(plane.reshape(made.width, made.height, -1).transpose(1, 0, 2))


@pytest.mark.parametrize(
    ("mode", "signature", "channels", "packed"),
    [
        ("RGBA", b"stealth_pnginfo", [3], False),
        ("RGBA", b"stealth_pngcomp", [3], True),
        ("RGB", b"stealth_rgbinfo", [0, 1, 2], False),
        ("RGB", b"stealth_rgbcomp", [0, 1, 2], True),
    ],
)
def test_what_is_hidden_in_the_pixels_is_read(tmp_path, mode, signature, channels, packed):
    made = picture(mode, (200, 150))
    told = json.dumps(pictures.NOVELAI)
    path = sent(tmp_path, hide(made, told, signature, channels, packed=packed))
    found, target = kept(tmp_path, path)
    assert recipes.told(found.carried).program == "NovelAI"
    with Image.open(target) as again:
        assert again.mode == "RGB"  # alpha that nobody sees is gone, and what it hid


@pytest.mark.parametrize("payload", [b"stealth_pngcomp" + b"\xff" * 4 + b"no gzip", b"stealth_pnginfo\xff\xff\xff\xff"])
def test_what_is_hidden_badly_is_refused_or_nothing(tmp_path, payload):
    made = picture("RGBA", (64, 64))
    pixels = np.asarray(made).copy()
    bits = np.unpackbits(np.frombuffer(payload, np.uint8))
    columns = pixels[:, :, 3].T.reshape(-1).copy()
    columns[: len(bits)] = columns[: len(bits)] & 0xFE | bits
    pixels[:, :, 3] = columns.reshape(64, 64).T
    found, _ = kept(tmp_path, sent(tmp_path, Image.fromarray(pixels)))
    assert not found.refused


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, *chunks, depth=1, colour=0, rows=None):
    rows = rows if rows is not None else zlib.compress(bytes((width // 8 + 1) * height), 9)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def moving(frames, size):
    buffer = io.BytesIO()
    still = [Image.new("RGB", size, (97 * n % 256, 31 * n % 256, n)) for n in range(frames)]
    still[0].save(buffer, "GIF", save_all=True, append_images=still[1:], duration=10)
    return buffer.getvalue()


BOMB = chunk(b"zTXt", b"parameters\0\0" + zlib.compress(bytes(8_000_000)))
HOSTILE = {
    "ten thousand by ten thousand": (png(10_000, 10_000), "million pixels"),
    "a million by a million": (png(1_000_000, 1_000_000, rows=b""), "million pixels"),
    "a text that unpacks to much": (png(8, 8, BOMB), "broken"),
    "cut off": (png(64, 64)[:-30], "broken"),
    "no pixels at all": (png(64, 64, rows=zlib.compress(b"")), "broken"),
    "SVG": (b"<svg onload='alert(1)'></svg>", "none of them"),
    "HTML": (b"<html><script>", "none of them"),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n", "none of them"),
    "TIFF": (b"II*\0" + bytes(64), "none of them"),
    "nothing": (b"", "none of them"),
    "a PNG's first bytes": (b"\x89PNG\r\n\x1a\n", "broken"),
    "a JPEG's first bytes": (b"\xff\xd8\xff\xe0", "broken"),
    "a WebP's first bytes": (b"RIFF\0\0\0\0WEBPVP8 ", "broken"),
    "an AVIF's first bytes": (b"\0\0\0\x1cftypavif" + bytes(40), "broken"),
    "many frames": (moving(120, (8, 8)), "120 frames"),
    "many large frames": (moving(60, (2000, 2000)), "60 frames"),
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_what_is_refused(tmp_path, name):
    data, sentence = HOSTILE[name]
    path = tmp_path / "sent"
    path.write_bytes(data)
    found, target = kept(tmp_path, path)
    assert sentence in found.refused
    assert not target.exists()


def test_too_many_bytes_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(image, "MAX_BYTES", 100)
    found, _ = kept(tmp_path, sent(tmp_path, picture()))
    assert "larger than" in found.refused


def test_a_moving_picture_keeps_its_first_frame_and_says_so(tmp_path):
    path = tmp_path / "sent"
    path.write_bytes(moving(5, (8, 8)))
    found, _ = kept(tmp_path, path)
    assert "first of its 5 frames" in found.findings[0].sentence


def test_another_name_is_told_and_a_large_one_is_made_smaller(tmp_path, monkeypatch):
    monkeypatch.setattr(image, "LARGEST_SIDE", 24)
    found, _ = kept(tmp_path, sent(tmp_path, picture()), "x.jpg")
    assert [finding.severity for finding in found.findings] == ["warning", "note"]
    assert "PNG picture" in found.findings[0].sentence
    assert (found.width, found.height) == (24, 16)


def test_a_broken_colour_profile_is_told(tmp_path):
    found, _ = kept(tmp_path, sent(tmp_path, picture(), icc_profile=b"no profile"))
    assert "profile is broken" in found.findings[0].sentence


def test_a_blurhash_is_a_small_picture_of_it():
    grey = blurhash.of_pixels(np.full((40, 60, 3), 128, np.uint8))
    assert grey[0] == blurhash.LETTERS[(4 - 1) + (3 - 1) * 9]
    assert len(grey) == 28
    value = sum(blurhash.LETTERS.index(letter) * 83**place for place, letter in enumerate(reversed(grey[2:6])))
    assert value == (128 << 16) + (128 << 8) + 128
    left = np.zeros((40, 60, 3), np.uint8)
    left[:, :30] = 255
    assert blurhash.of_pixels(left) != blurhash.of_pixels(left[:, ::-1])
    # As the package blurhash 1.1.5 says.
    noise = np.random.default_rng(1).integers(0, 255, (32, 48, 3)).astype(np.uint8)
    assert blurhash.of_pixels(noise) == "L5HetV^-i]W^?wn6%Mk;FaX_P1Iv"
    assert blurhash.of_pixels(np.full((32, 32, 3), (255, 0, 0), np.uint8)) == "L9TI:j|cfQ|c|co1fQo1fQfQfQfQ"
