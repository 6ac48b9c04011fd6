"""What each kind of plug offers, on one page, and how a folder of them is found.

A plug is a file in ``workers/{adapters,bases,parts,checks,samplers}/`` that ends with ``adapter = …``, ``base = …``,
``part = …``, ``check = …`` or ``sampler = …``. Being there is the registration. Importing any of them never imports
torch.
"""

from __future__ import annotations

import copy
import importlib
import itertools
import pkgutil
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, Self, TypeVar, runtime_checkable

import msgspec

from workers.errors import Refusal
from workers.messages import Finding

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor

    from workers.engine.model import Model
    from workers.hints import Hint


T = TypeVar("T")
_unnamed = itertools.count(1)


class TensorInfo(msgspec.Struct, frozen=True, gc=False):  # ten times quicker to make than a frozen dataclass
    """One tensor as the header promises it, its fields called and ordered as in safetensors; ``data_offsets`` count
    from the end of the header."""

    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]

    @property
    def start(self) -> int:
        return self.data_offsets[0]

    @property
    def end(self) -> int:
        return self.data_offsets[1]


@dataclass(frozen=True)
class Header:
    """Names, shapes and metadata of a file's tensors: all that recognition may look at."""

    tensors: Mapping[str, TensorInfo]
    metadata: Mapping[str, str] = field(default_factory=dict)
    data_start: int = 0
    remarks: tuple[str, ...] = ()  # what is odd, but allowed

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def __contains__(self, key: object) -> bool:
        return key in self.tensors

    def shape(self, key: str) -> tuple[int, ...] | None:
        info = self.tensors.get(key)
        return info.shape if info else None

    def shapes_of(self, keys: Iterable[str]) -> Iterator[tuple[int, ...]]:
        """The shapes of these keys, which it has, in order."""
        return map(_SHAPE, map(self.tensors.__getitem__, keys))

    @cached_property
    def endings(self) -> dict[str, list[str]]:
        """Keys by `ending`, so that plugs look at the few keys that are theirs, and the file is walked through once."""
        return by_ending(self.tensors)

    @cached_property
    def _shared(self) -> dict[str, Any]:
        return {}

    def shared(self, name: str, make: Callable[[Header], T]) -> T:
        """What several plugs ask of this header, made by the first."""
        if name not in self._shared:
            self._shared[name] = make(self)
        return self._shared[name]


_SHAPE = attrgetter("shape")


# Characters at a key's end that tell its ending, so that it is cut out of a key once for all keys that end alike.
_TAIL = 17


def by_ending(keys: Iterable[str]) -> dict[str, list[str]]:
    """Keys by their last part (``alpha``), with the part before where the last says little (``lora_up.weight``)."""
    found: dict[str, list[str]] = {}
    by_tail: dict[str, list[str]] = {}
    for key in keys:
        alike = by_tail.get(key[-_TAIL:])
        if alike is None:
            ending = _ending(key)
            alike = found.setdefault(ending, [])
            if len(ending) < _TAIL:  # then the dot before it is in the tail too
                by_tail[key[-_TAIL:]] = alike
        alike.append(key)
    return found


def _ending(key: str) -> str:
    before, _, ending = key.rpartition(".")
    if ending == "weight" or ending == "bias":
        return f"{before.rpartition('.')[2]}.{ending}"
    return ending


@dataclass(frozen=True)
class Match:
    """A plug's claim on a file: the keys it understands, the base family it fits, and what to tell the owner.

    candidates: the families it may be for, where its shapes fit several; metadata may decide, else its owner is asked.
    asks: the one tensor whose numbers would tell more; the plug's `decide` is given them where they can be read.
    """

    claimed: frozenset[str]
    base: str = ""
    variant: str = ""
    summary: Mapping[str, object] = field(default_factory=dict)
    candidates: tuple[str, ...] = ()
    asks: str = ""


@dataclass(frozen=True)
class OpenedFile:
    """A file under inspection: its real bytes are at ``path``; ``header`` is None where it is not safetensors."""

    path: Path
    name: str
    size: int
    format: str
    header: Header | None


class Check(Protocol):
    """One rule. Findings are collected, never raised, so that an owner sees every problem at once.

    A check with ``header_only = True`` looks at nothing but the header, so it is asked early too, while the file is
    still on its way: then nothing lies at ``file.path``.
    """

    def findings(self, file: OpenedFile) -> Iterable[Finding]: ...


