"""The one loop that every small training of nano runs: a loss, made smaller; kept now and then, gone on with."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

KEEP_SECONDS = 120


def learn(
    parameters: Iterable[Tensor],
    loss: Callable[[torch.Generator], Tensor],
    *,
    rate: float,
    steps: int,
    generator: torch.Generator,
    checkpoint: Path | None = None,
) -> None:
    """Change ``parameters`` so that ``loss(generator)`` gets small, by AdamW with a cosine of ``steps``.

    checkpoint: where what is learned is kept every two minutes, and where a run that was stopped goes on.
    """
    parameters = list(parameters)
    optimizer = torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.99), weight_decay=1e-3)
    first = 0
    if checkpoint is not None and checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        first = state["step"]
        optimizer.load_state_dict(state["optimizer"])
        generator.manual_seed(first)  # other pictures than those that it began with
        with torch.no_grad():
            for parameter, value in zip(parameters, state["parameters"], strict=True):
                parameter.copy_(value)
    began = saved = time.monotonic()
    mean = 0.0
    for step in range(first, steps):
        for group in optimizer.param_groups:
            group["lr"] = min(1.0, (step + 1) / 20) * rate * (0.02 + 0.49 * (1 + math.cos(math.pi * step / steps)))
        now = loss(generator)
        now.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        mean = 0.97 * mean + 0.03 * now.item() if step > first else now.item()
        if (step + 1) % 25 == 0:
            print(f"{step + 1:5d} {(time.monotonic() - began) / 60:5.1f} min loss {mean:.4f}", flush=True)
        if checkpoint is not None and time.monotonic() - saved > KEEP_SECONDS:
            kept = [parameter.detach().clone() for parameter in parameters]
            state = {"parameters": kept, "optimizer": optimizer.state_dict(), "step": step + 1}
            torch.save(state, checkpoint.with_suffix(".tmp"))
            checkpoint.with_suffix(".tmp").replace(checkpoint)
            saved = time.monotonic()


class LowRank(nn.Module):
    """A weight plus ``up @ down``; registered as a parametrization, so the frozen model needs no change."""

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        rows, columns = weight.shape[0], weight[0].numel()
        self.down = nn.Parameter(torch.randn(rank, columns) / math.sqrt(columns))
        self.up = nn.Parameter(torch.zeros(rows, rank))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + (self.up @ self.down).reshape(weight.shape)


def loosen(model: nn.Module, rank: int, whole: Callable[[str], bool] = lambda name: False) -> list[nn.Parameter]:
    """Let a frozen model learn little: each of its large weights by ``rank``, its small ones, and ``whole``, whole.

    Returns what is to be trained; `learned` reads it off.
    """
    for name, module in list(model.named_modules()):
        weight = getattr(module, "weight", None)
        if not isinstance(weight, Tensor) or parametrize.is_parametrized(module):
            continue
        if weight.ndim < 2 or weight.numel() < 8 * rank * rank or whole(f"{name}.weight"):
            weight.requires_grad_(True)
        else:
            parametrize.register_parametrization(module, "weight", LowRank(weight, rank))
        if isinstance(bias := getattr(module, "bias", None), nn.Parameter):
            bias.requires_grad_(True)
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def learned(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """(name in the model's own state dict, tensor) of all that `loosen` let it learn; thin ones end in up and down."""
    for name, module in model.named_modules():
        if parametrize.is_parametrized(module, "weight"):
            patch = module.parametrizations.weight[0]  # type: ignore[union-attr, index]
            shape = module.weight.shape  # type: ignore[union-attr]
            yield f"{name}.weight.up", patch.up.detach()
            yield f"{name}.weight.down", patch.down.detach().reshape(-1, *shape[1:])
        for key, value in module.named_parameters(recurse=False):
            if value.requires_grad and "parametrizations" not in name:
                yield f"{name}.{key}", value.detach()


@torch.no_grad()
def begin_at(model: nn.Module, part: Mapping[str, Tensor]) -> None:
    """Let what `loosen` let ``model`` learn begin where another training ended: ``part`` is what `learned` said then.

    Raises ``KeyError`` where ``part`` lacks some of it: it was learned by another rank, or of another model.
    """
    for name, held in learned(model):
        held.copy_(part[name].view_as(held))
