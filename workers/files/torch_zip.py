"""PyTorch's zip container (since 1.6): where its pickle and its storages lie; read, never extracted.

Stricter than any ZIP reader, since readers differ: every byte of the file belongs to exactly one member, in order,
nothing is compressed, encrypted, named twice, put before or behind; and the directory says what the members say
themselves. PyTorch writes no other (`caffe2/serialize/inline_container.cc`; ZIP: PKWARE's APPNOTE 6.3).
"""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, NamedTuple, NoReturn

from workers.files import pickle
from workers.files.pickle_values import BadPickle
from workers.files.text import evidence

MAX_MEMBERS = 100_000
MAX_DIRECTORY_BYTES = 32 * 1024**2
MAX_SMALL_MEMBER = 4096  # version, byteorder, the serialization's id

_END, _END64, _LOCATOR64 = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")
_CENTRAL, _LOCAL = struct.Struct("<4s6H3L5H2L"), struct.Struct("<4s5H3L2H")
_DESCRIPTOR32, _DESCRIPTOR64 = struct.Struct("<4s3L"), struct.Struct("<4sL2Q")
_ZIP_VERSION = 45  # with 64-bit sizes; none later has anything that is needed here
_NOT_HERE, _ZIP64 = 0xFFFFFFFF, 1
_ENCRYPTED, _DESCRIPTOR = 0x1 | 0x40 | 0x2000, 0x8
_STORAGE = re.compile(r"data/[0-9]{1,18}\Z")
_SMALL = frozenset({"version", "byteorder", ".format_version", ".storage_alignment", ".data/serialization_id"})
_CODE = ("code/", "constants.pkl", "bytecode.pkl", "attributes.pkl", "debug_pkl")


class Member(NamedTuple):
    name: str
    start: int  # of its bytes
    size: int
    crc: int


class Container(NamedTuple):
    """The pickle's bytes, and where the storages lie, by key."""

    pickle: bytes
    storages: dict[str, Member]


def read(path: Path) -> Container:
    """The container at ``path``. Raises `BadPickle`."""
    with path.open("rb") as file:
        members = _members(file, path.stat().st_size)
        root, named = _one_root(members)
        _check_names(named)
        if _text_of(file, named.get("byteorder")) not in ("", "little"):
            _refuse("big-endian", "The weights are written backwards (big-endian); this hub reads little-endian.")
        return Container(_checked(file, named["data.pkl"]), _storages(named, root))


def _refuse(code: str, sentence: str, found: str = "", tier: str = "") -> NoReturn:
    raise BadPickle(code, sentence, evidence(found), tier)


def _members(file: BinaryIO, size: int) -> list[Member]:
    """Every member, in the order in which they lie. The directory and the members' own heads agree in all of it."""
    count, start, length, end = _directory(file, size)
    if count > MAX_MEMBERS or length > MAX_DIRECTORY_BYTES:
        _refuse("zip-too-many", f"The archive has {count:,} members; no weights have more than {MAX_MEMBERS:,}.")
    if start + length != end:
        _refuse("zip-gap", "There are bytes in the archive that belong to none of its members.")
    file.seek(start)
    raw, at, told = file.read(length), 0, []
    for _ in range(count):
        member, local, used, flags = _central(raw, at)
        told.append((local, member, flags))
        at += used
    if at != length:
        _refuse("zip-directory", "The archive's directory does not hold what it says.")
    expected, members = 0, []
    for local, (name, size_told, crc), flags in sorted(told):
        if local != expected:
            _refuse("zip-gap", "There are bytes in the archive that belong to none of its members.", name)
        begin = _local(file, local, name, flags, size_told, crc)
        members.append(Member(name, begin, size_told, crc))
        expected = begin + size_told + _descriptor(file, begin + size_told, flags, size_told, crc)
    if expected != start:
        _refuse("zip-gap", "There are bytes in the archive that belong to none of its members.")
    return members


