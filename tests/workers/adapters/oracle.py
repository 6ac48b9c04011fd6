"""LyCORIS, asked what it makes of the same tensors: its modules with random numbers, saved as it saves them."""

from typing import Any

import torch
from lycoris.modules.locon import LoConModule
from lycoris.modules.loha import LohaModule
from lycoris.modules.lokr import LokrModule
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
MATRICES = [name for name in LAYERS if "transformer" in name]
KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "lora": (LoConModule, {"lora_dim": 4, "alpha": 2}),
    "locon": (LoConModule, {"lora_dim": 4, "alpha": 2, "use_tucker": True}),
    "loha": (LohaModule, {"lora_dim": 4, "alpha": 2}),
    "lokr": (LokrModule, {"lora_dim": 2, "alpha": 1, "factor": 4}),
    "dora": (LoConModule, {"lora_dim": 4, "alpha": 2, "weight_decompose": True}),
}
WEIGHTS = (1.0, 0.7, -0.4)


def layer(name: str) -> nn.Module:
    torch.manual_seed(len(name))
    return LAYERS[name]()


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
    return {f"{made.lora_name}.{key}": value.detach().clone() for key, value in made.state_dict().items()}


def whole(kind: str) -> dict[str, Tensor]:
    """A file of ``kind`` over every layer that it can change."""
    names = [name for name in LAYERS if kind != "lora" or "conv" not in name]
    return {key: value for name in names for key, value in file(module(KINDS[kind][0], name, **KINDS[kind][1])).items()}


def flat(name: str) -> str:
    return "lora_unet_" + name.removeprefix("unet.").replace(".", "_")


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
