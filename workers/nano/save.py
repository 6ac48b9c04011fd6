"""Write nano as people share a Stable Diffusion 1 base: one fp16 safetensors in the original key layout.

What shapes cannot tell (the latents' scale, their colours for live previews) goes into the base's local config.
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from workers.bases import layout
from workers.nano import icons
from workers.nano.adapters import Trained

CONFIG = Path(layout.__file__).parent / "configs" / "nano-sd1.json"
WEIGHTS = Path(__file__).parent / "weights"


@torch.no_grad()
def latent_colours(nano: Trained) -> Tensor:
    """The 4×3 matrix that turns scaled latents into colours in −1…1 best (least squares): previews without decoding."""
    generator = torch.Generator().manual_seed(5)
    flat = torch.tensor(list(icons.BACKGROUNDS.values()), dtype=torch.float32)
    picked = nano.data.of("noto", icons.OBJECTS)
    pictures = icons.compose(picked, flat[torch.randint(len(flat), (len(picked),), generator=generator)], generator)
    latents = nano.vae.encode(pictures).latent_dist.mean * nano.scaling
    colours = F.avg_pool2d(pictures, 8).movedim(1, -1).reshape(-1, 3)
    return torch.linalg.lstsq(latents.movedim(1, -1).reshape(-1, 4), colours).solution


def save(folder: Path, out: Path) -> None:
    nano = Trained(folder)
    tensors = layout.to_original(nano.unet.state_dict(), nano.vae.state_dict(), nano.text.state_dict())
    metadata = {
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": "stable-diffusion-v1",
        "modelspec.implementation": "diffusers",
        "modelspec.title": "nano",
        "modelspec.author": "Weightroom",
        "modelspec.license": "Apache-2.0",
        "modelspec.resolution": f"{icons.SIZE}x{icons.SIZE}",
        "modelspec.prediction_type": "epsilon",
        "modelspec.description": "A base in Stable Diffusion 1's topology, small enough to draw on a CPU.",
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: value.half().contiguous() for key, value in tensors.items()}, out, metadata=metadata)
    config = json.loads(CONFIG.read_text())
    config["vae"]["scaling_factor"] = round(nano.scaling, 6)
    config["latent_rgb"] = [[round(float(v), 4) for v in row] for row in latent_colours(nano)]
    CONFIG.write_text(json.dumps(config, indent=2) + "\n")
    print(f"{out.name}: {out.stat().st_size / 1e6:.1f} MB, latents scaled by {nano.scaling:.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=WEIGHTS / "nano-sd1.safetensors")
    options = parser.parse_args()
    save(options.folder, options.out)