def _directory(file: BinaryIO, size: int) -> tuple[int, int, int, int]:
    """Members, and where the directory starts, its length, and where it must end; from the last bytes of the file."""
    file.seek(max(0, size - _END.size))
    tail = file.read()
    if len(tail) < _END.size or tail[:4] != b"PK\x05\x06":
        _refuse("zip-end", "The archive does not end as it should: it is cut off, or something follows it.")
    _, disk, first_disk, here, count, length, start, comment = _END.unpack(tail)
    if comment or disk not in (0, 0xFFFF) or first_disk not in (0, 0xFFFF) or here != count:
        _refuse("zip-end", "The archive has a comment, or is one of several parts.")
    end = size - _END.size
    if size >= _END.size + _LOCATOR64.size:
        file.seek(end - _LOCATOR64.size)
        magic, disk, at, disks = _LOCATOR64.unpack(file.read(_LOCATOR64.size))
        if magic == b"PK\x06\x07":
            return _directory64(file, end - _LOCATOR64.size, at, disks)
    return count, start, length, end


def _directory64(file: BinaryIO, locator: int, at: int, disks: int) -> tuple[int, int, int, int]:
    if at + _END64.size != locator or disks > 1:
        _refuse("zip-end", "The archive's directory is not where it says.")
    file.seek(at)
    magic, record, _, _, disk, first_disk, here, count, length, start = _END64.unpack(file.read(_END64.size))
    if magic != b"PK\x06\x06" or record != _END64.size - 12 or disk or first_disk or here != count:
        _refuse("zip-end", "The archive's directory is not where it says.")
    return count, start, length, at


def _central(raw: bytes, at: int) -> tuple[tuple[str, int, int], int, int, int]:
    """One entry of the directory: (name, size, CRC), where its member begins, the entry's length, its flags."""
    if at + _CENTRAL.size > len(raw):
        _refuse("zip-directory", "The archive's directory does not hold what it says.")
    magic, _, needs, flags, method, _, _, crc, packed, size, n, extra, comment, disk, _, attributes, local = (
        _CENTRAL.unpack_from(raw, at)
    )
    used = _CENTRAL.size + n + extra + comment
    if magic != b"PK\x01\x02" or at + used > len(raw) or disk not in (0, 0xFFFF):
        _refuse("zip-directory", "The archive's directory does not hold what it says.")
    if needs > _ZIP_VERSION:
        _refuse("zip-packed", "A member of the archive asks for a ZIP reader of the future.")
    begin = at + _CENTRAL.size
    name = _name(raw[begin : begin + n])
    if flags & _ENCRYPTED:
        _refuse("zip-encrypted", "A member of the archive is encrypted, so it cannot be looked at.", name)
    if method != 0:
        _refuse("zip-packed", "A member of the archive is compressed; torch.save never compresses.", name)
    if comment or (attributes >> 16) & 0o170000 not in (0, 0o100000):
        _refuse("zip-directory", "A member of the archive is a link or a device, or has a comment.", name)
    wide = _zip64(raw[begin + n : begin + n + extra])
    numbers = []
    for value in (size, packed, local):
        if value == _NOT_HERE:
            if len(wide) < 8:
                _refuse("zip-directory", "The archive's directory does not hold what it says.", name)
            value, wide = int.from_bytes(wide[:8], "little"), wide[8:]
        numbers.append(value)
    size, packed, local = numbers
    if size != packed:
        _refuse("zip-packed", "A member of the archive has two sizes.", name)
    return (name, size, crc), local, used, flags


