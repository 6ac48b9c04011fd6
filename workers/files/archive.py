"""ZIP archives, listed: what lies in one and whether it is sound. Nothing is ever unpacked to disk.

The format is PKWARE's APPNOTE 6.3.10. One archive must be one archive to every program, so the central directory and
the entries have to agree, follow each other without a gap, and begin and end the file. Limits as package registries
have them; real output is counted, as announced sizes lie.
"""

from __future__ import annotations

import re
import stat
import struct
import unicodedata
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from workers.files.sniff import HEAD_BYTES, sniff
from workers.files.text import evidence

MAX_MEMBERS = 10_000
MAX_DIRECTORY_BYTES = 16 * 1024**2
MAX_NAME_BYTES = 255
NEWEST_VERSION = 63  # of APPNOTE, times ten
MAX_BYTES = 64 * 1024**3
# Deflate packs noise-like weights hardly at all; beyond this, a file above `RATIO_FROM` is made to burst something.
MAX_RATIO = 50
RATIO_FROM = 64 * 1024**2
# Unpacked in memory, piece by piece, to be counted; what goes beyond is believed.
COUNTED_BYTES = 512 * 1024**2
PIECE_BYTES = 1024**2

_END, _END64, _LOCATOR64 = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")
_CENTRAL, _LOCAL = struct.Struct("<4s6H3L5H2L"), struct.Struct("<4s5H3L2H")
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _DESCRIPTOR, _PATCH, _STRONG, _MASKED = 0x1, 0x8, 0x20, 0x40, 0x2000
_MAX32 = 0xFFFFFFFF
_TRAVERSAL = re.compile(r"(^|/)\.\.?(/|$)|^/|^[A-Za-z]:|//")
# An archive in an archive is where bombs and other people's files hide; a torch file is one by its form only.
NESTED = frozenset({"zip", "7z", "gzip", "rar", "tar"})


class BadArchive(Exception):
    """The archive is broken or a trap. ``code`` for programs, ``sentence`` for its owner, ``evidence``."""

    def __init__(self, code: str, sentence: str, evidence: str = "") -> None:
        super().__init__(sentence)
        self.code, self.sentence, self.evidence = code, sentence, evidence


@dataclass(frozen=True)
class Member:
    """One file in an archive. ``format`` as `sniff` tells it by its first bytes. ``start`` is its entry's place."""

    name: str
    size: int
    packed: int
    method: int
    crc: int
    flags: int
    start: int
    format: str = ""


def members(path: Path) -> list[Member]:
    """The files in the archive at ``path``, in the order of their entries; folders are left out.

    Raises `BadArchive`; `OSError` where the file cannot be read.
    """
    with path.open("rb") as file:
        return members_in(file, path.stat().st_size)


def members_in(file: BinaryIO, size: int) -> list[Member]:
    """`members` of an open file of ``size`` bytes."""
    directory, start, count = _directory(file, size)
    listed = list(_listed(directory, count))
    _check_names(listed)
    _check_sizes(listed)
    places = _check_entries(file, listed, start)
    budget = COUNTED_BYTES
    found = []
    for member in listed:
        if member.name.endswith("/"):
            continue
        head, counted = _unpacked(file, member, places[member.start], budget)
        budget -= counted
        format = sniff(head, member.size)
        if format in NESTED:
            raise BadArchive("nested", "The archive holds another archive.", evidence(member.name))
        found.append(replace(member, format=format))
    return found


def _directory(file: BinaryIO, size: int) -> tuple[bytes, int, int]:
    """(the central directory, where it begins, how many entries it says it has)."""
    if size < _END.size:
        raise BadArchive("too-short", f"The file has {size} bytes; the smallest archive has {_END.size}.")
    tail = _at(file, max(0, size - _END.size - 0xFFFF), min(size, _END.size + 0xFFFF))
    for at in range(len(tail) - _END.size, -1, -1):
        if tail[at : at + 4] == b"PK\x05\x06" and at + _END.size + _END.unpack_from(tail, at)[-1] == len(tail):
            break
    else:
        raise BadArchive("no-end", "The archive's end is not there: it is cut off, or more bytes follow it.")
    _, disk, first_disk, here, count, length, start, comment = _END.unpack_from(tail, at)
    end = size - _END.size - comment
    if 0xFFFF in (here, count, disk, first_disk) or _MAX32 in (length, start):
        disk, first_disk, here, count, length, start, end = _large_end(file, end)
    if disk or first_disk or here != count:
        raise BadArchive("parts", "This is one part of an archive in several files.")
    if count > MAX_MEMBERS:
        raise BadArchive("too-many", f"The archive holds {count:,} files; {MAX_MEMBERS:,} are the most.")
    if length > MAX_DIRECTORY_BYTES:
        raise BadArchive("directory", f"The archive's directory has {length:,} bytes, more than is sane.")
    if start + length != end:
        raise BadArchive(
            "directory", "The archive's directory does not lie where its end says: something stands before or in it."
        )
    return _at(file, start, length), start, count


