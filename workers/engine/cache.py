"""What stays warm between pictures: open bases and read adapters, by content, within a bound of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import load

from workers import residency, settings
from workers.adapters import ADAPTERS
from workers.bases import BASES
from workers.engine import device, memory
from workers.engine.model import Model
from workers.engine.text import Plan
from workers.errors import Refusal
from workers.plugins import Control, Edit

T = TypeVar("T")
# An adapter of up to so many bytes is read whole: each of hundreds of tensors by itself takes three times as long.
AT_ONCE = 256 * 1024**2


class ByBytes(Generic[T]):
    """Things that cost memory, those used longest ago dropped first; the one just asked for always stays.

    dropped: told of each that goes. What a thing costs may grow while it is used: it is asked each time.
    """

    def __init__(self, bound: int, dropped: Callable[[T], None] = lambda thing: None) -> None:
        self.bound, self.dropped = bound, dropped
        self.held: OrderedDict[object, tuple[T, Callable[[], int]]] = OrderedDict()
        self._lock = threading.Lock()
        self._making = threading.Lock()

    def get(self, key: object, make: Callable[[], tuple[T, int | Callable[[], int]]]) -> T:
        """What is held under ``key``, else what ``make`` gives, with its size in bytes. One thread makes at a time:
        others that ask for the same wait for it, and two large things are never made at once."""
        if (found := self._found(key)) is not None:
            return found
        with self._making:
            if (found := self._found(key)) is not None:
                return found
            # Two bases at once may be one too many: room is made before the new one is opened, as far as can be known.
            self._shrink(self.bound * 3 // 4)
            made, size = make()
            with self._lock:
                self.held[key] = (made, size if callable(size) else partial(int, size))
            self._shrink(self.bound)
            return made

    def clear(self) -> None:
        with self._lock:
            gone = [thing for thing, _ in self.held.values()]
            self.held.clear()
        for thing in gone:
            self.dropped(thing)

    def keys(self) -> list[object]:
        with self._lock:
            return list(self.held)

    def _found(self, key: object) -> T | None:
        with self._lock:
            if key not in self.held:
                return None
            self.held.move_to_end(key)
            return self.held[key][0]

    def _shrink(self, bound: int) -> None:
        gone = []
        with self._lock:
            while len(self.held) > 1 and sum(size() for _, size in self.held.values()) > bound:
                gone.append(self.held.popitem(last=False)[1][0])
        for thing in gone:
            self.dropped(thing)


bases: ByBytes[Model] = ByBytes(settings.BASES_BYTES)
adapters: ByBytes[Edit] = ByBytes(settings.ADAPTERS_BYTES)
vaes: ByBytes[Any] = ByBytes(settings.ADAPTERS_BYTES)
controls: ByBytes[Control] = ByBytes(settings.ADAPTERS_BYTES)
texts: ByBytes[Plan] = ByBytes(settings.TEXTS_BYTES)


def text(key: Hashable, read: Callable[[], Plan]) -> Plan:
    """What a recipe says; ``key`` names everything that it depends on."""

    def read_it() -> tuple[Plan, int]:
        plan = read()
        return plan, plan.bytes

    return texts.get(key, read_it)


def base(sha256: str, family: str, path: Path) -> Model:
    """The base in the file at ``path``, open on this worker's device. Raises ``Refusal``."""
    if family not in BASES:
        raise Refusal("base-not-drawn", f"No worker here can draw with bases of the family “{family[:40]}”.")

    def open_it() -> tuple[Model, Callable[[], int]]:
        where, kind = device.chosen()
        try:
            memory.room_for_bases([path], kind, where)
        except Refusal:  # those that nobody draws with just now go first
            bases.clear()
            memory.room_for_bases([path], kind, where)
        model = BASES[family].open(path, where, kind)
        model.key = sha256
        return model, lambda: model.held

    model = bases.get(sha256, open_it)
    residency.tell(bases.keys())
    return model


def bases_together(family: str, paths: Mapping[str, Path]) -> list[Model]:
    """The bases of one picture, SHA-256 → path, all open at once. Raises ``Refusal``, before any is opened where they
    do not fit beside each other."""
    if len(paths) > 1:
        where, kind = device.chosen()
        there = set(bases.keys())
        try:
            memory.room_for_bases([path for sha256, path in paths.items() if sha256 not in there], kind, where)
        except Refusal:
            bases.clear()
            memory.room_for_bases(list(paths.values()), kind, where)
    return [base(sha256, family, path) for sha256, path in paths.items()]


def vae(sha256: str, path: Path, model: Model) -> Any:
    """The autoencoder in the file at ``path``, to draw with on ``model``. Raises ``Refusal``."""
    from workers.engine.opening import open_vae

    def open_it() -> tuple[Any, int]:
        made = open_vae(path, model)
        return made, sum(one.numel() * one.element_size() for one in made.parameters())

    return vaes.get((sha256, model.vae.config.norm_num_groups, model.vae.config.latent_channels), open_it)


def control(edit: Edit, model: Model) -> Control:
    """The net that ``edit`` steers by on this base, ready. Raises ``Refusal`` where it was made for another."""

    def make() -> tuple[Control, int]:
        made = edit.control(model)
        return made, made.bytes

    assert edit.identity  # names it, where nobody has
    return controls.get((edit.key, model.key), make)


def adapter(sha256: str, kind: str, path: Path) -> Edit:
    """The adapter in the file at ``path``, at weight 1. Raises ``Refusal``."""
    if kind not in ADAPTERS:
        raise Refusal("adapter-unknown", f"No worker here knows adapters of the kind “{kind[:40]}”.")

    def read_it() -> tuple[Edit, int]:
        where, _ = device.chosen()
        try:
            with safe_open(path, "pt", device=str(where)) as file:
                metadata = dict(file.metadata() or {})
                if path.stat().st_size <= AT_ONCE:
                    tensors = {key: tensor.to(where) for key, tensor in load(path.read_bytes()).items()}
                else:
                    tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  no mapping
        except (SafetensorError, OSError, KeyError) as error:  # a KeyError: of a kind of number that torch has not
            raise Refusal("adapter-unreadable", "This file cannot be read as safetensors.") from error
        edit = ADAPTERS[kind].read(tensors, metadata)
        edit.key = key
        assert edit.ready is not None  # made now, so that every copy shares it
        # As read, in fp32, and ready for a base.
        return edit, sum(tensor.numel() * (tensor.element_size() + 8) for tensor in tensors.values())

    key = f"{kind}:{sha256}"
    return adapters.get(key, read_it)
