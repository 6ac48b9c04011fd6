"""A file that torch.save wrote, in any of its layouts: its value, its tier, and where each storage's bytes lie.

- zip (PyTorch 1.6 and later): `workers.files.torch_zip`;
- legacy: five pickles (magic number, protocol, system, the value, the keys), then for each key its count of elements in
  eight bytes and its bytes (`torch/serialization.py`, `_legacy_save`);
- a pickle alone, which holds no tensors but may hold what an old tool made of them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from workers.files import pickle, torch_zip
from workers.files.pickle import Read
from workers.files.pickle_values import BadPickle, Storage
from workers.files.text import evidence

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001
MAX_SYSTEM_BYTES = 4096


@dataclass(frozen=True)
class Place:
    """Where a storage's bytes lie in the file. ``crc``: what their CRC-32 must be; None: nothing tells."""

    start: int
    size: int
    crc: int | None = None


@dataclass(frozen=True)
class TorchFile:
    """``layout``: zip, legacy or pickle. ``places`` by storage key."""

    layout: str
    value: Any
    tier: str
    extras: tuple[str, ...]
    places: dict[str, Place]


def read(path: Path) -> TorchFile:
    """The file at ``path``; every storage that its pickle names is in it, whole. Raises `BadPickle`."""
    with path.open("rb") as file:
        begins = file.read(4)
    if begins == b"PK\x03\x04":
        container = torch_zip.read(path)
        found = pickle.read(container.pickle)
        places = {key: Place(member.start, member.size, member.crc) for key, member in container.storages.items()}
        _check_places(found.storages, places)
        return TorchFile("zip", found.value, found.tier, found.extras, places)
    return _flat(path)


def _flat(path: Path) -> TorchFile:
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(min(size, pickle.MAX_BYTES))
    first = pickle.read(head, whole=False)
    if first.value != MAGIC_NUMBER or type(first.value) is not int:
        if first.length != size:
            _refuse("trailing", f"{size - first.length:,} bytes follow the end of the pickle; nothing may.")
        if first.storages:
            _refuse("broken", "The pickle names storages, but none lie in it.")
        return TorchFile("pickle", first.value, first.tier, first.extras, {})
    return _legacy(path, head, first.length, size)


def _legacy(path: Path, head: bytes, at: int, size: int) -> TorchFile:
    protocol = pickle.read(head, at, whole=False)
    at += protocol.length
    system = pickle.read(head, at, whole=False)
    at += system.length
    if protocol.value != LEGACY_PROTOCOL or not _is_system(system):
        _refuse("broken", "The file begins as PyTorch's old layout does, and does not go on as it does.")
    if system.value.get("little_endian") is not True:
        _refuse("big-endian", "The weights are written backwards (big-endian); this hub reads little-endian.")
    found = pickle.read(head, at, whole=False)
    at += found.length
    keys = pickle.read(head, at, whole=False)
    at += keys.length
    if type(keys.value) is not list or not all(type(key) is str for key in keys.value):
        _refuse("broken", "The file does not name its storages as PyTorch's old layout does.")
    if len(set(keys.value)) != len(keys.value) or set(keys.value) != set(found.storages):
        _refuse("broken", "The storages that the file lists are not those that its pickle names.")
    places = _legacy_places(path, at, size, keys.value, found)
    tiers = {part.tier for part in (protocol, system, found, keys)}
    return TorchFile("legacy", found.value, max(tiers), found.extras, places)


def _is_system(system: Read) -> bool:
    return type(system.value) is dict and system.length <= MAX_SYSTEM_BYTES and not system.storages


def _legacy_places(path: Path, at: int, size: int, keys: list[str], found: Read) -> dict[str, Place]:
    places = {}
    with path.open("rb") as file:
        for key in keys:
            storage = found.storages[key]
            file.seek(at)
            raw = file.read(8)
            if len(raw) < 8 or struct.unpack("<q", raw)[0] != storage.numel:
                _refuse("broken", "A storage has another size than the pickle says, or the file is cut off.", key)
            places[key] = Place(at + 8, storage.numel * storage.number.bytes)
            at += 8 + places[key].size
    if at > size:
        _refuse("broken", "The file is cut off: its last storages are not all there.")
    if at < size:
        _refuse("trailing", f"{size - at:,} bytes follow the last storage; nothing may.")
    return places


def _check_places(storages: dict[str, Storage], places: dict[str, Place]) -> None:
    for key, storage in storages.items():
        if key not in places:
            _refuse("broken", "A storage that the pickle names is not in the archive.", key)
        if places[key].size != storage.numel * storage.number.bytes:
            _refuse("broken", "A storage has another size than the pickle says.", key)
    if lost := sorted(set(places) - set(storages)):
        _refuse("zip-strange", "The archive holds storages that its pickle never names.", ", ".join(lost[:5]))


def _refuse(code: str, sentence: str, found: str = "") -> NoReturn:
    raise BadPickle(code, sentence, evidence(found))
