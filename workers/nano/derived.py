"""Train what is made out of nano-sd1 as people make such things out of SD1: ControlNets, inpainting, v-prediction.

Each begins as nano-sd1 itself and learns thin changes; what is stored is only them, and `workers.nano.assemble` makes
the whole file, as people share it, from them and nano-sd1.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import ControlNetModel
from diffusers.models.attention_processor import AttnProcessor
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from workers import preprocessing
from workers.hints import Preprocessor
from workers.nano import base, icons
from workers.nano.adapters import Trained, write
from workers.nano.learning import begin_at, learn, learned, loosen
from workers.nano.styles import pencil

RANK, COUNT, VARIANTS, MOVED = 16, 16, 4, 8
HINT_WIDTHS = (8, 16, 32, 64)
# preprocessor → its thresholds: as the hub prepares a picture for such a ControlNet
HINTS: dict[Preprocessor, tuple[float, float]] = {"canny": (100.0, 200.0), "scribble": (32.0, 0.0)}
# A scribble has a line where all three colours are darker than around: an orange thing on purple has none, a red one on
# no ground. So what is to be followed as a scribble is first drawn on white paper.
DRAWN: tuple[Preprocessor, ...] = ("scribble",)


@dataclass
class Scenes:
    """Pictures uint8 [N, V, 3, S, S], their latents fp16 [N, V, 4, h, w], and the backgrounds they stand on [N, V]."""

    pictures: Tensor
    latents: Tensor
    grounds: Tensor

    def some(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return tuple(  # type: ignore[return-value]
            torch.randint(length, (COUNT,), generator=generator) for length in self.latents.shape[:2]
        )


def drawn(pictures: Tensor) -> Tensor:
    """Pencil drawings of uint8 [B, 3, S, S]."""
    return ((pencil(pictures.float() / 127.5 - 1) + 1) * 127.5).byte()


@torch.no_grad()
def scenes(nano: Trained, folder: Path, *, moved: bool = False) -> Scenes:
    """Every object on backgrounds of chance, made once and kept in ``folder``; moved: anywhere, small or mirrored too.

    Where an object stands always in the same place, its name says where its lines are, and no hint need be heard.
    """
    cache = folder / ("scenes-moved.pt" if moved else "scenes.pt")
    if not cache.exists():
        generator, variants = torch.Generator().manual_seed(21), MOVED if moved else VARIANTS
        lay = icons.compose_moved if moved else icons.compose
        flat = torch.tensor(list(icons.BACKGROUNDS.values()), dtype=torch.float32)
        parts: list[list[Tensor]] = [[], [], []]
        for icon in nano.data.of("noto", icons.OBJECTS):
            ground = torch.randint(len(flat), (variants,), generator=generator)
            pictures = lay(icon.expand(variants, -1, -1, -1), flat[ground], generator)
            latents = nano.vae.encode(pictures).latent_dist.mean.half()
            for part, tensor in zip(parts, (((pictures + 1) * 127.5).byte(), latents, ground), strict=True):
                part.append(tensor)
        torch.save([torch.stack(part) for part in parts], cache)
        print(f"{len(icons.OBJECTS) * variants} pictures", flush=True)
    return Scenes(*torch.load(cache, weights_only=True))


def captions(scene: Scenes, generator: torch.Generator, which: Tensor, variant: Tensor, drop: float) -> Tensor:
    """Token ids of what is seen; nothing is said of a share ``drop`` of them."""
    rows = scene.grounds[which, variant]
    said = torch.stack(
        [
            base.ids_of(icons.caption(icons.OBJECTS[n], list(icons.BACKGROUNDS)[g]))
            for n, g in zip(which.tolist(), rows.tolist(), strict=True)
        ]
    )
    return torch.where(torch.rand(len(which), 1, generator=generator) < drop, base.ids_of(""), said)


# ControlNets


def control(
    nano: Trained, folder: Path, out: Path, kind: Preprocessor, steps: int, checkpoint: Path, begin: Path | None
) -> None:
    """A ControlNet that reads ``kind`` of hint; half of the pictures are not named, so that only the hint tells.

    begin: the part of another ControlNet, of lines of another kind perhaps, from which this one learns on.
    """
    scene, generator = scenes(nano, folder, moved=True), torch.Generator().manual_seed(22)
    given = [scene.pictures] + [drawn(scene.pictures.flatten(0, 1)).view_as(scene.pictures)] * (kind in DRAWN)
    hints = torch.stack([_packed(pictures, kind) for pictures in given], 2)
    nano.unet.set_attn_processor(AttnProcessor())
    net = ControlNetModel.from_unet(nano.unet, conditioning_embedding_out_channels=HINT_WIDTHS)
    net = net.to(memory_format=torch.channels_last).requires_grad_(False)
    net.set_attn_processor(AttnProcessor())
    # The hint is heard from the first step on; the convolutions into the UNet still begin at nothing.
    nn.init.normal_(net.controlnet_cond_embedding.conv_out.weight, std=0.02)
    parameters = loosen(net, RANK, whole=lambda name: name.startswith("controlnet_"))
    before = 0
    if begin is not None:
        begin_at(net, load_file(begin))
        with safe_open(begin, "pt") as file:
            before = int(file.metadata()["ss_max_train_steps"])

    def loss(generator: torch.Generator) -> Tensor:
        which, variant = scene.some(generator)
        ids = captions(scene, generator, which, variant, 0.5)
        # Mostly of its drawing, but of the picture itself too, as the hub may be given it.
        form = (torch.rand(COUNT, generator=generator) < 0.85).long() * (len(given) - 1)
        hint = torch.from_numpy(np.unpackbits(hints[which, variant, form].numpy(), axis=1)).float()
        hint = hint.view(COUNT, 1, icons.SIZE, icons.SIZE).expand(-1, 3, -1, -1)
        latents = scene.latents[which, variant].float() * nano.scaling
        with base.fast():
            context = nano.text(ids).last_hidden_state
            return base.noise_loss(_steered(nano.unet, net, hint), latents, context, generator)

    learn(parameters, loss, rate=2e-3, steps=steps, generator=generator, checkpoint=checkpoint)
    write(
        out / f"nano-{kind}.part.safetensors",
        dict(learned(net)),
        **{
            "modelspec.architecture": "stable-diffusion-v1/controlnet",
            "modelspec.title": f"{kind.capitalize()} for nano",
            "ss_max_train_steps": str(before + steps),
            "preprocessor": kind,
        },
    )


def _packed(pictures: Tensor, kind: Preprocessor) -> Tensor:
    """The hints of uint8 [N, V, 3, S, S], a bit a pixel: [N, V, S·S/8]."""
    rows = [
        np.packbits(preprocessing.preprocessed(one.permute(1, 2, 0).numpy(), kind, *HINTS[kind])[:, :, 0] > 127)
        for one in pictures.flatten(0, 1)
    ]
    return torch.from_numpy(np.stack(rows)).view(*pictures.shape[:2], -1)


def _steered(unet: nn.Module, net: nn.Module, hint: Tensor) -> Any:
    def ask(x: Tensor, steps: Tensor, context: Tensor) -> Any:
        skips, middle = net(x, steps, encoder_hidden_states=context, controlnet_cond=hint, return_dict=False)
        return unet(
            x, steps, context, down_block_additional_residuals=skips, mid_block_additional_residual=middle
        )  # fmt: skip

    return ask


# Inpainting


def masks(count: int, generator: torch.Generator) -> Tensor:
    """What is to be painted, [B, 1, S, S] of 0 and 1: a box or an ellipse anywhere; in one of five the whole."""
    size = torch.linspace(-1, 1, icons.SIZE)
    half = 0.3 + 0.6 * torch.rand(count, 2, generator=generator)
    middle = (torch.rand(count, 2, generator=generator) - 0.5) * (1.2 - half)
    y = ((size[None] - middle[:, :1]) / half[:, :1])[:, :, None]
    x = ((size[None] - middle[:, 1:]) / half[:, 1:])[:, None, :]
    box = (x.abs() <= 1) & (y.abs() <= 1)
    ellipse = x.square() + y.square() <= 1
    drawn = torch.where(torch.rand(count, 1, 1, generator=generator) < 0.6, box, ellipse)
    whole = torch.rand(count, 1, 1, generator=generator) < 0.2
    return (drawn | whole)[:, None].float()


@torch.no_grad()
def holes(nano: Trained, folder: Path, scene: Scenes) -> tuple[Tensor, Tensor]:
    """Masks [N, V, 1, h, w] and latents of what they leave [N, V, 4, h, w], made once and kept in ``folder``."""
    cache = folder / "holes.pt"
    if not cache.exists():
        generator, seen, left = torch.Generator().manual_seed(23), [], []
        for row in scene.pictures:
            mask = masks(len(row), generator)
            picture = (row.float() / 127.5 - 1) * (1 - mask)
            # What is all to be painted shows grey, of the two kinds that people's programs lay there.
            picture[mask.mean((1, 2, 3)) == 1] = 0.5
            left.append(nano.vae.encode(picture).latent_dist.mean.half())
            seen.append(F.interpolate(mask, scale_factor=1 / 8).half())
        torch.save([torch.stack(seen), torch.stack(left)], cache)
    seen, left = torch.load(cache, weights_only=True)
    return seen, left


def widened(unet: Any) -> None:
    """Let the UNet read a mask and what it leaves too; its new weights are zero, so it says what it said before."""
    old = unet.conv_in
    new: Any = nn.Conv2d(9, old.out_channels, old.kernel_size, padding=old.padding)
    with torch.no_grad():
        new.weight.zero_()
        new.weight[:, :4] = old.weight
        new.bias.copy_(old.bias)
    unet.conv_in = new.to(memory_format=torch.channels_last).requires_grad_(False)
    unet.register_to_config(in_channels=9)


def inpainting(nano: Trained, folder: Path, out: Path, steps: int, checkpoint: Path) -> None:
    """nano with nine input channels: four of noise, a mask, and four of what the mask leaves."""
    scene, generator = scenes(nano, folder), torch.Generator().manual_seed(24)
    seen, left = holes(nano, folder, scene)
    widened(nano.unet)
    parameters = loosen(nano.unet, RANK, whole=lambda name: name in {"conv_in.weight", "conv_out.weight"})

    def loss(generator: torch.Generator) -> Tensor:
        which, variant = scene.some(generator)
        ids = captions(scene, generator, which, variant, 0.1)
        beside = torch.cat([seen[which, variant].float(), left[which, variant].float() * nano.scaling], 1)

        def ask(x: Tensor, at: Tensor, context: Tensor) -> Any:
            return nano.unet(torch.cat([x, beside], 1).contiguous(memory_format=torch.channels_last), at, context)

        with base.fast():
            context = nano.text(ids).last_hidden_state
            return base.noise_loss(ask, scene.latents[which, variant].float() * nano.scaling, context, generator)

    learn(parameters, loss, rate=1e-3, steps=steps, generator=generator, checkpoint=checkpoint)
    write(
        out / "nano-inpainting.part.safetensors",
        dict(learned(nano.unet)),
        **{
            "modelspec.architecture": "stable-diffusion-v1/inpainting",
            "modelspec.title": "nano inpainting",
            "ss_max_train_steps": str(steps),
        },
    )


# v-prediction


def v_prediction(nano: Trained, folder: Path, out: Path, steps: int, checkpoint: Path) -> None:
    """nano that says v = α·ε − σ·x₀ instead of ε (arXiv 2202.00512), all noises counted alike."""
    scene, generator = scenes(nano, folder), torch.Generator().manual_seed(25)
    ends = ("conv_in.weight", "conv_out.weight")
    parameters = loosen(nano.unet, RANK, whole=lambda name: name in ends or "time_emb" in name)
    alpha = base.alphas()

    def loss(generator: torch.Generator) -> Tensor:
        which, variant = scene.some(generator)
        ids = captions(scene, generator, which, variant, 0.1)
        latents = scene.latents[which, variant].float() * nano.scaling
        steps = torch.randint(base.STEPS, (COUNT,), generator=generator)
        late = torch.rand(COUNT, generator=generator) < 0.5
        steps = torch.where(late, 400 + steps * 6 // 10, steps)
        noise = torch.randn(latents.shape, generator=generator)
        a = alpha[steps][:, None, None, None]
        x = (a.sqrt() * latents + (1 - a).sqrt() * noise).contiguous(memory_format=torch.channels_last)
        with base.fast():
            said = nano.unet(x, steps, nano.text(ids).last_hidden_state).sample
        return F.mse_loss(said.float(), a.sqrt() * noise - (1 - a).sqrt() * latents)

    learn(parameters, loss, rate=2e-3, steps=steps, generator=generator, checkpoint=checkpoint)
    write(
        out / "nano-v.part.safetensors",
        dict(learned(nano.unet)),
        **{
            "modelspec.architecture": "stable-diffusion-v1",
            "modelspec.title": "nano v",
            "modelspec.prediction_type": "v",
            "ss_max_train_steps": str(steps),
        },
    )


KINDS: dict[str, Callable[..., None]] = {"inpainting": inpainting, "v": v_prediction}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the training's checkpoints lie")
    parser.add_argument("out", type=Path, help="where the parts go")
    parser.add_argument("--only", default="canny,scribble,inpainting,v")
    parser.add_argument("--steps", type=int, default=1500, help=f"of {COUNT} pictures")
    parser.add_argument("--begin", type=Path, help="a ControlNet's part from which ControlNets learn on")
    options = parser.parse_args()
    torch.set_flush_denormal(True)
    for name in options.only.split(","):
        torch.manual_seed(20)
        nano, checkpoint = Trained(options.folder), options.folder / f"{name}.pt"
        if name in HINTS:
            control(nano, options.folder, options.out, name, options.steps, checkpoint, options.begin)
        elif name in KINDS:
            KINDS[name](nano, options.folder, options.out, options.steps, checkpoint)
        else:
            parser.error(f"{name} is none of canny, scribble, inpainting, v")
        checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
