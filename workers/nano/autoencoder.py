"""Train nano's autoencoder: SD1's ``AutoencoderKL`` (f=8, 4 latents), narrow."""

import argparse
import math
import time
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch import Tensor
from torch.nn import functional as F

from workers.nano import icons

WIDTHS = (16, 32, 64, 64)


def build() -> AutoencoderKL:
    """An untrained autoencoder with SD1's blocks: four levels, two layers a block, attention in the middle."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=WIDTHS,
        layers_per_block=2,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=icons.SIZE,
    )


def loss_of(drawn: Tensor, wanted: Tensor, posterior) -> Tensor:
    """L1 + MSE, edges, colours of pooled pictures (without which flat colours stay wrong for long), and a faint KL."""
    loss = F.l1_loss(drawn, wanted) + F.mse_loss(drawn, wanted)
    for axis in (2, 3):
        loss = loss + 0.5 * F.l1_loss(drawn.diff(dim=axis), wanted.diff(dim=axis))
    for pool in (4, 16):
        loss = loss + F.l1_loss(F.avg_pool2d(drawn, pool), F.avg_pool2d(wanted, pool))
    return loss + 2e-6 * posterior.kl().mean()


def train(folder: Path, minutes: float, seed: int = 1) -> None:
    """Train for ``minutes`` and leave ``autoencoder.pt`` in ``folder``; a run that stopped goes on from it."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    data = icons.load(folder / "icons.npz")
    pixels = torch.cat(list(data.pixels.values()))
    flat = torch.tensor(list(icons.BACKGROUNDS.values()), dtype=torch.float32)
    # Half of the pictures show what the UNet will learn; the others keep the autoencoder general.
    chosen = torch.cat(
        [torch.tensor([n in icons.OBJECTS or n in icons.HELD_OUT for n in data.names[style]]) for style in icons.SETS]
    )
    chosen = chosen.nonzero().squeeze(1)
    model = build()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, betas=(0.9, 0.99), weight_decay=1e-4)
    checkpoint, spent, step = folder / "autoencoder.pt", 0.0, 0
    if checkpoint.exists():
        stored = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(stored["model"])
        if "optimizer" in stored:  # not in what was restored from the shipped weights
            optimizer.load_state_dict(stored["optimizer"])
        spent, step = stored["spent"], stored["step"]
    total, saved, mean = minutes * 60, time.monotonic(), 0.0
    while spent < total:
        began, part = time.monotonic(), spent / total
        # Crops first: the same pixels buy four times the steps. Whole pictures at the end, in full precision.
        whole = part > 0.85
        count = 6 if whole else 16
        for group in optimizer.param_groups:
            group["lr"] = min(1.0, (step + 1) / 200) * (1e-5 + 2e-3 * 0.5 * (1 + math.cos(math.pi * part)))
        anything = torch.randint(len(pixels), (count,), generator=generator)
        known = chosen[torch.randint(len(chosen), (count,), generator=generator)]
        index = torch.where(torch.rand(count, generator=generator) < 0.65, known, anything)
        ground = flat[torch.randint(len(flat), (count,), generator=generator)]
        anycolour = torch.rand(count, 3, generator=generator) * 255
        ground = torch.where(torch.rand(count, 1, generator=generator) < 0.7, ground, anycolour)
        wanted = icons.compose(pixels[index], ground, generator)
        if not whole:
            y, x = (int(torch.randint(9, (1,), generator=generator)) * 8 for _ in range(2))
            wanted = wanted[:, :, y : y + 64, x : x + 64]
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=part < 0.6):
            posterior = model.encode(wanted).latent_dist
            drawn = model.decode(posterior.sample(generator=generator)).sample
        loss = loss_of(drawn.float(), wanted, posterior)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step, mean = step + 1, 0.99 * mean + 0.01 * loss.item() if step else loss.item()
        spent += time.monotonic() - began
        if step % 100 == 0:
            with torch.no_grad():
                l1 = F.l1_loss(drawn.float(), wanted).item()
                deviation = posterior.mean.std().item()
            print(f"{step:6d} {spent / 60:5.1f} min loss {mean:.4f} l1 {l1:.4f} latent std {deviation:.3f}", flush=True)
        if time.monotonic() - saved > 90 or spent >= total:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "spent": spent, "step": step}
            torch.save(state, checkpoint.with_suffix(".tmp"))
            checkpoint.with_suffix(".tmp").replace(checkpoint)
            saved = time.monotonic()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=30)
    options = parser.parse_args()
    train(options.folder, options.minutes)
