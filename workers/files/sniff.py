"""What a file is, told by its bytes. Its name is only ever compared with that, never believed."""

from __future__ import annotations

import io
import pickletools
import re
import struct
from pathlib import Path

# How much of a file's beginning decides; a whitespace run before a safetensors header must fit.
HEAD_BYTES = 4096
# The reference reader's own limit on a header; ours is lower, and said by `workers.files.safetensors`.
REFERENCE_HEADER_BYTES = 100_000_000

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"GGUF", "gguf"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"\x7fELF\x01", "elf"),
    (b"\x7fELF\x02", "elf"),
    (b"%PDF-", "pdf"),
    (b"version https://git-lfs.github.com/spec/", "lfs-pointer"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"\x1f\x8b\x08", "gzip"),
    (b"Rar!\x1a\x07", "rar"),
)
_HTML = re.compile(
    rb"\s*(<!--.{0,512}?-->\s*)*<(!doctype\s+html|html|head|body|script|svg)\b", re.IGNORECASE | re.DOTALL
)
_XML_ERROR = re.compile(rb"\s*(<\?xml[^>]{0,200}\?>\s*)?<Error>", re.DOTALL)

# What each format is called in a sentence.
NAMES = {
    "safetensors": "safetensors",
    "torch-zip": "a PyTorch pickle (zip form)",
    "zip": "a ZIP archive",
    "pickle": "a Python pickle",
    "gguf": "a GGUF file",
    "png": "a PNG picture",
    "jpeg": "a JPEG picture",
    "gif": "a GIF picture",
    "webp": "a WebP picture",
    "elf": "a Linux program",
    "pe": "a Windows program",
    "pdf": "a PDF document",
    "html": "a web page",
    "lfs-pointer": "a git-lfs pointer",
    "xml-error": "an error message of an object store",
    "7z": "a 7z archive",
    "gzip": "a gzip archive",
    "rar": "a RAR archive",
    "tar": "a tar archive",
    "empty": "an empty file",
    "": "nothing that we know",
}
# What a name's ending promises.
PROMISES: dict[str, frozenset[str]] = {
    ".safetensors": frozenset({"safetensors"}),
    ".sft": frozenset({"safetensors"}),
    **dict.fromkeys((".ckpt", ".pt", ".pth", ".bin", ".pkl", ".pickle"), frozenset({"torch-zip", "zip", "pickle"})),
    ".gguf": frozenset({"gguf"}),
    ".zip": frozenset({"zip", "torch-zip"}),
    ".png": frozenset({"png"}),
    ".jpg": frozenset({"jpeg"}),
    ".jpeg": frozenset({"jpeg"}),
    ".gif": frozenset({"gif"}),
    ".webp": frozenset({"webp"}),
    ".7z": frozenset({"7z"}),
    ".gz": frozenset({"gzip"}),
    ".tar": frozenset({"tar"}),
    ".pdf": frozenset({"pdf"}),
    ".html": frozenset({"html"}),
}


def sniff(head: bytes, size: int) -> str:
    """The format of a file of ``size`` bytes that begins with ``head`` (give `HEAD_BYTES`); empty where none fits.

    safetensors comes first: its leading length may spell another format's first letters, never the reverse, as no
    other format here has four zero bytes at offset 4 and a brace at offset 8.
    """
    if size == 0:
        return "empty"
    if _is_safetensors(head, size):
        return "safetensors"
    return foreign(head)


def sniff_path(path: Path) -> str:
    """`sniff` of a file on disk."""
    with path.open("rb") as file:
        return sniff(file.read(HEAD_BYTES), path.stat().st_size)


def foreign(data: bytes) -> str:
    """The format, other than safetensors, whose files begin like ``data``; empty where none does."""
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return name
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "torch-zip" if b"/data.pkl" in data[:1024] else "zip"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "webp"
    if data[257:262] == b"ustar":
        return "tar"
    if _is_windows_program(data):
        return "pe"
    if _HTML.match(data):
        return "html"
    if _XML_ERROR.match(data):
        return "xml-error"
    return "pickle" if _is_pickle(data) else ""


def _is_safetensors(head: bytes, size: int) -> bool:
    if len(head) < 9:
        return False
    (length,) = struct.unpack_from("<Q", head)
    return length <= min(REFERENCE_HEADER_BYTES, size - 8) and head[8:].lstrip(b" \t\r\n").startswith(b"{")


def _is_windows_program(data: bytes) -> bool:
    """``MZ`` alone is two letters that weights spell by chance; the offset at 0x3c must lead to the PE signature."""
    if not data.startswith(b"MZ") or len(data) < 0x40:
        return False
    (offset,) = struct.unpack_from("<I", data, 0x3C)
    return data[offset : offset + 4] == b"PE\x00\x00"


def _is_pickle(data: bytes) -> bool:
    """Whether ``data`` begins with a run of pickle opcodes (read by name, never executed).

    Protocol 2 and later say so in two bytes, which weights spell by chance once in ten thousand files; so a run of
    valid opcodes is asked for. Protocols 0 and 1 have no mark: a run up to STOP is asked for, which text never has.
    """
    marked = len(data) > 2 and data[0] == 0x80 and data[1] <= 5
    seen = 0
    try:
        for opcode, _, _ in pickletools.genops(io.BytesIO(data[:HEAD_BYTES])):
            seen += 1
            if opcode.name == "STOP":
                return seen >= 3
            if marked and seen >= 12:
                return True
    except Exception as error:  # pickletools raises many kinds on bytes that are no pickle
        # A long text near the beginning runs past the bytes at hand.
        return marked and (seen >= 4 or "but only" in str(error))
    return False
