"""Train nano's UNet and text encoder together, in the latents of its autoencoder."""

import argparse
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import CLIPTextConfig, CLIPTextModel

from workers import tokens
from workers.nano import autoencoder, icons

WIDTHS, CONTEXT, STEPS = (48, 96, 144, 144), 64, 1000
VARIANTS = 64  # pictures of each icon kept as latents


def build_unet() -> UNet2DConditionModel:
    """An untrained UNet in SD1's true topology: four levels, two layers a block, attention in three of them."""
    return UNet2DConditionModel(
        sample_size=icons.SIZE // 8,
        block_out_channels=WIDTHS,
        layers_per_block=2,
        cross_attention_dim=CONTEXT,
        attention_head_dim=4,  # diffusers reads this as the number of heads
        norm_num_groups=16,
    )


def build_text_encoder() -> CLIPTextModel:
    """An untrained CLIP text encoder with the real vocabulary, two layers, 64 wide."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=49408,
            hidden_size=CONTEXT,
            intermediate_size=4 * CONTEXT,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=77,
            hidden_act="quick_gelu",
            projection_dim=CONTEXT,
            bos_token_id=tokens.START,
            eos_token_id=tokens.END,
            pad_token_id=tokens.END,
        )
    )


def alphas() -> Tensor:
    """SD1's cumulated alphas: betas linear in their square root from 0.00085 to 0.012, 1,000 steps."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, STEPS, dtype=torch.float64) ** 2
    return torch.cumprod(1 - betas, 0).float()


def ids_of(text: str) -> Tensor:
    return torch.tensor(tokens.padded(tokens.encode(text)))


class Captions:
    """Token ids of every sentence nano learns, made once: ``[object][background][form]``."""

    forms = ("{name}, {colour} background", "a {name} on a {colour} background")

    def __init__(self, names: list[str]) -> None:
        self.ids = torch.stack(
            [
                torch.stack(
                    [
                        torch.stack([ids_of(f.format(name=icons.words(n), colour=c)) for f in self.forms])
                        for c in icons.BACKGROUNDS
                    ]
                )
                for n in names
            ]
        )
        self.empty = ids_of("")


@torch.no_grad()
def latents_of(
    model: AutoencoderKL, pixels: Tensor, generator: torch.Generator, variants: int = VARIANTS
) -> tuple[Tensor, Tensor]:
    """Latents of every icon, ``variants`` times, on random backgrounds.

    pixels: uint8 [N, 4, S, S]. Returns latents fp16 [N, variants, 4, S/8, S/8] (not scaled), backgrounds [N, variants].
    """
    flat = torch.tensor(list(icons.BACKGROUNDS.values()), dtype=torch.float32)
    latents, grounds = [], []
    for icon in pixels:
        ground = torch.randint(len(flat), (variants,), generator=generator)
        pictures = icons.compose(icon.expand(variants, -1, -1, -1), flat[ground], generator)
        latents.append(model.encode(pictures).latent_dist.mean.half())
        grounds.append(ground)
    return torch.stack(latents), torch.stack(grounds)


def fast() -> torch.autocast:
    """Products in bf16 where the CPU knows it: a step of the narrow UNet takes two thirds of its time in fp32.

    Where it does not, bf16 is imitated, and a step takes eight times as long.
    """
    return torch.autocast("cpu", torch.bfloat16, enabled=torch.cpu._is_avx512_bf16_supported())