def _large_end(file: BinaryIO, end: int) -> tuple[int, int, int, int, int, int, int]:
    """The ZIP64 end record before the plain one, whose place is ``end``."""
    wrong = BadArchive("zip64", "The archive's end for large files (ZIP64) is broken.")
    if end < _LOCATOR64.size + _END64.size:
        raise wrong
    signature, at_disk, place, disks = _LOCATOR64.unpack(_at(file, end - _LOCATOR64.size, _LOCATOR64.size))
    if signature != b"PK\x06\x07" or at_disk or disks > 1 or place + _END64.size != end - _LOCATOR64.size:
        raise wrong
    signature, length, _, _, disk, first, here, count, bytes_, start = _END64.unpack(_at(file, place, _END64.size))
    if signature != b"PK\x06\x06" or length != _END64.size - 12:
        raise wrong
    return disk, first, here, count, bytes_, start, place


def _listed(directory: bytes, count: int) -> Iterator[Member]:
    at = 0
    for _ in range(count):
        if len(directory) - at < _CENTRAL.size or directory[at : at + 4] != b"PK\x01\x02":
            raise BadArchive("directory", "The archive's directory holds fewer files than it says.")
        fields = _CENTRAL.unpack_from(directory, at)
        _, made, needed, flags, method, _, _, crc, packed, size, names, extras, comments, disk, _, attributes, start = (
            fields
        )
        at += _CENTRAL.size
        if len(directory) - at < names + extras + comments:
            raise BadArchive("directory", "The archive's directory is cut off.")
        name = _name(directory[at : at + names], flags)
        size, packed, start = _large(directory[at + names : at + names + extras], size, packed, start)
        at += names + extras + comments
        if needed > NEWEST_VERSION:
            raise BadArchive("version", "The archive says that programs of today cannot read it.", evidence(name))
        kind = stat.S_IFMT(attributes >> 16) if made >> 8 == 3 else 0
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise BadArchive("link", "The archive holds a link or a device, not only files.", evidence(name))
        if disk not in (0, 0xFFFF):
            raise BadArchive("parts", "This is one part of an archive in several files.")
        yield Member(name, size, packed, method, crc, flags, start)
    if at != len(directory):
        raise BadArchive("directory", "The archive's directory goes on behind its last file.")


def _name(raw: bytes, flags: int) -> str:
    try:
        return raw.decode("utf-8" if flags & 0x800 or raw.isascii() else "cp437")
    except UnicodeDecodeError as error:
        raise BadArchive("name", "A file's name in the archive is not UTF-8, as it says.") from error


def _large(extra: bytes, size: int, packed: int, start: int) -> tuple[int, int, int]:
    """Sizes and place with those of the ZIP64 extra field, where the plain ones say that they are there."""
    wanted = [value == _MAX32 for value in (size, packed, start)]
    values = [size, packed, start]
    at, seen = 0, False
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<HH", extra, at)
        field = extra[at + 4 : at + 4 + length]
        if len(field) < length:
            raise BadArchive("extra", "An extra field of a file in the archive is cut off.")
        if tag == 1 and seen:
            raise BadArchive("extra", "A file in the archive has its size twice.")
        if tag == 1:
            seen = True
            for place in range(3):
                if wanted[place]:
                    if len(field) < 8:
                        raise BadArchive("zip64", "The size of a large file in the archive is missing.")
                    (values[place],) = struct.unpack_from("<Q", field)
                    field = field[8:]
        at += 4 + length
    return values[0], values[1], values[2]