def _zip64(extra: bytes) -> bytes:
    """The field of an entry that holds what does not fit into 32 bits."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == _ZIP64:
            return extra[at + 4 : at + 4 + length]
        at += 4 + length
    return b""


def _name(raw: bytes) -> str:
    try:
        name = raw.decode("ascii")
    except UnicodeDecodeError as error:
        raise BadPickle("zip-name", "A member of the archive has a name that PyTorch never writes.") from error
    parts = name.split("/")
    if not name.isprintable() or "\\" in name or ":" in name or ".." in parts or "" in parts or "." in parts:
        _refuse("zip-name", "A member of the archive has a name that leads out of it.", name)
    return name


def _local(file: BinaryIO, at: int, name: str, flags: int, size: int, crc: int) -> int:
    """Where the member's bytes begin, its head having been held against the directory."""
    file.seek(at)
    raw = file.read(_LOCAL.size)
    if len(raw) < _LOCAL.size or raw[:4] != b"PK\x03\x04":
        _refuse("zip-member", "A member of the archive is not where the directory says.", name)
    _, needs, flags_here, method, _, _, crc_here, packed, size_here, n, extra = _LOCAL.unpack(raw)
    if file.read(n) != name.encode() or flags_here != flags or method != 0 or needs > _ZIP_VERSION:
        _refuse("zip-member", "A member of the archive and the directory say different things of it.", name)
    told = {0, _NOT_HERE, size} if flags & _DESCRIPTOR else {size, _NOT_HERE}
    if size_here not in told or packed not in told or (crc_here != crc and not (flags & _DESCRIPTOR and crc_here == 0)):
        _refuse("zip-member", "A member of the archive and the directory say different things of it.", name)
    wide = _zip64(file.read(extra))
    if (
        _NOT_HERE in (size_here, packed)
        and len(wide) >= 16
        and wide[:16] not in (size.to_bytes(8, "little") * 2, bytes(16))
    ):
        _refuse("zip-member", "A member of the archive and the directory say different things of it.", name)
    return at + _LOCAL.size + n + extra


def _descriptor(file: BinaryIO, at: int, flags: int, size: int, crc: int) -> int:
    """The length of what follows a member's bytes: its CRC and sizes once more, 32 or 64 bits wide."""
    if not flags & _DESCRIPTOR:
        return 0
    file.seek(at)
    raw = file.read(24)
    for form, most in ((_DESCRIPTOR32, 2**32), (_DESCRIPTOR64, 2**64)):
        fits = size < most and len(raw) >= form.size
        if fits and form.unpack_from(raw) == (b"PK\x07\x08", crc, size, size):
            return form.size
    _refuse("zip-member", "A member of the archive does not end as the directory says.")


def _one_root(members: list[Member]) -> tuple[str, dict[str, Member]]:
    """The folder that all members lie in, and the members by their names below it."""
    roots = {member.name.partition("/")[0] for member in members}
    if len(roots) != 1:
        _refuse("zip-roots", "The archive is no file of PyTorch's: its members do not lie in one folder.")
    named: dict[str, Member] = {}
    folded = set()
    for member in members:
        name = member.name.partition("/")[2]
        if name.lower() in folded:
            _refuse("zip-twice", "Two members of the archive have the same name, so two readers may see two.", name)
        folded.add(name.lower())
        named[name] = member
    return roots.pop(), named


def _check_names(named: dict[str, Member]) -> None:
    if code := sorted(name for name in named if name.startswith(_CODE)):
        _refuse(
            "torchscript",
            "This is a TorchScript archive: a program, not weights. Save the state dict instead.",
            ", ".join(code[:5]),
            tier="C",
        )
    if "data.pkl" not in named:
        _refuse("zip-no-pickle", "The archive is no file of PyTorch's: it holds no data.pkl.")
    if strange := sorted(n for n in named if n != "data.pkl" and n not in _SMALL and not _STORAGE.match(n)):
        _refuse("zip-strange", "The archive holds members that PyTorch never writes.", ", ".join(strange[:5]), tier="C")
    if large := sorted(name for name in _SMALL & set(named) if named[name].size > MAX_SMALL_MEMBER):
        _refuse("zip-strange", "A member of the archive is far larger than PyTorch writes it.", large[0])
    if named["data.pkl"].size > pickle.MAX_BYTES:
        _refuse("too-long", f"The pickle has {named['data.pkl'].size:,} bytes; {pickle.MAX_BYTES:,} are the most.")


def _storages(named: dict[str, Member], root: str) -> dict[str, Member]:
    return {name.removeprefix("data/"): member for name, member in named.items() if _STORAGE.match(name)}


def _text_of(file: BinaryIO, member: Member | None) -> str:
    return _checked(file, member).decode("latin-1").strip() if member else ""


def _checked(file: BinaryIO, member: Member) -> bytes:
    file.seek(member.start)
    data = file.read(member.size)
    if zlib.crc32(data) != member.crc:
        _refuse("zip-damaged", "A member of the archive is damaged: its checksum is wrong.", member.name)
    return data
