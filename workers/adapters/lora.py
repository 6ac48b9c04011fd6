"""LoRA and LoCon: two thin matrices a module, whose product is added to its weight.

W += weight · alpha / rank · up @ down. Layouts: kohya-ss/sd-scripts (``lora_unet_….lora_down.weight``), PEFT and
diffusers (``….lora_A.weight``, ``….lora.down.weight``, ``….lora_linear_layer.down.weight``), 3×3 convolutions, and
LyCORIS' ``lora_mid`` (Tucker). A missing alpha means scale 1; rank and alpha may differ from module to module.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING

from workers.adapters import names
from workers.bases import widths
from workers.errors import Refusal
from workers.plugins import Edit, Header, Match, Slider

if TYPE_CHECKING:
    from torch import Tensor

_SUFFIX = re.compile(
    r"^(?P<module>.+?)\.(?:"
    r"(?P<down>lora_down\.weight|lora_A(?:\.default)?\.weight|lora\.down\.weight|lora_linear_layer\.down\.weight"
    r"|(?<=_lora\.)down\.weight)"
    r"|(?P<up>lora_up\.weight|lora_B(?:\.default)?\.weight|lora\.up\.weight|lora_linear_layer\.up\.weight"
    r"|(?<=_lora\.)up\.weight)"
    r"|(?P<mid>lora_mid\.weight)|(?P<alpha>alpha))$"
)
# Factors of relatives that are not plain LoRA: leaving one out would draw another picture than the file's.
_STRANGERS = ("dora_scale", "hada_w1_a", "lokr_w1", "lokr_w1_a", "oft_blocks", "lora_magnitude_vector", "on_input")
_CROSS = re.compile(r"attn2_to_[kv]$")


def grouped(keys: Iterable[str]) -> dict[str, dict[str, str]]:
    """Flattened module name → role (down, up, mid, alpha) → the file's key. Keys of no role are left out."""
    modules: dict[str, dict[str, str]] = {}
    for key in keys:
        if found := _SUFFIX.match(key):
            role = next(role for role in ("down", "up", "mid", "alpha") if found[role])
            modules.setdefault(names.normal(found["module"]), {})[role] = key
    return modules