def _check_names(listed: list[Member]) -> None:
    seen: set[str] = set()
    for member in listed:
        name = member.name
        if not name.strip() or len(name.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
            raise BadArchive("name", "A file's name in the archive is empty or too long.", evidence(name))
        if any(unicodedata.category(letter) in {"Cc", "Cf", "Cs"} for letter in name) or "\\" in name:
            raise BadArchive("name", "A file's name in the archive holds letters that no name should.", evidence(name))
        if _TRAVERSAL.search(name):
            raise BadArchive("path", "A file's name in the archive is a path out of its folder.", evidence(name))
        folded = unicodedata.normalize("NFC", name).casefold().rstrip("/")
        if folded in seen:
            raise BadArchive(
                "duplicate", "Two files in the archive have the same name on some systems.", evidence(name)
            )
        seen.add(folded)


def _check_sizes(listed: list[Member]) -> None:
    for member in listed:
        if member.flags & (_ENCRYPTED | _STRONG | _MASKED):
            raise BadArchive("encrypted", "The archive is encrypted, so nobody can see what it holds.")
        if member.flags & _PATCH or member.method not in (_STORED, _DEFLATED):
            raise BadArchive("method", "The archive is packed in a way other than deflate.", evidence(member.name))
        if member.method == _STORED and member.size != member.packed:
            raise BadArchive("size", "A file that is not packed has two sizes.", evidence(member.name))
        if member.name.endswith("/") and (member.size or member.packed or member.crc):
            raise BadArchive("size", "A folder in the archive holds bytes.", evidence(member.name))
        if member.size > RATIO_FROM and member.size > MAX_RATIO * member.packed:
            raise BadArchive("bomb", f"A file in the archive unpacks to {member.size:,} bytes.", evidence(member.name))
    if sum(member.size for member in listed) > MAX_BYTES:
        raise BadArchive("bomb", f"The archive unpacks to more than {MAX_BYTES:,} bytes.")


def _check_entries(file: BinaryIO, listed: list[Member], directory: int) -> dict[int, int]:
    """Where each entry's bytes begin, by the entry's place. Entries follow each other and agree with the directory."""
    places: dict[int, int] = {}
    expected = 0
    for member in sorted(listed, key=lambda member: member.start):
        if member.start != expected:
            raise BadArchive(
                "gap",
                "Files in the archive overlap."
                if member.start < expected
                else "Bytes that belong to no file stand in the archive.",
                evidence(member.name),
            )
        raw = _at(file, member.start, min(_LOCAL.size, max(0, directory - member.start)))
        if len(raw) < _LOCAL.size or raw[:4] != b"PK\x03\x04":
            raise BadArchive("entry", "A file in the archive is not where the directory says.", evidence(member.name))
        _, _, flags, method, _, _, crc, packed, size, names, extras = _LOCAL.unpack(raw)
        rest = _at(file, member.start + _LOCAL.size, names + extras)
        size, packed, _ = _large(rest[names:], size, packed, 0)
        later = bool(flags & _DESCRIPTOR)
        same = (crc, packed, size) == (member.crc, member.packed, member.size) or (
            later and not (crc or packed or size)
        )
        if flags != member.flags or method != member.method or _name(rest[:names], flags) != member.name or not same:
            raise BadArchive(
                "entry", "The archive says different things of a file in its two places.", evidence(member.name)
            )
        places[member.start] = member.start + _LOCAL.size + names + extras
        expected = places[member.start] + member.packed
        if later:
            expected += _descriptor(file, expected, member)
    if expected != directory:
        raise BadArchive("gap", "Bytes that belong to no file stand before the archive's directory.")
    return places


def _descriptor(file: BinaryIO, at: int, member: Member) -> int:
    """The length of the sizes that follow an entry's bytes, with their signature or without, short or long."""
    raw = _at(file, at, 24)
    for signature in (b"PK\x07\x08", b""):
        for form in ("<LLL", "<LQQ"):
            wanted = signature + struct.pack(form, member.crc, *(
                value & (_MAX32 if form == "<LLL" else 2**64 - 1) for value in (member.packed, member.size)
            ))  # fmt: skip
            if raw.startswith(wanted):
                return len(wanted)
    raise BadArchive("entry", "The sizes behind a file in the archive are not its own.", evidence(member.name))


def _unpacked(file: BinaryIO, member: Member, start: int, budget: int) -> tuple[bytes, int]:
    """(its first `HEAD_BYTES`, how many bytes it has unpacked), with its size and checksum held against what it says.

    Beyond ``budget`` only the first bytes are looked at.
    """
    whole = member.size <= budget
    limit = member.size if whole else min(HEAD_BYTES, member.size)
    head, count, crc = b"", 0, 0
    for piece in _pieces(file, member, start, limit):
        head += piece[: HEAD_BYTES - len(head)]
        count += len(piece)
        crc = zlib.crc32(piece, crc)
        if count > member.size:
            break
        if not whole and count >= limit:
            return head, 0
    if count != member.size:
        raise BadArchive(
            "size", f"A file in the archive unpacks to another size than {member.size:,}.", evidence(member.name)
        )
    if crc != member.crc:
        raise BadArchive("checksum", "A file in the archive has another checksum than it says.", evidence(member.name))
    return head, count


def _pieces(file: BinaryIO, member: Member, start: int, limit: int) -> Iterator[bytes]:
    """Its bytes, unpacked, and one more piece at most than ``limit`` asks for."""
    inflate = zlib.decompressobj(-zlib.MAX_WBITS) if member.method == _DEFLATED else None
    file.seek(start)
    left = member.packed
    while left:
        raw = file.read(min(left, PIECE_BYTES))
        if not raw:
            raise BadArchive("cut-off", "A file in the archive is cut off.", evidence(member.name))
        left -= len(raw)
        if inflate is None:
            yield raw
            continue
        try:
            while raw:
                yield inflate.decompress(raw, PIECE_BYTES)
                raw = inflate.unconsumed_tail
        except zlib.error as error:
            raise BadArchive("deflate", "A file in the archive is broken.", evidence(member.name)) from error
        if inflate.eof and (left or inflate.unused_data):
            raise BadArchive("size", "A file in the archive ends before its bytes do.", evidence(member.name))
    while inflate is not None and not inflate.eof and (more := inflate.decompress(b"", PIECE_BYTES)):
        yield more
    if inflate is not None and not inflate.eof:
        raise BadArchive("deflate", "A file in the archive is cut off.", evidence(member.name))


def _at(file: BinaryIO, start: int, count: int) -> bytes:
    file.seek(start)
    return file.read(count)
