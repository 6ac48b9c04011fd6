"""T2I-Adapter: a small net whose features of a hint picture are added to a UNet's on the way down, at every step.

Its first layer reads the hint with its pixels folded into channels: 8×8 or 16×16 of them, which tells SD1 from SDXL.
Layouts: diffusers' (``adapter.body.0.resnets.0.block1``), the original one (``body.0.block1``, its blocks counted
through), and the original's light form (``body.0.in_conv``, ``body.0.body.0.block1``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workers.adapters.controlnet import filled, finite
from workers.adapters.undrawn import starting
from workers.bases import layout
from workers.errors import Refusal
from workers.plugins import Added, Control, Edit, Header, Match, Slider

if TYPE_CHECKING:
    from torch import Tensor

    from workers.engine.model import Model

# Channels of the first layer: a grey or a coloured hint, folded by 8 (SD1) or by 16 (SDXL).
_FOLDED = {64: ("sd1", 1), 192: ("sd1", 3), 256: ("sdxl", 1), 768: ("sdxl", 3)}
# (what tells, where the first layer is), for diffusers' layout, the original one, and its light form.
_LAYOUTS = {
    "diffusers": ("body.0.resnets.0.block1.weight", ("conv_in.weight", "body.0.in_conv.weight")),
    "original": ("body.0.block1.weight", ("conv_in.weight",)),
    "light": ("body.0.in_conv.weight", ("body.0.in_conv.weight",)),
}
_BLOCK = re.compile(r"body\.(\d+)\.(block[12]|in_conv)\.(weight|bias)$")


class T2IAdapter:
    slug = "t2i_adapter"
    label = "T2I-Adapter"
    controls = (Slider("weight", 0, 2, 1),)
    drawn = True
    steers = True

    def recognise(self, header: Header) -> Match | None:
        """A body of blocks behind a layer that reads a folded hint."""
        for prefix in ("adapter.", ""):
            for name, (sign, firsts) in _LAYOUTS.items():
                if f"{prefix}{sign}" not in header:
                    continue
                shape = next((found for first in firsts if (found := header.shape(prefix + first))), (0, 0))
                family, hint = _FOLDED.get(shape[1] if len(shape) == 4 else 0, ("", 0))
                if family:
                    claimed = starting(header, f"{prefix}body.", f"{prefix}conv_in.")
                    return Match(claimed, base=family, summary={"layout": name, "hint_channels": hint})
        return None

    def read(self, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Edit:
        """Its tensors by diffusers' names. Raises ``Refusal`` for what is broken or not known."""
        finite("T2I-Adapter", tensors)
        state = {key.removeprefix("adapter."): tensor for key, tensor in tensors.items()}
        if not any(".resnets." in key for key in state):
            light = any(".body." in key for key in state)
            state = {(_light if light else _full)(key): tensor for key, tensor in state.items()}
        first = state.get("conv_in.weight", state.get("body.0.in_conv.weight"))
        if first is None or first.ndim != 4 or first.shape[1] not in _FOLDED:
            raise Refusal("adapter-unknown", "This T2I-Adapter has no layer that reads a hint.")
        return T2IEdit(state)


def _light(key: str) -> str:
    return re.sub(r"^(body\.\d+)\.body\.", r"\1.resnets.", key)


def _full(key: str) -> str:
    """Two blocks a level, counted through in the original."""
    if found := _BLOCK.match(key):
        level, block = divmod(int(found[1]), 2)
        place = found[2] if found[2] == "in_conv" else f"resnets.{block}.{found[2]}"
        return f"body.{level}.{place}.{found[3]}"
    return key


class T2IEdit(Edit):
    steers = True

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        self.state = state

    def control(self, base: Model) -> Control:
        """The net."""
        from accelerate import init_empty_weights
        from diffusers import T2IAdapter as Live

        state = {f"adapter.{key}": tensor.to(base.device, base.dtype) for key, tensor in self.state.items()}
        full = "conv_in.weight" in self.state
        first = self.state["conv_in.weight" if full else "body.0.in_conv.weight"]
        _, grey = _FOLDED[first.shape[1]]
        levels, blocks = layout.count(self.state, "body.{}."), layout.count(self.state, "body.0.resnets.{}.")
        widths = [self._width(level, full) for level in range(levels)]
        folded = round((first.shape[1] / grey) ** 0.5)
        kind = ("full_adapter" if folded == 8 else "full_adapter_xl") if full else "light_adapter"
        with init_empty_weights(include_buffers=False):
            net = Live(
                in_channels=grey,
                channels=widths if full else widths[:-1],  # the light form names its last width once
                num_res_blocks=blocks,
                downscale_factor=folded,
                adapter_type=kind,
            )
        control = AdapterControl(filled(net, state, base, "T2I-Adapter"), grey)
        own = list(base.unet.config.block_out_channels)
        if widths[: len(own)] != own and widths[: len(own) - 1] != own[: len(widths)]:
            raise Refusal(
                "adapter-does-not-fit",
                f"This T2I-Adapter was made for another base: its levels are {widths} wide, the base's {own}.",
            )
        return control

    def _width(self, level: int, full: bool) -> int:
        name = f"body.{level}.resnets.0.block1.weight" if full else f"body.{level}.out_conv.weight"
        if (weight := self.state.get(name)) is None:
            raise Refusal("adapter-incomplete", f"This T2I-Adapter lacks {name}.")
        return weight.shape[0]


class AdapterControl:
    """A live T2I-Adapter: it reads the hint alone, once."""

    def __init__(self, net: Any, channels: int) -> None:
        self.net, self.channels = net, channels
        self.bytes = sum(one.numel() * one.element_size() for one in net.parameters())

    def seen(self, picture: Tensor) -> list[Tensor]:
        return list(self.net(picture[:, : self.channels]))

    def added(
        self, seen: Sequence[Tensor], x: Tensor, time: Tensor, context: Tensor, more: Mapping[str, Tensor]
    ) -> Added:
        return Added(levels=seen)


adapter = T2IAdapter()
