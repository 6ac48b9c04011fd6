"""A stranger's picture: what it says of itself is read, then it is made anew from its pixels, and nothing else stays.

Runs in a process of its own (`workers.sandboxed.picture`), because decoders are large programs in C. What it is, its
bytes say; only five formats are decoded, within limits on bytes, pixels and frames.
"""

from __future__ import annotations

import contextlib
import warnings
import zlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from PIL import AvifImagePlugin, Image, ImageCms, ImageOps, PngImagePlugin, UnidentifiedImageError

from workers.files import blurhash
from workers.messages import Finding

MAX_BYTES = 30_000_000
MAX_PIXELS = 50_000_000  # of one frame
MAX_FRAMES, MAX_ALL_PIXELS = 100, 200_000_000
LARGEST_SIDE = 4096  # of what is kept
MAX_TEXT = 256_000  # letters of one thing that a picture carries
MAX_CARRIED = 40

_MAGIC = ((b"\x89PNG\r\n\x1a\n", "PNG"), (b"\xff\xd8\xff", "JPEG"), (b"GIF87a", "GIF"), (b"GIF89a", "GIF"))
_ENDINGS = {"PNG": {"png"}, "JPEG": {"jpg", "jpeg", "jfif"}, "GIF": {"gif"}, "WEBP": {"webp"}, "AVIF": {"avif"}}
_USER_COMMENT, _EXIF_IFD, _GPS_IFD = 0x9286, 0x8769, 0x8825
_EXIF = {0x010E: "ImageDescription", 0x010F: "Make", 0x0110: "Model", 0x0131: "Software"}
_XMP = "XML:com.adobe.xmp"
_STEALTH = {"stealth_pnginfo": False, "stealth_pngcomp": True, "stealth_rgbinfo": False, "stealth_rgbcomp": True}
# Alpha that nobody sees: hiding text in the lowest bit makes opaque pictures look like this.
NEARLY_OPAQUE = 250


class Unusable(Exception):
    """The picture is not taken, and why, in a sentence."""


class Examined(msgspec.Struct, frozen=True, kw_only=True):
    """What a picture is and carried; ``refused`` says why it was not taken, and then nothing was written."""

    refused: str = ""
    format: str = ""
    width: int = 0
    height: int = 0
    blurhash: str = ""
    carried: dict[str, str] = {}
    findings: tuple[Finding, ...] = ()


def examined(source: Path, target: Path | None, name: str = "") -> Examined:
    """Read the picture at ``source``, write it as a PNG of its pixels alone to ``target``.

    name: what its sender calls it; an ending that promises another format is a finding. Never raises for a bad picture.
    """
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    PngImagePlugin.MAX_TEXT_MEMORY = 4 * 1024**2
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # the sandbox has room for no thread
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _examined(source, target, name)
    except Unusable as unusable:
        return Examined(refused=str(unusable))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return Examined(refused=f"The picture has more than {MAX_PIXELS // 10**6} million pixels.")
    except (
        OSError,
        SyntaxError,
        RuntimeError,
        ValueError,
        EOFError,
        UnidentifiedImageError,
        zlib.error,
        IndexError,
        KeyError,
        TypeError,
    ):
        # Pillow's readers raise all of these for broken files.
        return Examined(refused="The picture is broken: it cannot be decoded to its end.")


def _examined(source: Path, target: Path | None, name: str) -> Examined:
    if source.stat().st_size > MAX_BYTES:
        raise Unusable(f"The picture is larger than {MAX_BYTES // 10**6} MB.")
    with source.open("rb") as file:
        format_ = _format(file.read(32))
    findings = []
    ending = name.rpartition(".")[2].lower()
    if ending and "." in name and ending not in _ENDINGS[format_]:
        findings.append(Finding("warning", f"It is called .{ending[:10]}, and is a {format_} picture."))
    with Image.open(source, formats=(format_,)) as image:
        frames = _frames(image)
        if frames > 1:
            findings.append(Finding("note", f"Only the first of its {frames} frames is kept."))
        image.load()
        carried = _carried(image)
        exif = image.getexif()
        if exif.get_ifd(_GPS_IFD):
            findings.append(Finding("note", "It told where it was taken; that is not kept."))
        if hidden := _hidden(image):
            carried["stealth"] = hidden
        plain = _plain(image, findings)
    hash_ = blurhash.of_image(plain)
    if target is not None:
        # From bytes: whatever else the decoder hung on to the picture stays behind.
        Image.frombytes(plain.mode, plain.size, plain.tobytes()).save(target, "PNG", compress_level=6)
    return Examined(
        format=format_,
        width=plain.width,
        height=plain.height,
        blurhash=hash_,
        carried=carried,
        findings=tuple(findings),
    )


def _format(head: bytes) -> str:
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp" and head[8:12] in {b"avif", b"avis"}:
        return "AVIF"
    raise Unusable("Pictures may be PNG, JPEG, WebP, GIF or AVIF; by its bytes, this is none of them.")


