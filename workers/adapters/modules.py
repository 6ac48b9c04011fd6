"""Adapters that hold a few tensors for each module that they change: what those types have in common.

A file is read into modules: the module's name → role → the file's key. Each type says which endings of keys are its
roles, which modules are its own, and what patch their tensors make. Files mix types (a LyCORIS preset may train
attention as LoKr and norms in full; a LoRA may carry a bias): each module is read by the type that owns it, and the
file is of the type that says the most about it.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, ClassVar, Self

from workers import blocks
from workers.adapters import names, vectors
from workers.adapters.survey import Shape, Shapes, Survey, survey
from workers.bases import widths
from workers.errors import Refusal
from workers.plugins import Edit, Header, Match, Slider, by_ending

if TYPE_CHECKING:
    from torch import Tensor

Words = Mapping[str, Mapping[str, "Tensor"]]

AT_A_GLANCE = 64  # tensors
# Roles that may stand beside those of any type: what is added to the module's bias.
BIASES = ("diff_b", "b_norm")
_CROSS = re.compile(r"attn2[._](?:processor\.)?to_[kv]$")
_ATTENDED = re.compile(r"(down|up|mid|input|output|middle)_blocks?[._]")
# Attention where SDXL has none: in the first level, and in blocks of a fourth.
_FOURTH = re.compile(
    r"down_blocks[._](3|0[._]attentions)|up_blocks[._]3|input_blocks[._]((1|2)[._]1|9|10|11)[._]|output_blocks[._](9|10|11)[._]"
)
_DEEP = re.compile(r"transformer_blocks[._][2-9][._]")


class Patch:
    """What one module's tensors make of its weight, at any strength; ``bias`` is added to its bias."""

    bias: Tensor | None = None

    def made_for(self, live: Shape) -> Shape | None:
        """``live`` where it fits a weight of that shape, else the shape that it was made for; None: no weight."""
        raise NotImplementedError

    def delta(self, weight: Tensor, strength: float) -> Tensor | None:
        """What is added to ``weight`` (fp32, as it is just now), in its shape."""
        raise NotImplementedError

    @property
    def thin(self) -> tuple[Tensor, Tensor] | None:
        """`delta` at strength 1 as two factors, down [rank, in, …] and up [out, rank], fp32; None: no such form."""
        return None


def as_live(made: Shape, live: Shape) -> Shape:
    """``live`` where a weight of shape ``made`` can be read as one: a matrix as a convolution, flat over what it reads,
    or a convolution of one pixel as a matrix; else ``made``."""
    if made[0] != live[0] or prod(made[1:]) != prod(live[1:]):
        return made
    return live if len(made) <= 2 or len(live) == 2 or made == live else made


