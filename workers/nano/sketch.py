"""A contact sheet of what nano draws at this moment of its training: its own few lines of DDIM, not the engine."""

import argparse
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from workers.nano import base, icons
from workers.nano.adapters import Trained

PROMPTS = """
cat, blue background | rocket, white background | sunflower, red background | house, yellow background
hamburger, green background | robot, orange background | owl, purple background | strawberry, pink background
sailboat, gray background | guitar, black background | turtle, yellow background | ice cream, blue background
castle, pink background | penguin, orange background | mushroom, white background | bicycle, green background
"""


@torch.no_grad()
def draw(nano: Trained, prompts: list[str], *, steps: int = 20, cfg: float = 4.0, seed: int = 0) -> Tensor:
    """Pictures [B, 3, S, S] in −1…1 by DDIM (eta 0)."""
    alpha = base.alphas()
    context = nano.text(torch.stack([base.ids_of(p) for p in prompts])).last_hidden_state
    empty = nano.text(base.ids_of("")[None]).last_hidden_state.expand_as(context)
    size = icons.SIZE // 8
    latents = torch.randn(len(prompts), 4, size, size, generator=torch.Generator().manual_seed(seed))
    times = torch.linspace(base.STEPS - 1, 0, steps + 1).long()[:-1]
    for index, time in enumerate(times):
        both = nano.unet(latents.repeat(2, 1, 1, 1), time, torch.cat([empty, context])).sample
        without, with_prompt = both.chunk(2)
        noise = without + cfg * (with_prompt - without)
        a = alpha[time]
        following = alpha[times[index + 1]] if index + 1 < len(times) else torch.tensor(1.0)
        clean = (latents - (1 - a).sqrt() * noise) / a.sqrt()
        latents = following.sqrt() * clean + (1 - following).sqrt() * noise
    return nano.vae.decode(latents / nano.scaling).sample.clamp(-1, 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("prompts", nargs="*")
    options = parser.parse_args()
    asked = options.prompts or [p.strip() for p in PROMPTS.replace("\n", "|").split("|") if p.strip()]
    pictures = draw(Trained(options.folder), asked)
    rows = [torch.cat(list(row), 2) for row in pictures.split(8) if len(row) in (8, len(pictures))]
    sheet = ((torch.cat(rows, 1) + 1) * 127.5).byte().permute(1, 2, 0).numpy()
    Image.fromarray(sheet).save(options.out)
