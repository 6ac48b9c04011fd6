"""A1111 hypernetworks: small nets that rewrite what attention reads, one pair (keys, values) for each width.

context_k = context + weight · net_k(context), and the same for values; several hypernetworks chain, their streams
apart. Layout (a hypernetwork's pickle kept as safetensors): ``hn.<width>.<k|v>.linear.<index>.<weight|bias>``, with
``layer_structure`` (JSON), ``activation_func``, ``is_layer_norm``, ``activate_output``, ``use_dropout``,
``dropout_structure`` (JSON) and ``last_layer_dropout`` in the metadata. The indices count activations, norms and
dropouts, as A1111's one ``nn.Sequential`` does; so the sequence is built again from the metadata.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from workers.bases import widths
from workers.errors import Refusal
from workers.plugins import Edit, Header, Match, Slider

if TYPE_CHECKING:
    from torch import Tensor, nn

_KEY = re.compile(r"^hn\.(\d{1,5})\.([kv])\.linear(\.\d{1,3}|1|2)\.(weight|bias)$")
_OLD = {"1": "0", "2": "1"}  # the first hypernetworks had just two layers: linear1, linear2
# Names that A1111 gives to torch's activations; its ``swish`` is Hardswish.
ACTIVATIONS = {
    "relu": "ReLU",
    "leakyrelu": "LeakyReLU",
    "elu": "ELU",
    "swish": "Hardswish",
    "hardswish": "Hardswish",
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
    "gelu": "GELU",
    "silu": "SiLU",
    "mish": "Mish",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "relu6": "ReLU6",
    "selu": "SELU",
    "celu": "CELU",
    "hardtanh": "Hardtanh",
    "hardsigmoid": "Hardsigmoid",
    "hardshrink": "Hardshrink",
    "softshrink": "Softshrink",
    "tanhshrink": "Tanhshrink",
    "logsigmoid": "LogSigmoid",
}


class Hypernetwork:
    slug = "hypernetwork"
    label = "Hypernetwork"
    controls = (Slider("weight", 0, 2, 1),)
    drawn = True
    steers = False

    def recognise(self, header: Header) -> Match | None:
        """Keys of the form ``hn.<width>.<k|v>.linear.…``; the base by the widest context it rewrites."""
        keys = (
            key
            for ending, keys in header.endings.items()
            if ending[:1].isdigit() or ending.startswith("linear")
            for key in keys
        )
        found = {key: match for key in keys if (match := _KEY.match(key))}
        if not found:
            return None
        known = sorted({int(match[1]) for match in found.values()})
        # 1280 is SDXL's refiner as a context, but self-attention's in every family: it decides nothing here.
        families = [widths.family(width) for width in known if width != 1280 and widths.family(width)[0]]
        family, variant = families[0] if families else ("", "")
        summary = {
            "widths": known,
            "layer_structure": header.metadata.get("layer_structure", "[1, 2, 1]"),
            "activation": header.metadata.get("activation_func", "linear"),
        }
        return Match(frozenset(found), base=family, variant=variant, summary=summary)

    def read(self, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Edit:
        """The nets, built and filled. Raises ``Refusal`` where the metadata and the tensors do not agree."""
        states: dict[tuple[int, str], dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            if found := _KEY.match(key):
                if not bool(tensor.isfinite().all()):
                    raise Refusal("adapter-not-finite", "This hypernetwork holds numbers that are not finite.")
                states.setdefault((int(found[1]), found[2]), {})[f"{_OLD.get(found[3], found[3][1:])}.{found[4]}"] = (
                    tensor.float()
                )
        if not states or any((width, s) not in states for width, _ in states for s in "kv"):
            raise Refusal("adapter-incomplete", "This hypernetwork lacks the nets for keys or for values.")
        nets = {}
        for (width, stream), state in states.items():
            net = build(width, metadata)
            try:
                net.load_state_dict(state)
            except RuntimeError as error:
                raise Refusal(
                    "adapter-incomplete", "This hypernetwork's layers are not those that its metadata describes."
                ) from error
            nets[width, stream] = net.eval().requires_grad_(False)
        return HypernetworkEdit(nets)


def build(width: int, metadata: Mapping[str, str]) -> nn.Sequential:
    """The net for contexts ``width`` wide, with A1111's defaults where the metadata is silent. Raises ``Refusal``."""
    from torch import nn

    structure = _list(metadata, "layer_structure", [1, 2, 1])
    if len(structure) < 2 or not all(0 < part <= 16 for part in structure) or len(structure) > 16:
        raise Refusal("adapter-unknown", f"This hypernetwork's layer structure {structure} cannot be built.")
    activation = metadata.get("activation_func", "linear").lower()
    if activation not in {"linear", "none", "", *ACTIVATIONS}:
        raise Refusal("adapter-unknown", f"This hypernetwork's activation “{activation[:40]}” is not known.")
    normed, last_active = _flag(metadata, "is_layer_norm", False), _flag(metadata, "activate_output", True)
    dropouts = _dropouts(metadata, len(structure))
    layers: list[nn.Module] = []
    for place in range(len(structure) - 1):
        before, after = (int(width * structure[place + n]) for n in (0, 1))
        layers.append(nn.Linear(before, after))
        last = place == len(structure) - 2
        if activation in ACTIVATIONS and (not last or last_active):
            layers.append(getattr(nn, ACTIVATIONS[activation])())
        if normed:
            layers.append(nn.LayerNorm(after))
        if dropouts[place + 1] > 0:
            layers.append(nn.Dropout(dropouts[place + 1]))
    return nn.Sequential(*layers)