def _frames(image: Image.Image) -> int:
    frames = int(getattr(image, "n_frames", 1))
    pixels = image.width * image.height
    if pixels > MAX_PIXELS:
        raise Unusable(f"The picture has more than {MAX_PIXELS // 10**6} million pixels.")
    if frames > MAX_FRAMES or frames * pixels > MAX_ALL_PIXELS:
        raise Unusable(f"The picture moves through {frames} frames of {image.width}×{image.height}; that is too much.")
    image.seek(0)
    return frames


def _plain(image: Image.Image, findings: list[Finding]) -> Image.Image:
    """The picture upright, in sRGB, RGB or RGBA, no side longer than is kept."""
    profile = image.info.get("icc_profile")
    upright = ImageOps.exif_transpose(image)
    if max(upright.size) > LARGEST_SIDE:
        findings.append(Finding("note", f"It was made smaller: no side is kept longer than {LARGEST_SIDE} pixels."))
        if upright.mode in {"P", "1", "I;16", "I"}:
            upright = upright.convert("RGBA" if "transparency" in upright.info else "RGB")
        upright.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.LANCZOS)
    seen = upright.has_transparency_data
    plain = upright.convert("RGBA" if seen else "RGB") if upright.mode not in {"RGB", "RGBA"} else upright
    if isinstance(profile, bytes) and upright.mode in {"RGB", "RGBA"}:
        plain = _in_srgb(plain, profile, findings)
    if plain.mode == "RGBA":
        low, _high = plain.getchannel("A").getextrema()
        if isinstance(low, int) and low >= NEARLY_OPAQUE:
            plain = plain.convert("RGB")
    return plain


def _in_srgb(image: Image.Image, profile: bytes, findings: list[Finding]) -> Image.Image:
    import io

    try:
        theirs = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        made = ImageCms.profileToProfile(image, theirs, ImageCms.createProfile("sRGB"), outputMode=image.mode)
        return made or image
    except (ImageCms.PyCMSError, OSError, ValueError):
        findings.append(Finding("note", "Its colour profile is broken, so its colours are shown as they stand."))
        return image


def _carried(image: Image.Image) -> dict[str, str]:
    """What the picture says in words: text chunks, comments, Exif fields, XMP."""
    found: dict[str, str] = {}
    texts = {**image.info, **getattr(image, "text", {})}
    for key, value in texts.items():
        if isinstance(value, bytes) and key in {"comment", "xmp", "Comment"}:
            value = value.decode("utf-8", "replace")
        if isinstance(value, str) and isinstance(key, str) and len(found) < MAX_CARRIED:
            found["xmp" if key == _XMP else key[:80]] = str(value)[:MAX_TEXT]
    exif = image.getexif()
    for tag, name in _EXIF.items():
        if isinstance(value := exif.get(tag), str):
            found.setdefault(name, value[:MAX_TEXT])
    with contextlib.suppress(Exception):  # a broken directory says nothing
        if comment := _comment(exif.get_ifd(_EXIF_IFD).get(_USER_COMMENT)):
            found["UserComment"] = comment[:MAX_TEXT]
    return found


def _comment(value: Any) -> str:
    """Exif's UserComment: eight letters name its encoding; A1111 writes UTF-16 with the high byte first."""
    if isinstance(value, str):
        return value
    if not isinstance(value, bytes):
        return ""
    code, text = value[:8], value[8:]
    if code == b"UNICODE\0":
        high = text[:200:2].count(0) >= text[1:200:2].count(0)
        return text.decode("utf-16-be" if high else "utf-16-le", "replace").strip("\0\ufeff")
    if code in {b"ASCII\0\0\0", bytes(8)}:
        return text.decode("utf-8", "replace").strip("\0")
    return value.decode("utf-8", "replace").strip("\0")


def _hidden(image: Image.Image) -> str:
    """Text in the lowest bits: of alpha, or of red, green and blue, read down each column; empty where there is none.

    Fifteen letters that name the form, 32 bits that count the payload's bits, then it. (NovelAI, "stealth pnginfo".)
    """
    if image.format not in {"PNG", "WEBP"} or image.mode not in {"RGB", "RGBA"}:
        return ""
    most = (15 + 4 + MAX_TEXT) * 8
    for channels in ("A",) if image.mode == "RGBA" else (), ("R", "G", "B"):
        if not channels:
            continue
        columns = -(-most // (len(channels) * image.height))
        area = image.crop((0, 0, min(image.width, columns), image.height))
        planes = np.stack([np.asarray(area.getchannel(channel)).T.ravel() & 1 for channel in channels], axis=1)
        data = np.packbits(planes.ravel()).tobytes()
        packed = _STEALTH.get(data[:15].decode("latin-1"))
        if packed is None:
            continue
        payload = data[19 : 19 + min(MAX_TEXT, int.from_bytes(data[15:19], "big") // 8)]
        if packed:
            try:
                payload = zlib.decompressobj(31).decompress(payload, MAX_TEXT)
            except zlib.error:
                continue
        return payload.decode("utf-8", "replace")
    return ""
