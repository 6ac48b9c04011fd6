"""ControlNet: a copy of a UNet's first half that reads a hint picture, and adds to the UNet's skip connections.

Layouts: the original one (``control_model.…`` or without that prefix; with ``difference``, what is stored is less the
base's own weights) and diffusers' are drawn with. Union's, Stability's low-rank form (``lora_controlnet``) and LLLite
are recognised and kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workers.adapters.undrawn import family_by_cross_attention, starting
from workers.bases import layout, shapes
from workers.errors import Refusal
from workers.plugins import Added, Control, Edit, Header, Match, Slider

if TYPE_CHECKING:
    from torch import Tensor

    from workers.engine.model import Model

_ORIGINAL = ("input_blocks.", "zero_convs.", "input_hint_block.", "middle_block", "time_embed.", "label_emb.")
_DIFFUSERS = (
    *("conv_in.", "time_embedding.", "add_embedding.", "class_embedding.", "down_blocks.", "mid_block.", "controlnet_"),
    *("control_add_embedding.", "task_embedding", "transformer_layes.", "spatial_ch_projs."),  # Union's
)
PREFIX = "control_model."
UNDRAWN = ("union", "low-rank", "LLLite")


class ControlNet:
    slug = "controlnet"
    label = "ControlNet"
    controls = (Slider("weight", 0, 2, 1),)
    drawn = True
    steers = True

    def recognise(self, header: Header) -> Match | None:
        """The hint's own layers are what nothing else has; the base by what cross-attention reads."""
        if "lora_controlnet" in header:
            return _match(header, frozenset(header), "low-rank", "input_hint_block.0.weight")
        for prefix in (PREFIX, ""):
            hint = f"{prefix}input_hint_block.0.weight"
            if hint in header:
                claimed = starting(header, *(f"{prefix}{start}" for start in _ORIGINAL))
                difference = "difference" in header
                claimed |= {"difference"} if difference else set()
                return _match(header, claimed, "difference" if difference else "original", hint)
        hint = "controlnet_cond_embedding.conv_in.weight"
        if hint in header:
            return _match(header, starting(header, *_DIFFUSERS), "union" if _is_union(header) else "diffusers", hint)
        if lite := frozenset(key for key in header.endings.get("0.weight", ()) if key.startswith("lllite_unet_")):
            claimed = lite | starting(header, "lllite_unet_")
            return Match(claimed, base="sdxl", summary={"layout": "LLLite"})
        return None

    def read(self, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Edit:
        """Its tensors by their live names. Raises ``Refusal`` for another layout, and for what is broken."""
        if "lora_controlnet" in tensors or _is_union(tensors) or any(key.startswith("lllite_") for key in tensors):
            raise Refusal(
                "adapter-not-drawn",
                "ControlNets in Union's, Control-LoRA's and LLLite's layouts are kept here, not drawn with yet.",
            )
        finite("ControlNet", tensors)
        state = {key.removeprefix(PREFIX): tensor for key, tensor in tensors.items() if key != "difference"}
        try:
            if "input_hint_block.0.weight" in state:
                state = layout.controlnet_from_original(state)
            if "controlnet_cond_embedding.conv_in.weight" not in state:
                raise KeyError("no layer that reads a hint")
        except KeyError as error:
            raise Refusal("adapter-unknown", f"This ControlNet's layout is not known here: {error}.") from error
        return ControlNetEdit(state, difference="difference" in tensors)


def _is_union(keys: Header | Mapping[str, Tensor]) -> bool:
    return "task_embedding" in keys or "control_add_embedding.linear_1.weight" in keys


def finite(label: str, tensors: Mapping[str, Tensor]) -> None:
    """Raises ``Refusal`` where a number is none."""
    for key, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            raise Refusal("adapter-not-finite", f"This {label} holds numbers that are not finite, in {key[:120]}.")


def _match(header: Header, claimed: frozenset[str], layout: str, hint: str) -> Match:
    family, variant = family_by_cross_attention(header)
    shape = header.shape(hint) or (0, 0)
    return Match(claimed, base=family, variant=variant, summary={"layout": layout, "hint_channels": shape[1]})


class ControlNetEdit(Edit):
    steers = True

    def __init__(self, state: Mapping[str, Tensor], *, difference: bool = False) -> None:
        self.state, self.difference = state, difference

    def control(self, base: Model) -> Control:
        """The net. Where it was stored as a difference, this base's own weights are added."""
        from accelerate import init_empty_weights
        from diffusers import ControlNetModel

        state = {key: tensor.to(base.device, base.dtype) for key, tensor in self.state.items()}
        if self.difference:
            state = {key: _with_base(base, key, tensor) for key, tensor in state.items()}
        try:
            config = shapes.controlnet({key: tuple(t.shape) for key, t in state.items()}, base.unet.config)
            with init_empty_weights(include_buffers=False):
                net = ControlNetModel.from_config(config)
        except (KeyError, ValueError, TypeError, IndexError, StopIteration) as error:
            raise Refusal(
                "adapter-unknown", f"This ControlNet's layers make no architecture known here: {error}."
            ) from error
        return NetControl(filled(net, state, base, "ControlNet"))


def _with_base(base: Model, key: str, tensor: Tensor) -> Tensor:
    name = f"unet.{key.removesuffix('.weight')}"
    own = base.pristine.get(name, base.tensors.get(name))
    if own is None:
        return tensor
    if own.ndim == 4 and own.shape[1] > tensor.shape[1]:
        own = own[:, : tensor.shape[1]]  # an inpainting base also reads a mask
    if own.numel() != tensor.numel():
        raise _misfit("ControlNet", key, tuple(tensor.shape), tuple(own.shape))
    return (tensor.float() + own.float().view(tensor.shape)).to(tensor.dtype)


def filled(net: Any, state: Mapping[str, Tensor], base: Model, label: str) -> Any:
    """``net``, which has no weights yet, with those of ``state``. Raises ``Refusal`` where they do not fit."""
    import torch

    live = {key: tuple(tensor.shape) for key, tensor in net.state_dict().items()}
    if strangers := sorted(live.keys() ^ state.keys()):
        raise Refusal(
            "adapter-does-not-fit",
            f"This {label} was made for another base: its layers are not this one's, such as {strangers[0][:120]}.",
        )
    for key, tensor in state.items():
        if tensor.numel() != _count(live[key]):
            raise _misfit(label, key, tuple(tensor.shape), live[key])
    # A matrix and a convolution of one pixel are the same numbers.
    shaped = {key: tensor.reshape(live[key]).contiguous() for key, tensor in state.items()}
    net.load_state_dict(shaped, assign=True, strict=True)
    return net.to(device=base.device, memory_format=torch.channels_last).eval().requires_grad_(False)


def _count(shape: Sequence[int]) -> int:
    total = 1
    for side in shape:
        total *= side
    return total


def _misfit(label: str, key: str, mine: Sequence[int], live: Sequence[int]) -> Refusal:
    made, here = ("×".join(map(str, shape)) for shape in (mine, live))
    return Refusal(
        "adapter-does-not-fit", f"This {label} was made for another base: its {key[:120]} is {made}, the base's {here}."
    )


class NetControl:
    """A live ControlNet. Its layers that read the hint are the same at every step, so they are asked once."""

    def __init__(self, net: Any) -> None:
        from workers import unet

        self.net, self.reader, self.ask = net, net.controlnet_cond_embedding, unet.steering(net)
        self.channels, self.reads = net.config.conditioning_channels, net.config.in_channels
        self.bytes = sum(one.numel() * one.element_size() for one in net.parameters())

    def seen(self, picture: Tensor) -> list[Tensor]:
        return [self.reader(picture[:, : self.channels])]

    def added(
        self, seen: Sequence[Tensor], x: Tensor, time: Tensor, context: Tensor, more: Mapping[str, Tensor]
    ) -> Added:
        skips, middle = self.ask(x[:, : self.reads], time, context, seen[0], more)
        return Added(skips=skips, middle=middle)


adapter = ControlNet()
