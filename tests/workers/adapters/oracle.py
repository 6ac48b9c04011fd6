"""LyCORIS, asked what it makes of the same tensors: its modules with random numbers, saved as it saves them."""

from typing import Any

import torch
from lycoris.modules.boft import ButterflyOFTModule
from lycoris.modules.diag_oft import DiagOFTModule
from lycoris.modules.full import FullModule
from lycoris.modules.glora import GLoRAModule
from lycoris.modules.ia3 import IA3Module
from lycoris.modules.locon import LoConModule
from lycoris.modules.loha import LohaModule
from lycoris.modules.lokr import LokrModule
from lycoris.modules.norms import NormModule
from torch import Tensor, nn

from tests.workers import small
from workers.adapters import ADAPTERS, recognised
from workers.plugins import Edit

# A matrix, convolutions of three pixels and of one, as the small base has them.
LAYERS = {
    "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q": lambda: nn.Linear(144, 144, bias=False),
    "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k": lambda: nn.Linear(64, 48, bias=False),
    "unet.down_blocks.1.resnets.0.conv1": lambda: nn.Conv2d(48, 96, 3, padding=1),
    "unet.mid_block.attentions.0.proj_in": lambda: nn.Conv2d(144, 144, 1),
}
NORMS = {
    "unet.down_blocks.1.resnets.0.norm1": lambda: nn.GroupNorm(16, 48),
    "unet.mid_block.attentions.0.transformer_blocks.0.norm2": lambda: nn.LayerNorm(144),
    "text_encoder.encoder.layers.0.layer_norm1": lambda: nn.LayerNorm(64),
}
MATRICES = [name for name in LAYERS if "transformer" in name]
KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "lora": (LoConModule, {"lora_dim": 4, "alpha": 2}),
    "locon": (LoConModule, {"lora_dim": 4, "alpha": 2, "use_tucker": True}),
    "loha": (LohaModule, {"lora_dim": 4, "alpha": 2}),
    "lokr": (LokrModule, {"lora_dim": 2, "alpha": 1, "factor": 4}),
    "dora": (LoConModule, {"lora_dim": 4, "alpha": 2, "weight_decompose": True}),
    "ia3": (IA3Module, {}),
    "oft": (DiagOFTModule, {"lora_dim": 4, "constraint": 0.01}),
    "boft": (ButterflyOFTModule, {"lora_dim": 18}),
    "glora": (GLoRAModule, {"lora_dim": 4, "alpha": 2}),
    "full": (FullModule, {}),
    "norm": (NormModule, {}),
}
WEIGHTS = (1.0, 0.7, -0.4)


def layer(name: str) -> nn.Module:
    torch.manual_seed(len(name))
    return (LAYERS | NORMS)[name]()


def module(kind: Any, name: str, **options: Any) -> Any:
    """LyCORIS' module of ``kind`` over the layer ``name``, all its numbers random."""
    made = kind(flat(name), layer(name), **options)
    torch.manual_seed(7)
    with torch.no_grad():
        for path, parameter in made.named_parameters():
            # A decomposed weight's lengths are positive, others have both signs.
            nn.init.uniform_(parameter, 0.5, 2) if "dora" in path or "rescale" in path else nn.init.normal_(
                parameter, std=0.3
            )
    return made


def file(made: Any) -> dict[str, Tensor]:
    """What LyCORIS saves of a module."""
    state = made.state_dict()
    if isinstance(made, FullModule):  # it thinks that it holds the whole weight, until it is applied
        state = {key: value for key, value in {"diff": made.weight, "diff_b": made.bias}.items() if value is not None}
    return {f"{made.lora_name}.{key}": value.detach().clone() for key, value in state.items()}


def whole(kind: str) -> dict[str, Tensor]:
    """A file of ``kind`` over every layer that it can change."""
    names = NORMS if kind == "norm" else [name for name in LAYERS if kind != "lora" or "conv" not in name]
    return {key: value for name in names for key, value in file(module(KINDS[kind][0], name, **KINDS[kind][1])).items()}


def flat(name: str) -> str:
    part, path = name.split(".", 1)
    return {"unet": "lora_unet_", "text_encoder": "lora_te_text_model_"}[part] + path.replace(".", "_")


def read(kind: str, tensors: dict[str, Tensor]) -> Edit:
    """Our edit of these tensors, which are recognised as ``kind`` and claimed whole."""
    plug, match = recognised(small.header(tensors))
    assert plug.slug == kind
    assert match.claimed == tensors.keys()
    return ADAPTERS[kind].read(tensors, {})


@torch.no_grad()
def agrees(kind: str, made: Any, name: str, *, weights: tuple[float, ...] = WEIGHTS) -> None:
    """Our merged weight is LyCORIS', to 1e-6 of its largest number, at every weight."""
    edit, base = read(kind, file(made)), made.org_module[0].weight.detach()
    assert edit.fit({name: tuple(base.shape)}) == {name}
    for weight in weights:
        theirs = merged(made, weight)
        mine = base + edit.at(weight).delta(name, base)
        assert distance(mine, theirs) <= 1e-6, f"{name} at {weight}"
        assert distance(mine, base) > 1e-3, "it changes nothing"


def merged(made: Any, weight: float) -> Tensor:
    """The weight that LyCORIS' module draws with. Its LoHa and LoKr scale twice where they are merged, but once where
    they are trained and drawn; that is what counts."""
    base = made.org_module[0].weight.detach()
    if not hasattr(made, "get_weight"):
        return made.get_merged_weight(weight, base.shape)[0]
    whole = base + made.get_weight(base.shape) * (1 if made.wd else weight)
    return made.apply_weight_decompose(whole, weight) if made.wd else whole


def distance(mine: Tensor, theirs: Tensor) -> float:
    return float((mine - theirs).detach().abs().max() / theirs.detach().abs().max())