def noise_loss(unet: Callable[..., Any], latents: Tensor, context: Tensor, generator: torch.Generator) -> Tensor:
    """Epsilon prediction, weighted and sampled so that it is learnt early *what* is drawn.

    latents: scaled, [B, 4, h, w].

    In 16×16 latents the object is decided far above the noise where SD decides it, and there the error of epsilon says
    little about the picture (it is the picture's error times the SNR). So half of the steps are drawn from the noisy
    end, weighted by SNR^-0.5 below an SNR of 1 and by min-SNR with gamma 5 above (arXiv 2303.09556). SD1's last step
    still shows a trace of the picture, which a sampler's first step has not: one row in twenty sees noise alone.
    """
    alpha, count = alphas(), len(latents)
    late = torch.rand(count, generator=generator) < 0.5
    steps = torch.randint(STEPS, (count,), generator=generator)
    steps = torch.where(late, 400 + steps * 6 // 10, steps)
    noise = torch.randn(latents.shape, generator=generator)
    blind = torch.rand(count, generator=generator) < 0.05
    steps = torch.where(blind, STEPS - 1 - steps % 15, steps)
    a = alpha[steps][:, None, None, None]
    seen = torch.where(blind[:, None, None, None], noise, a.sqrt() * latents + (1 - a).sqrt() * noise)
    wanted = (seen - a.sqrt() * latents) / (1 - a).sqrt()
    said = unet(seen.contiguous(memory_format=torch.channels_last), steps, context).sample
    snr = alpha[steps] / (1 - alpha[steps])
    weight = torch.where(snr < 1, snr.rsqrt(), snr.clamp(max=5) / snr)
    return (F.mse_loss(said.float(), wanted, reduction="none").mean((1, 2, 3)) * weight).mean()


def train(folder: Path, minutes: float, seed: int = 2) -> None:
    """Train for ``minutes`` and leave ``base.pt`` (with the averaged weights) in ``folder``; a stopped run goes on."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    data = icons.load(folder / "icons.npz")
    vae = autoencoder.build().eval()
    vae.load_state_dict(torch.load(folder / "autoencoder.pt", weights_only=True)["model"])
    cache = folder / "latents.pt"
    known = folder / "base.pt"
    if not cache.exists():
        latents, grounds = latents_of(vae, data.of("noto", icons.OBJECTS), generator)
        scaling = 1 / float(latents.float().std())
        if known.exists():  # the base has learnt at this scale
            scaling = torch.load(known, weights_only=True)["scaling"]
        torch.save({"latents": latents, "grounds": grounds, "scaling": scaling}, cache)
    stored = torch.load(cache, weights_only=True)
    latents, grounds, scaling = stored["latents"], stored["grounds"], stored["scaling"]
    captions = Captions(icons.OBJECTS)
    # Narrow layers are bound by memory, not by arithmetic: this layout halves a step's time.
    torch.set_flush_denormal(True)
    unet, text = build_unet().to(memory_format=torch.channels_last), build_text_encoder()
    unet.set_attn_processor(AttnProcessor())  # SDPA's backward pass on the CPU takes twice as long for heads of 12
    model = nn.ModuleDict({"unet": unet, "text": text})
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=1e-2, fused=True)
    average = {name: value.clone() for name, value in model.state_dict().items()}
    checkpoint, spent, step = folder / "base.pt", 0.0, 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        if "optimizer" in state:  # not in what was restored from the shipped weights
            optimizer.load_state_dict(state["optimizer"])
        average, spent, step = state["average"], state["spent"], state["step"]
    total, saved, mean, count = minutes * 60, time.monotonic(), 0.0, 32
    while spent < total:
        began = time.monotonic()
        for group in optimizer.param_groups:
            group["lr"] = min(1.0, (step + 1) / 200) * (2e-5 + 1e-3 * 0.5 * (1 + math.cos(math.pi * spent / total)))
        which = torch.randint(len(icons.OBJECTS), (count,), generator=generator)
        variant = torch.randint(latents.shape[1], (count,), generator=generator)
        form = (torch.rand(count, generator=generator) < 0.15).long()
        ids = captions.ids[which, grounds[which, variant], form]
        drop = torch.rand(count, 1, generator=generator) < 0.1
        with fast():
            context = text(torch.where(drop, captions.empty, ids)).last_hidden_state
            loss = noise_loss(unet, latents[which, variant].float() * scaling, context, generator)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        if step % 4 == 0:
            keep = min(0.99, (1 + step) / (40 + step))
            with torch.no_grad():
                for name, value in model.state_dict().items():
                    if value.is_floating_point():
                        average[name].lerp_(value, 1 - keep)
        mean = 0.99 * mean + 0.01 * loss.item() if step > 1 else loss.item()
        spent += time.monotonic() - began
        if step % 100 == 0:
            print(f"{step:6d} {spent / 60:5.1f} min loss {mean:.4f}", flush=True)
        if time.monotonic() - saved > 180 or spent >= total:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "average": average}
            torch.save(state | {"spent": spent, "step": step, "scaling": scaling}, checkpoint.with_suffix(".tmp"))
            checkpoint.with_suffix(".tmp").replace(checkpoint)
            saved = time.monotonic()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=75)
    options = parser.parse_args()
    train(options.folder, options.minutes)
