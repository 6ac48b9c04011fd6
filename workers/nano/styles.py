"""Train styles of nano as LyCORIS does: LoHa, LoKr, and DoRA on LoRA; each in LyCORIS's own key layout.

Each form is a parametrization of a frozen weight: what is trained is what the file holds, nothing is converted after.
"""

import argparse
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from workers.nano import base, icons
from workers.nano.adapters import CREDITS, LINEAR, Trained, fit, write

FACTOR = 4  # LoKr's smaller matrix is 4×4


class LoHa(nn.Module):
    """A weight plus (w1_a @ w1_b) ∘ (w2_a @ w2_b)."""

    rank = 8

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        rows, columns, rank = weight.shape[0], weight[0].numel(), self.rank
        # LyCORIS's own beginning: one factor of the second side at zero, so the first picture is the base's.
        self.w1_a = nn.Parameter(torch.randn(rows, rank) * 0.1)
        self.w1_b = nn.Parameter(torch.randn(rank, columns))
        self.w2_a = nn.Parameter(torch.zeros(rows, rank))
        self.w2_b = nn.Parameter(torch.randn(rank, columns))

    def begin_at(self, delta: Tensor) -> None:
        """The nearest that the form has to a change [out, in] learned by another: its largest directions times one."""
        left, sizes, right = torch.linalg.svd(delta)
        root = sizes[: self.rank].sqrt()
        with torch.no_grad():
            self.w1_a.copy_(left[:, : self.rank] * root)
            self.w1_b.copy_(right[: self.rank] * root[:, None])
            # The rank's other factors stay small but free to learn.
            self.w2_a.normal_(std=0.02)
            self.w2_b.normal_(std=0.02)
            self.w2_a[:, 0] = 1
            self.w2_b[0] = 1

    def forward(self, weight: Tensor) -> Tensor:
        return weight + ((self.w1_a @ self.w1_b) * (self.w2_a @ self.w2_b)).reshape(weight.shape)

    def tensors(self, _shape: torch.Size) -> dict[str, Tensor]:
        held = {f"hada_{name}": value.detach() for name, value in self.named_parameters()}
        return held | {"alpha": torch.tensor(float(self.rank))}


class LoKr(nn.Module):
    """A weight plus kron(w1, w2_a @ w2_b), w1 4×4 and whole."""

    rank = 8

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        rows, columns = weight.shape[0] // FACTOR, weight[0].numel() // FACTOR
        self.w1 = nn.Parameter(torch.randn(FACTOR, FACTOR) * 0.5)
        self.w2_a = nn.Parameter(torch.randn(rows, self.rank) / math.sqrt(self.rank))
        self.w2_b = nn.Parameter(torch.zeros(self.rank, columns))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + torch.kron(self.w1, self.w2_a @ self.w2_b).reshape(weight.shape)

    def tensors(self, shape: torch.Size) -> dict[str, Tensor]:
        held = {f"lokr_{name}": value.detach() for name, value in self.named_parameters()}
        if self.rank >= max(len(self.w2_a), self.w2_b.shape[1]) / 2:  # LyCORIS keeps so small a matrix whole
            whole = held.pop("lokr_w2_a") @ held.pop("lokr_w2_b")
            held["lokr_w2"] = whole.reshape(*whole.shape, *shape[2:])
        return held | {"alpha": torch.tensor(float(self.rank))}


class DoRA(nn.Module):
    """(weight + up @ down), its rows brought to lengths that are learned too."""

    rank = 8

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        rows, columns = weight.shape[0], weight[0].numel()
        self.down = nn.Parameter(torch.randn(self.rank, columns) / math.sqrt(columns))
        self.up = nn.Parameter(torch.zeros(rows, self.rank))
        self.lengths = nn.Parameter(weight.detach().flatten(1).norm(dim=1, keepdim=True))

    def forward(self, weight: Tensor) -> Tensor:
        whole = weight.flatten(1) + self.up @ self.down
        eps = torch.finfo(torch.float32).eps
        return (whole * (self.lengths / (whole.norm(dim=1, keepdim=True) + eps))).reshape(weight.shape)

    def tensors(self, shape: torch.Size) -> dict[str, Tensor]:
        pixels = [1] * (len(shape) - 2)
        return {
            "lora_down.weight": self.down.detach().reshape(self.rank, *shape[1:]),
            "lora_up.weight": self.up.detach().reshape(shape[0], self.rank, *pixels),
            "dora_scale": self.lengths.detach().reshape(shape[0], 1, *pixels),
            "alpha": torch.tensor(float(self.rank)),
        }


def grey(pictures: Tensor) -> Tensor:
    """Their light alone, [B, 1, S, S] in 0…1. pictures: [B, 3, S, S] in −1…1."""
    return ((pictures + 1) / 2 * torch.tensor([0.299, 0.587, 0.114])[None, :, None, None]).sum(1, keepdim=True)


def sepia(pictures: Tensor) -> Tensor:
    """As an old print: brown in the shadows, cream in the light."""
    dark, light = (torch.tensor(c)[None, :, None, None] for c in ((0.16, 0.09, 0.05), (0.98, 0.90, 0.72)))
    return (dark + (light - dark) * grey(pictures)) * 2 - 1


def pencil(pictures: Tensor) -> Tensor:
    """Drawn in dark lines on white paper: lines stand where a pixel differs from those around it."""
    seen = (pictures + 1) / 2
    around = F.avg_pool2d(F.pad(seen, (2, 2, 2, 2), mode="replicate"), 5, 1)
    ink = ((seen - around).abs().amax(1, keepdim=True) * 5).clamp(0, 1)
    return (0.96 * (1 - 0.85 * ink)).expand(-1, 3, -1, -1) * 2 - 1