class Lora:
    slug = "lora"
    label = "LoRA"
    controls = (Slider("weight", -2, 2, 1),)

    def recognise(self, header: Header) -> Match | None:
        """A LoRA holds pairs of thin matrices and nothing that it would take another rule to add."""
        if any(key.rsplit(".", 1)[-1] in _STRANGERS or ".lora_magnitude_vector" in key for key in header):
            return None
        modules = {name: roles for name, roles in grouped(header).items() if {"down", "up"} <= roles.keys()}
        if not modules:
            return None
        family, variant = base_of(header, modules)
        ranks = {(header.shape(roles["down"]) or (0,))[0] for roles in modules.values()}
        text = sum(name.startswith("lora_te") for name in modules)
        summary = {
            "modules": len(modules),
            "unet_modules": len(modules) - text,
            "text_modules": text,
            "ranks": sorted(ranks),
            "convolutions": sum(prod((header.shape(roles["down"]) or ())[2:]) > 1 for roles in modules.values()),
        }
        claimed = frozenset(key for roles in modules.values() for key in roles.values())
        return Match(claimed, base=family, variant=variant, summary=summary)

    def read(self, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Edit:
        """The factors of every module. Raises ``Refusal`` for an incomplete pair or numbers that are not finite."""
        factors = {}
        for module, roles in grouped(tensors).items():
            if not {"down", "up"} <= roles.keys():
                raise Refusal("adapter-incomplete", f"This LoRA lacks half of its factors for {module}.")
            down, up = tensors[roles["down"]], tensors[roles["up"]]
            mid = tensors[roles["mid"]] if "mid" in roles else None
            alpha = float(tensors[roles["alpha"]].float().reshape(-1)[0]) if "alpha" in roles else None
            rank = down.shape[0]
            if not all(bool(t.isfinite().all()) for t in (down, up, mid) if t is not None):
                raise Refusal("adapter-not-finite", f"This LoRA holds numbers that are not finite, in {module}.")
            if up.shape[1] != (rank if mid is None else mid.shape[0]):
                raise Refusal("adapter-incomplete", f"The two factors of {module} in this LoRA do not fit each other.")
            # LyCORIS writes alpha 0 where it means "as the rank".
            factors[module] = Factors(down, up, mid, alpha / rank if alpha else 1.0)
        if not factors:
            raise Refusal("adapter-empty", "This LoRA holds no factors that we know.")
        return LoraEdit(factors)


def base_of(header: Header, modules: Mapping[str, Mapping[str, str]]) -> tuple[str, str]:
    """(family, variant) by what cross-attention reads, else by the text encoders, else by widths only nano has."""
    read = {
        name: shape[1] for name, roles in modules.items() if (shape := header.shape(roles["down"])) and len(shape) >= 2
    }
    for name, width in read.items():
        if _CROSS.search(name) and widths.family(width)[0]:
            return widths.family(width)
    if any(name.startswith(("lora_te2_", "lora_te1_")) for name in read):
        return "sdxl", ""
    for name, width in read.items():
        if name.startswith("lora_te_") and name.endswith("_q_proj"):
            return widths.family(width)
    if any(re.search(r"transformer_blocks_[2-9]", name) for name in read):
        return "sdxl", ""
    if any(name.endswith("_to_q") and width in widths.NANO_LEVELS for name, width in read.items()):
        return "sd1", "nano"
    return "", ""


@dataclass(frozen=True)
class Factors:
    """One module's factors; down [rank, in, …], up [out, rank, …], mid [rank, rank, h, w] or None."""

    down: Tensor
    up: Tensor
    mid: Tensor | None
    scale: float

    def shape(self, rank: int) -> tuple[int, ...]:
        """The shape of the weight that they change, ``rank`` axes long where it could be two or four."""
        inner = self.down.shape[1:] if self.mid is None else (self.down.shape[1], *self.mid.shape[2:])
        full = (self.up.shape[0], *inner)
        if len(full) < rank:
            return (*full, *[1] * (rank - len(full)))
        return full[:rank] if all(size == 1 for size in full[rank:]) else full

    @cached_property
    def thin(self) -> tuple[Tensor, Tensor] | None:
        """(down [rank, in, …], up [out, rank]), fp32, with the scale in ``up``; None where there is a mid."""
        if self.mid is not None:
            return None
        return self.down.float().contiguous(), (self.up.float().flatten(1) * self.scale).contiguous()

    def product(self) -> Tensor:
        """up @ down, fp32, flat over what the module reads."""
        up, down = self.up.float().flatten(1), self.down.float().flatten(1)
        if self.mid is None:
            return up @ down
        # One contraction for each place of the kernel: [out, r] · [r, r, h, w] · [r, in].
        full = (up @ self.mid.float().flatten(1)).reshape(up.shape[0], -1, *self.mid.shape[2:])
        return (full.permute(0, 2, 3, 1) @ down).permute(0, 3, 1, 2).flatten(1)


class LoraEdit(Edit):
    def __init__(self, factors: Mapping[str, Factors]) -> None:
        self.factors = factors

    def fit(self, modules: Mapping[str, tuple[int, ...]]) -> frozenset[str]:
        """Every factor must find its module, and every module must have the factor's shape."""
        found: dict[str, str] = {}
        for module in modules:
            for name in names.names_of(module):
                if name in self.factors:
                    found[name] = module
        if not found:
            raise Refusal("adapter-does-not-fit", "This LoRA changes no module of this base: it was made for another.")
        for name, module in found.items():
            mine, live = self.factors[name].shape(len(modules[module])), modules[module]
            if mine != live:
                raise Refusal(
                    "adapter-does-not-fit",
                    f"This LoRA was made for another base: its {module} is {_size(mine)}, the base's {_size(live)}.",
                )
        if strangers := [name for name in self.factors if name not in found]:
            raise Refusal(
                "adapter-does-not-fit",
                f"{len(strangers)} of this LoRA's {len(self.factors)} modules are not in this base, "
                f"such as {strangers[0]}.",
            )
        return frozenset(found.values())

    def delta(self, module: str, weight: Tensor) -> Tensor | None:
        for name in names.names_of(module):
            if factors := self.factors.get(name):
                return (factors.product() * (self.weight * factors.scale)).reshape(weight.shape)
        return None

    def low_rank(self, module: str) -> tuple[Tensor, Tensor] | None:
        for name in names.names_of(module):
            if (factors := self.factors.get(name)) and (thin := factors.thin):
                return thin[0], thin[1] * self.weight
        return None


def _size(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


adapter = Lora()