def _dropouts(metadata: Mapping[str, str], count: int) -> list[float]:
    if not _flag(metadata, "use_dropout", False):
        return [0.0] * count
    default = [0.0] + [0.3] * (count - 3) + [0.3 if _flag(metadata, "last_layer_dropout", False) else 0.0, 0.0]
    given = _list(metadata, "dropout_structure", default)
    if len(given) != count or not all(0 <= part < 1 for part in given):
        raise Refusal("adapter-unknown", "This hypernetwork's dropout structure does not fit its layers.")
    return given


def _list(metadata: Mapping[str, str], name: str, default: list) -> list[float]:
    try:
        value = json.loads(metadata.get(name) or "null")
    except ValueError:
        value = "?"
    if value is None:
        return default
    if not isinstance(value, list) or not all(isinstance(part, int | float) for part in value):
        raise Refusal("adapter-unknown", f"This hypernetwork's {name.replace('_', ' ')} is not a list of numbers.")
    return value


def _flag(metadata: Mapping[str, str], name: str, default: bool) -> bool:
    return metadata.get(name, str(default)).strip().lower() in {"true", "1"}


class HypernetworkEdit(Edit):
    def __init__(self, nets: Mapping[tuple[int, str], nn.Sequential]) -> None:
        self.nets = nets

    def fit(self, modules: Mapping[str, tuple[int, ...]]) -> frozenset[str]:
        read = {
            shape[1]
            for name, shape in modules.items()
            if name.startswith("unet.") and name.endswith((".to_k", ".to_v"))
        }
        if strangers := sorted({width for width, _ in self.nets} - read):
            raise Refusal(
                "adapter-does-not-fit",
                f"This hypernetwork was made for another base: it rewrites contexts {strangers[0]} wide, "
                f"and this base reads {', '.join(map(str, sorted(read)))}.",
            )
        return frozenset()

    def context(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        width = keys.shape[-1]
        if (width, "k") not in self.nets:
            return keys, values
        return self._through("k", keys), self._through("v", values)

    def _through(self, stream: str, context: Tensor) -> Tensor:
        # The nets are fp32 whatever the UNet's dtype, as A1111 runs them.
        net = self.nets[context.shape[-1], stream].to(context.device)
        return (context.float() + net(context.float()) * self.weight).to(context.dtype)


adapter = Hypernetwork()