@dataclass(frozen=True)
class Style:
    """What is learned (``icons`` of a set, seen through ``look``), in which form, and what is said of it."""

    file: str
    title: str
    trigger: str
    form: type
    icons: str
    look: Callable[[Tensor], Tensor] | None = None
    begins: str = ""  # an adapter in ``weights/`` whose change is where this one begins
    algorithm: str = ""
    rate: float = 2e-3


STYLES = {
    "loha": Style(
        "nano-flat-loha", "Flat (LoHa)", "flat style", LoHa, "flat", begins="nano-flat", algorithm="loha", rate=1e-3
    ),
    "lokr": Style("nano-sepia", "Sepia", "old photo", LoKr, "noto", sepia, algorithm="lokr", rate=4e-3),
    "dora": Style("nano-pencil", "Pencil", "pencil drawing", DoRA, "noto", pencil, algorithm="locon"),
}


@torch.no_grad()
def pictures_of(nano: Trained, style: Style, generator: torch.Generator, variants: int) -> tuple[Tensor, Tensor]:
    """As `base.latents_of`, seen through the style's look."""
    pixels = nano.data.of(style.icons, icons.OBJECTS)
    if style.look is None:
        return base.latents_of(nano.vae, pixels, generator, variants)
    flat = torch.tensor(list(icons.BACKGROUNDS.values()), dtype=torch.float32)
    latents, grounds = [], []
    for icon in pixels:
        ground = torch.randint(len(flat), (variants,), generator=generator)
        pictures = style.look(icons.compose(icon.expand(variants, -1, -1, -1), flat[ground], generator))
        latents.append(nano.vae.encode(pictures).latent_dist.mean.half())
        grounds.append(ground)
    return torch.stack(latents), torch.stack(grounds)


def train(nano: Trained, out: Path, style: Style, *, steps: int, count: int, checkpoint: Path | None = None) -> None:
    """Train ``style`` over every matrix of the UNet's attentions; half of its captions carry the trigger."""
    generator = torch.Generator().manual_seed(14)
    variants = max(1, min(6, steps * count // len(icons.OBJECTS)))
    latents, grounds = pictures_of(nano, style, generator, variants)
    print(f"{style.title}: {latents.shape[0] * latents.shape[1]} pictures", flush=True)
    plain, marked = (
        torch.stack([base.ids_of(icons.caption(n, c) + end) for n in icons.OBJECTS for c in icons.BACKGROUNDS])
        for end in ("", f", {style.trigger}")
    )
    before = load_file(out / f"{style.begins}.safetensors") if style.begins else {}
    forms: dict[str, tuple[nn.Module, torch.Size]] = {}
    for name, module in nano.unet.named_modules():
        if not (name.endswith(LINEAR) and "attentions" in name):
            continue
        weight, flat = module.weight, f"lora_unet_{name.replace('.', '_')}"
        form = style.form(weight)
        if before:
            up, down = (before[f"{flat}.lora_{side}.weight"].float().flatten(1) for side in ("up", "down"))
            form.begin_at(up @ down * before[f"{flat}.alpha"] / down.shape[0])
        parametrize.register_parametrization(module, "weight", form)
        forms[flat] = form, weight.shape

    def ids(index: Tensor) -> Tensor:
        which, variant = index
        row = which * len(icons.BACKGROUNDS) + grounds[which, variant]
        with_trigger = torch.rand(len(which), 1, generator=generator) < 0.5
        return torch.where(with_trigger, marked[row], plain[row])

    parameters = [p for form, _ in forms.values() for p in form.parameters()]
    fit(
        nano, parameters, latents, ids,
        rate=style.rate, steps=steps, generator=generator, count=count, checkpoint=checkpoint,
    )  # fmt: skip
    tensors = {f"{flat}.{key}": t for flat, (f, shape) in forms.items() for key, t in f.tensors(shape).items()}  # type: ignore[operator]
    rank = str(style.form.rank)  # type: ignore[attr-defined]
    arguments = {"algo": style.algorithm} | ({"dora_wd": "True"} if style.form is DoRA else {})
    if style.form is LoKr:
        arguments["factor"] = str(FACTOR)
    write(
        out / f"{style.file}.safetensors",
        tensors,
        ss_network_module="lycoris.kohya",
        ss_network_args=json.dumps(arguments),
        ss_network_dim=rank,
        ss_network_alpha=rank,
        ss_output_name=style.file,
        ss_max_train_steps=str(steps),
        ss_learning_rate=str(style.rate),
        ss_training_comment=f"Icons: {CREDITS[style.icons]}",
        **{
            "modelspec.architecture": f"stable-diffusion-v1/{'lora' if style.form is DoRA else style.algorithm}",
            "modelspec.title": style.title,
            "modelspec.trigger_phrase": style.trigger,
        },
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the training's checkpoints lie")
    parser.add_argument("out", type=Path, help="where the adapters go")
    parser.add_argument("--only", default=",".join(STYLES))
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--count", type=int, default=16, help="pictures a step")
    options = parser.parse_args()
    torch.set_flush_denormal(True)
    for name in options.only.split(","):
        torch.manual_seed(10)
        nano, checkpoint = Trained(options.folder), options.folder / f"{name}.pt"
        train(nano, options.out, STYLES[name], steps=options.steps, count=options.count, checkpoint=checkpoint)
        checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