@dataclass(frozen=True)
class Slider:
    """A control of an adapter in try-it."""

    name: str
    low: float
    high: float
    default: float


class Adapter(Protocol):
    """A kind of weights that is stacked on a base."""

    slug: ClassVar[str]
    label: ClassVar[str]
    controls: ClassVar[tuple[Slider, ...]]
    drawn: ClassVar[bool]  # False: kept and told, `read` refuses
    steers: ClassVar[bool]  # True: it reads a hint picture

    def recognise(self, header: Header) -> Match | None:
        """Whose keys these are; None: not mine. Names and shapes only."""

    def read(self, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Edit:
        """The edit that the file's tensors make, at weight 1. Raises ``workers.errors.Refusal`` for unusable ones."""


class Edit:
    """What an adapter changes in a picture; a type fills in the hooks it needs.

    ``module`` is the live module's path, prefixed by its part: ``unet.down_blocks.0.…``, ``text_encoder.encoder.…``;
    its bias has a name of its own, ``unet.conv_in.bias``.
    """

    weight: float = 1.0
    steers: ClassVar[bool] = False  # whether it reads a hint picture, and adds what `control` says of it
    hint: Hint | None = None
    pixels: np.ndarray | None = None  # the hint's picture, uint8 [height, width, 3], as it was given
    words_optional = False  # whether a prompt may leave its words unsaid
    key: str = ""  # what its tensors are, by content; set by whoever read the file
    blocks: str = ""  # its block weights, 26 numbers with commas between them; empty: every block counts in full

    def at(self, weight: float) -> Self:
        """This edit at another weight (a copy that shares its tensors)."""
        assert self.ready is not None  # made now, so that the copy shares it
        other = copy.copy(self)
        other.weight = weight
        return other

    def by_blocks(self, blocks: Sequence[float]) -> Self:
        """This edit with block weights, a list of `workers.blocks` (a copy that shares its tensors). Raises
        ``workers.errors.Refusal`` where it changes nothing that lies in blocks."""
        if blocks:
            raise Refusal("blocks", "Only adapters that change the UNet block by block have block weights.")
        return self

    def share(self, module: str) -> float:
        """How much of its weight counts at ``module``, by its block weights."""
        return 1.0

    @property
    def ready(self) -> dict[object, Any]:
        """What an engine made of this edit's tensors and keeps beside them, for every copy at any weight."""
        return self.__dict__.setdefault("_ready", {})

    @property
    def identity(self) -> tuple[object, ...]:
        """Two edits of one identity change a picture alike: the tensors, and every plain value beside them."""
        if not self.key:
            self.key = f"unnamed {next(_unnamed)}"
        plain = sorted((name, value) for name, value in vars(self).items() if isinstance(value, str | int | float))
        return (type(self).__name__, *plain, *self.words())

    def called(self, word: str) -> Self:
        """This edit answering to another word, where it brings one (a copy)."""
        return self

    def fit(self, modules: Mapping[str, tuple[int, ...]]) -> frozenset[str]:
        """The modules (name → shape of its weight) that `delta` changes in this base.

        Raises ``workers.errors.Refusal`` where the adapter does not fit: nothing is ever left out in silence.
        """
        return frozenset()

    def delta(self, module: str, weight: Tensor) -> Tensor | None:
        """What is added to ``module``'s weight, in its shape, fp32, at this edit's weight; None: nothing.

        ``weight`` is the base's as the edits before this one in the stack have left it, fp32. Kinds that add (LoRA,
        LoHa, …) do not look at it, so their order does not matter; those that multiply (DoRA, (IA)3, OFT, …) return
        the difference that they make to it, so they are applied in the order of the stack.
        """
        return None

    def low_rank(self, module: str) -> tuple[Tensor, Tensor] | None:
        """`delta` as two thin factors, fp32, at this edit's weight: down [rank, in, …], up [out, rank].

        delta = up · down, flat over what the module reads, and linear in the weight. None where there is no such form,
        or no delta. With it, rows of one batch may carry this edit while others do not; without it, they are given
        weights of their own.
        """
        return None

    def words(self) -> Mapping[str, Mapping[str, Tensor]]:
        """New words: token → text encoder's name → vectors [n, width]."""
        return {}

    def context(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """What attention reads for its keys and its values, both [B, N, width]; several edits chain, streams apart."""
        return keys, values

    def reading(self, hint: Hint, pixels: np.ndarray) -> Self:
        """This edit with the picture that it is to read (a copy that shares its tensors)."""
        other = copy.copy(self)
        other.hint, other.pixels = hint, pixels
        return other

    def control(self, base: Model) -> Control:
        """For kinds that steer: what they add between the UNet's blocks, ready for this base, on its device.

        Raises ``workers.errors.Refusal`` where it was made for another base.
        """
        raise NotImplementedError


class Added(NamedTuple):
    """What is added to a UNet's lines: to each skip connection, from the first on, and to the middle (ControlNet); to
    what each level gives on the way down (T2I-Adapter)."""

    skips: Sequence[Tensor] = ()
    middle: Tensor | None = None
    levels: Sequence[Tensor] = ()


class Control(Protocol):
    """A net that reads a hint picture beside the UNet."""

    bytes: int

    def seen(self, picture: Tensor) -> Sequence[Tensor]:
        """What is the same at every step, of a hint [1, 3, h, w] in 0…1: read once for each picture, [1, …] each."""

    def added(
        self, seen: Sequence[Tensor], x: Tensor, time: Tensor, context: Tensor, more: Mapping[str, Tensor]
    ) -> Added:
        """What it adds at weight 1 to lines that read ``x`` [B, 4, h, w], their time, text and ``more`` (SDXL's pooled
        text and sizes), each with its own line of ``seen`` [B, …]."""


class Part(Protocol):
    """A kind of weights that is neither a base nor stacked on one: a VAE, an upscaler, a text encoder."""

    slug: ClassVar[str]
    label: ClassVar[str]

    def recognise(self, header: Header) -> Match | None:
        """Whose keys these are; None: not mine. Names and shapes only."""


@runtime_checkable
class Decides(Protocol):
    """A plug whose matches may ask for a tensor's numbers."""

    def decide(self, match: Match, numbers: Sequence[float]) -> Match:
        """``match``, knowing the numbers of the tensor that it asked for."""


class Base(Protocol):
    """A family of base models."""

    family: ClassVar[str]
    label: ClassVar[str]

    def recognise(self, header: Header) -> Match | None:
        """Whose checkpoint this is; None: not mine. Names and shapes only."""

    def open(self, path: Path, device: torch.device, dtype: torch.dtype) -> Model:
        """The base, ready to draw. Raises ``workers.errors.Refusal`` where the file cannot be opened."""


class Sampler(Protocol):
    """One sampling algorithm. ``names`` are those that people know it by, the first being ours.

    schedule: what ``Automatic`` means for it. evaluations: calls of the UNet a step. discards: whether the sigma before
    the last is left out of its schedule, as its authors' tools do. by_steps, where it is there and true: it is one of
    those that count in training steps, as Stable Diffusion's first ones did; they begin with plain normal noise, and
    with a step less from a picture. alone, where it is there and true: its rows share no call with others, since the
    rounding of a larger call would move its steps.
    """

    names: ClassVar[tuple[str, ...]]
    schedule: ClassVar[str]
    evaluations: ClassVar[int]
    discards: ClassVar[bool]

    def sample(self, x: Tensor, sigmas: list[float], noise: Noise) -> Generator[Ask, Any, Tensor]:
        """From ``x`` at ``sigmas[0]`` to the picture's latents: yields what to denoise, is sent the answer, returns x.

        Written so that rows of one batch may follow different samplers and still share a call of the UNet.
        """


class Ask(NamedTuple):
    """A sampler's question: what is the clean picture in ``x``, noisy by ``sigma``? ``step`` counts from 0.

    cfg_share: what the CFG scale is multiplied by.
    unguided: the answer is a pair, (guided, as the negative alone says).
    """

    x: Tensor
    sigma: float
    step: int
    cfg_share: float = 1.0
    unguided: bool = False


class Noise(Protocol):
    """A row's own source of randomness: what it draws depends on its seed alone."""

    def draw(self) -> Tensor:
        """Fresh normal noise in the latents' shape."""

    def between(self, high: float, low: float) -> Tensor:
        """The increment of one Brownian path from sigma ``high`` to ``low``, scaled to unit variance."""


def found_in(package: ModuleType, name: str) -> list:
    """Every plug called ``name`` in ``package``'s files, in the order of the files' names."""
    plugs = []
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
        loaded = importlib.import_module(f"{package.__name__}.{module.name}")
        if hasattr(loaded, name):
            plugs.append(getattr(loaded, name))
    return plugs