class OfModules:
    """An adapter type of this sort; a subclass in a file of its own is a plug.

    endings: how its keys end → what they are called here. rank: which type a file is of, where it mixes several; the
    higher goes first, among equals that with more modules.
    """

    slug: ClassVar[str]
    label: ClassVar[str]
    controls: ClassVar[tuple[Slider, ...]] = (Slider("weight", -2, 2, 1),)
    drawn: ClassVar[bool] = True
    steers: ClassVar[bool] = False
    endings: ClassVar[Mapping[str, str]]
    rank: ClassVar[int] = 2

    def owns(self, shapes: Shapes) -> bool:
        """Whether a module with these roles (→ their shapes) is this type's."""
        raise NotImplementedError

    def reads(self, shapes: Shapes) -> int | None:
        """How wide the module's input is; None where its tensors do not tell."""
        return None

    def writes(self, shapes: Shapes) -> int | None:
        """How wide the module's output is, for types whose tensors tell that alone."""
        return None

    def ranks(self, shapes: Shapes) -> int | None:
        """The rank of the module's factors; None where there is none."""
        return None

    def patch(self, tensors: Mapping[str, Tensor]) -> Patch:
        """The patch of one of its modules, role → tensor. Raises ``Refusal`` or ``ValueError`` for what fits not."""
        raise NotImplementedError

    def recognise(self, header: Header) -> Match | None:
        """Names that end as this type's do, and no type that says more about the file."""
        found = header.shared("modules", lambda header: survey(header.endings, header.shapes_of))
        if found.kind != self.slug:
            return None
        family, variant = base_of(found)
        text = sum(map(names.of_text, found.modules))
        summary: dict[str, object] = {
            "modules": len(found.modules),
            "unet_modules": len(found.modules) - text,
            "text_modules": text,
            "ranks": sorted({rank for name, *_ in found.alike if (rank := found.asked(name, OfModules.ranks))}),
            "convolutions": sum(
                len(alike) for alike in found.alike if prod(found.shapes[alike[0]].get("down", ())[2:]) > 1
            ),
        }
        if len(kinds := found.kinds()) > 1:
            summary["kinds"] = kinds
        if bundled := sorted({key.split(".")[1] for key in found.bundled}):
            summary["words"] = bundled
        return Match(found.claimed, family, variant, summary, candidates=() if family else _candidates(found))

    def read(self, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Edit:
        """Every module's patch. Raises ``Refusal`` for what is incomplete, unknown, or not finite."""
        found = survey(by_ending(tensors), lambda keys: [tuple(tensors[key].shape) for key in keys])
        known = {key for roles in found.roles.values() for key in roles.values()}.union(found.bundled)
        if found.orphans:
            raise Refusal(
                "adapter-incomplete", f"This {self.label} lacks half of its factors for {next(iter(found.orphans))}."
            )
        if not found.modules:
            raise Refusal("adapter-empty", f"This {self.label} holds no factors that we know.")
        if strangers := sorted(set(tensors) - known):
            raise Refusal(
                "adapter-unknown",
                f"{len(strangers)} of this {self.label}'s tensors are of no kind that we know, "
                f"such as {strangers[0][:120]}; without them the picture would not be as asked.",
            )
        if broken := _not_finite(tensors):
            raise Refusal(
                "adapter-not-finite", f"This {self.label} holds numbers that are not finite, in {broken[:120]}."
            )
        alphas = Alphas(metadata)
        patches = {}
        for module, plug in found.modules.items():
            held = {role: tensors[key] for role, key in found.roles[module].items()}
            if "alpha" not in held and (alpha := alphas.of(module, held)) is not None:
                held["alpha"] = alpha
            patches[names.normal(module)] = _patch(plug, module, held)
        return ModulesEdit(self.label, patches, _words(tensors, found.bundled))


def _patch(plug: OfModules, module: str, held: Mapping[str, Tensor]) -> Patch:
    try:
        patch = plug.patch(held)
    except (ValueError, RuntimeError, IndexError, KeyError) as error:
        raise Refusal(
            "adapter-incomplete", f"The factors of {module[:120]} in this {plug.label} do not fit each other."
        ) from error
    bias = next((held[role] for role in BIASES if role in held), None)
    patch.bias = None if bias is None else bias.reshape(-1)
    return patch


def _words(tensors: Mapping[str, Tensor], keys: list[str]) -> Words:
    """word → encoder → vectors, of the inversions under ``keys``."""
    words: dict[str, dict[str, Tensor]] = {}
    for key in keys:
        _, word, rest = key.split(".", 2)
        tensor = tensors[key]
        if encoder := vectors.encoder_of(rest, tensor.shape[-1] if tensor.ndim else 0):
            words.setdefault(word, {})[encoder] = tensor.float().reshape(-1, tensor.shape[-1])
        else:
            raise Refusal("adapter-unknown", f"An inversion inside holds {rest[:80]}, which we do not know.")
    return words


class Alphas:
    """What diffusers keeps of PEFT's configuration, in a file's metadata: by it, where the file has no alphas."""

    def __init__(self, metadata: Mapping[str, str]) -> None:
        try:
            told = json.loads(metadata.get("lora_adapter_metadata") or "{}")
        except ValueError:
            told = {}
        self.told = told if isinstance(told, dict) else {}

    def of(self, module: str, held: Mapping[str, Tensor]) -> Tensor | None:
        """The alpha of ``module``, as a scalar; None where nothing is told."""
        if not self.told or "down" not in held:
            return None
        part = names.part_of(module)
        alpha = self.told.get(f"{part}.lora_alpha")
        patterns = self.told.get(f"{part}.alpha_pattern")
        for name, value in patterns.items() if isinstance(patterns, dict) else ():
            if module == name or module.endswith(f".{name}"):
                alpha = value
        if not isinstance(alpha, int | float):
            return None
        rank = held["down"].shape[0]
        if self.told.get(f"{part}.use_rslora") is True:
            alpha = alpha * rank**0.5
        return held["down"].new_tensor(float(alpha))


def base_of(found: Survey) -> tuple[str, str]:
    """(family, variant) by what cross-attention reads, else by the text encoders, else by widths only nano has."""
    for name in found.modules:
        if _CROSS.search(name):
            family, variant = widths.family(found.asked(name, OfModules.reads))
            if family:
                return family, variant
    if other := names.family_by_names(found.modules):
        return other, ""
    if any(names.part_of(name) == "text_encoder_2" or name.startswith("lora_te1_") for name in found.modules):
        return "sdxl", ""
    for name in found.modules:
        if names.of_text(name) and name.endswith(("q_proj", "k_proj")):
            return widths.family(found.asked(name, OfModules.reads) or found.asked(name, OfModules.writes))
    if any(_DEEP.search(name) for name in found.modules):
        return "sdxl", ""
    for name in found.modules:
        if name.endswith("to_q") and found.asked(name, OfModules.reads) in widths.NANO_LEVELS:
            return "sd1", "nano"
    return "", ""


def _not_finite(tensors: Mapping[str, Tensor]) -> str:
    """The first tensor with a number that is not finite; or nothing."""
    import torch

    some: dict[torch.dtype, list[str]] = {}
    for key, tensor in tensors.items():
        some.setdefault(tensor.dtype, []).append(key)
    for keys in some.values():
        # A thousand small tensors are looked at in a few glances; only where one is amiss, each by itself.
        for start in range(0, len(keys), AT_A_GLANCE):
            few = keys[start : start + AT_A_GLANCE]
            # A sum is finite only where all of it is; that of finite numbers may overflow, so it alone says nothing.
            if not bool(torch.cat([tensors[key].flatten() for key in few]).sum(dtype=torch.float32).isfinite()):
                broken = next((key for key in few if not bool(tensors[key].isfinite().all())), "")
                if broken:
                    return broken
    return ""


def _candidates(found: Survey) -> tuple[str, ...]:
    """The families of the UNet that the names speak of, where no shape tells: SD1's and SD2's are called alike."""
    if any(_ATTENDED.search(name) for name in found.modules):
        return ("sd1", "sd2") if any(_FOURTH.search(name) for name in found.modules) else ("sd1", "sd2", "sdxl")
    return ()


class ModulesEdit(Edit):
    """Patches by their modules' flattened names; ``bundled``: words that came with them."""

    words_optional = True

    def __init__(self, label: str, patches: Mapping[str, Patch], bundled: Words | None = None) -> None:
        self.label, self.patches, self.bundled = label, patches, bundled or {}

    def fit(self, modules: Mapping[str, Shape]) -> frozenset[str]:
        """Every patch must find its module, and every module must have the patch's shape."""
        vectors.fit(self.bundled, modules, f"An inversion inside this {self.label}")
        found: dict[str, str] = {}
        for module in modules:
            for name in names.names_of(module):
                if name in self.patches:
                    found[name] = module
        if not found:
            raise self._misfit(
                f"changes no module of this base: it was made for another (it names {next(iter(self.patches))[:120]})."
            )
        if strangers := [name for name in self.patches if name not in found]:
            raise self._misfit(
                f"was made for another base: {len(strangers)} of its {len(self.patches)} modules are not in this one, "
                f"such as {strangers[0][:120]}."
            )
        if len(set(found.values())) < len(found):
            raise self._misfit("names a module of this base twice, in two ways.")
        changed = (name for patch, module in found.items() for name in self._changed(patch, module, modules))
        return frozenset(name for name in changed if self.share(name))

    def _changed(self, name: str, module: str, modules: Mapping[str, Shape]) -> Iterator[str]:
        patch, live = self.patches[name], modules[module]
        mine = patch.made_for(live)
        if mine is not None:
            if mine != live:
                raise self._misfit(
                    f"was made for another base: its {module} is {_size(mine)}, the base's {_size(live)}."
                )
            yield module
        if patch.bias is not None:
            bias = f"{module}.bias"
            if modules.get(bias) != tuple(patch.bias.shape):
                raise self._misfit(f"changes the bias of {module}, which this base has not, or of another size.")
            yield bias

    def _misfit(self, sentence: str) -> Refusal:
        return Refusal("adapter-does-not-fit", f"This {self.label} {sentence}")

    def delta(self, module: str, weight: Tensor) -> Tensor | None:
        if module.endswith(".bias"):
            patch = self._patch(module.removesuffix(".bias"))
            return None if patch is None or patch.bias is None else patch.bias.float() * self._strength(module)
        patch = self._patch(module)
        return None if patch is None else patch.delta(weight, self._strength(module))

    def low_rank(self, module: str) -> tuple[Tensor, Tensor] | None:
        patch = self._patch(module)
        if patch is None or (thin := patch.thin) is None:
            return None
        strength = self._strength(module)
        return thin if strength == 1 else (thin[0], thin[1] * strength)

    def by_blocks(self, given: Sequence[float]) -> Self:
        assert self.ready is not None  # made now, so that the copy shares it, like its name
        assert self.identity
        other = copy.copy(self)
        other.__dict__.pop("blocks", None)
        if full := blocks.whole(given):
            other.blocks = ",".join(map(repr, full))
        return other

    def share(self, module: str) -> float:
        place = blocks.place_of(module) if self.blocks else None
        return 1.0 if place is None else _numbers(self.blocks)[place]

    def _strength(self, module: str) -> float:
        return self.weight * self.share(module)

    def words(self) -> Words:
        return self.bundled

    def _patch(self, module: str) -> Patch | None:
        return next((patch for name in names.names_of(module) if (patch := self.patches.get(name))), None)


@lru_cache(64)
def _numbers(written: str) -> tuple[float, ...]:
    return tuple(map(float, written.split(",")))


def scale_of(tensors: Mapping[str, Tensor], rank: int) -> float:
    """alpha / rank; 1 where the file has no alpha, or LyCORIS' alpha 0, which means "as the rank"."""
    alpha = float(tensors["alpha"].float().reshape(-1)[0]) if "alpha" in tensors else 0.0
    return alpha / rank if alpha else 1.0


def _size(shape: Shape) -> str:
    return "×".join(map(str, shape))
