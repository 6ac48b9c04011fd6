"""Sharpen nano's decoder once its latents are fixed: the encoder, and so the UNet, stay as they are."""

import argparse
import time
from pathlib import Path

import torch

from workers.nano import autoencoder, icons


def train(folder: Path, minutes: float, seed: int = 3) -> None:
    """Go on with the decoder alone on whole pictures of the objects; the result replaces it in ``autoencoder.pt``."""
    torch.manual_seed(seed)
    torch.set_flush_denormal(True)
    generator = torch.Generator().manual_seed(seed)
    data = icons.load(folder / "icons.npz")
    names = icons.OBJECTS + icons.HELD_OUT
    pixels = torch.cat([data.of(style, names) for style in icons.SETS])
    flat = torch.tensor(list(icons.BACKGROUNDS.values()), dtype=torch.float32)
    stored = torch.load(folder / "autoencoder.pt", weights_only=True)
    model = autoencoder.build()
    model.load_state_dict(stored["model"])
    model.encoder.requires_grad_(False)
    model.quant_conv.requires_grad_(False)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, betas=(0.9, 0.99), weight_decay=1e-4, fused=True)
    average = {name: value.clone() for name, value in model.state_dict().items()}
    began, step, mean, count = time.monotonic(), 0, 0.0, 12
    while (part := (time.monotonic() - began) / (minutes * 60)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * min(1.0, (step + 1) / 50) * (1 - part) + 1e-6
        index = torch.randint(len(pixels), (count,), generator=generator)
        ground = flat[torch.randint(len(flat), (count,), generator=generator)]
        wanted = icons.compose(pixels[index], ground, generator)
        y, x = (int(torch.randint(9, (1,), generator=generator)) * 8 for _ in range(2))
        with torch.no_grad():
            posterior = model.encode(wanted).latent_dist
            # As the UNet will give them: not exactly what the encoder would have said.
            latents = posterior.mean + 0.05 * posterior.mean.std() * torch.randn(
                posterior.mean.shape, generator=generator
            )
        if part < 0.7:  # crops first, as in the autoencoder's own training
            latents, wanted = (
                latents[:, :, y // 8 : y // 8 + 8, x // 8 : x // 8 + 8],
                wanted[:, :, y : y + 64, x : x + 64],
            )
        loss = autoencoder.loss_of(model.decode(latents).sample, wanted, posterior)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        with torch.no_grad():
            keep = min(0.995, (1 + step) / (10 + step))
            for name, value in model.state_dict().items():
                average[name].lerp_(value, 1 - keep)
        mean = 0.99 * mean + 0.01 * loss.item() if step > 1 else loss.item()
        if step % 100 == 0:
            print(f"{step:5d} {(time.monotonic() - began) / 60:5.1f} min loss {mean:.4f}", flush=True)
    torch.save(stored | {"model": average}, folder / "autoencoder.tmp")
    (folder / "autoencoder.tmp").replace(folder / "autoencoder.pt")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=20)
    options = parser.parse_args()
    train(options.folder, options.minutes)
