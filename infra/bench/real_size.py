"""Checkpoints of the true sizes, with random weights: opened from one file, given a LoRA, one step drawn.

Stable Diffusion 1.5 and XL by their own configurations, in half precision as they are shared (2.0 GB and 6.9 GB). Each
is written to a temporary file, and opened in a process of its own, whose peak of memory is held to a bar.
``python -m infra.bench.real_size [sd1] [sdxl] [--precise]``; ``--precise``: SDXL in fp32 too, as CPUs draw.
"""

from __future__ import annotations

import argparse
import json
import resource
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import init_empty_weights
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from workers.adapters import ADAPTERS, names
from workers.bases import BASES, layout
from workers.engine.draw import draw
from workers.engine.opening import configs
from workers.messages import Recipe

GB = 1024**3
MOST_BYTES = 24 * GB
RESULTS = Path(".weightroom/bench/real_size.json")
XL = {
    "block_out_channels": [320, 640, 1280],
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    "transformer_layers_per_block": [1, 2, 10],
    "attention_head_dim": [5, 10, 20],
    "cross_attention_dim": 2048,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}


def shapes_of(family: str) -> dict[str, tuple[int, ...]]:
    """Every tensor of a checkpoint by its original name."""
    config = next(one for one in configs() if one["name"] == "Stable Diffusion 1")
    with init_empty_weights():
        unet = UNet2DConditionModel.from_config(config["unet"] if family == "sd1" else XL)
        vae = AutoencoderKL.from_config(config["vae"])
        text = CLIPTextModel(CLIPTextConfig(**config["text_encoder"]))
    parts: list[tuple[str, Mapping[str, Any]]] = [
        (layout.UNET, layout.unet_to_original(unet.state_dict())),
        (layout.VAE, layout.vae_to_original(vae.state_dict())),
    ]
    place = layout.TEXT if family == "sd1" else "conditioner.embedders.0.transformer."
    parts.append((place, layout.text_to_original(text.state_dict())))
    found = {prefix + key: tuple(tensor.shape) for prefix, part in parts for key, tensor in part.items()}
    return found if family == "sd1" else found | open_clip("conditioner.embedders.1.model.", 1280, 32)


def open_clip(prefix: str, width: int, layers: int) -> dict[str, tuple[int, ...]]:
    """OpenCLIP's text encoder in its own names."""
    layer = {
        "attn.in_proj_weight": (3 * width, width), "attn.in_proj_bias": (3 * width,),
        "attn.out_proj.weight": (width, width), "attn.out_proj.bias": (width,),
        "mlp.c_fc.weight": (4 * width, width), "mlp.c_fc.bias": (4 * width,),
        "mlp.c_proj.weight": (width, 4 * width), "mlp.c_proj.bias": (width,),
        **{f"ln_{n}.{part}": (width,) for n in (1, 2) for part in ("weight", "bias")},
    }  # fmt: skip
    found: dict[str, tuple[int, ...]] = {
        "token_embedding.weight": (49408, width), "positional_embedding": (77, width), "logit_scale": (),
        "ln_final.weight": (width,), "ln_final.bias": (width,), "text_projection": (width, width),
    }  # fmt: skip
    found |= {f"transformer.resblocks.{n}.{key}": shape for n in range(layers) for key, shape in layer.items()}
    return {prefix + key: shape for key, shape in found.items()}


def write(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """A safetensors file of these tensors, fp16, of small random numbers; never more than a block of it in memory."""
    header: dict[str, Any] = {}
    at = 0
    for key, shape in shapes.items():
        size = 2 * int(np.prod(shape, dtype=np.int64))
        header[key] = {"dtype": "F16", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    block = (np.random.default_rng(1).standard_normal(2**24) * 0.02).astype(np.float16).tobytes()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for key in shapes:
            first, last = header[key]["data_offsets"]
            left = last - first
            while left:
                left -= file.write(block[: min(left, len(block))])


def lora(shapes: Mapping[str, tuple[int, ...]], rank: int = 16) -> dict[str, torch.Tensor]:
    """A kohya LoRA over every attention of a base (its live shapes), its UNet by sgm's names where that has some."""
    torch.manual_seed(1)
    tensors = {}
    for module, shape in shapes.items():
        if module.endswith(("to_q", "to_k", "to_v", "q_proj", "v_proj")):
            flat = names.names_of(module)[-1]
            tensors[f"{flat}.lora_down.weight"] = torch.randn(rank, shape[1]) * 0.02
            tensors[f"{flat}.lora_up.weight"] = torch.randn(shape[0], rank) * 0.02
            tensors[f"{flat}.alpha"] = torch.tensor(float(rank))
    return tensors


def step(family: str, path: Path, dtype: torch.dtype) -> dict[str, Any]:
    """Open, read a LoRA, draw one step at 256²; seconds of each, and the peak of this process' memory."""
    began = time.monotonic()
    model = BASES[family].open(path, torch.device("cpu"), dtype)
    opened = time.monotonic()
    edit = ADAPTERS["lora"].read(lora(model.shapes), {}).at(0.8)
    fits = len(edit.fit(model.shapes))
    read = time.monotonic()
    recipe = Recipe(base="0" * 64, base_family=family, prompt="a cat", steps=1, seed=1, width=256, height=256)
    picture = draw(model, recipe, [edit])
    drawn = time.monotonic()
    assert picture.shape == (256, 256, 3)
    return {
        "modules": fits,
        "open_s": round(opened - began, 1),
        "lora_s": round(read - opened, 1),
        "step_s": round(drawn - read, 1),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2, 2),
    }


def measured(family: str, dtype: str, folder: Path) -> dict[str, Any]:
    path = folder / f"{family}.safetensors"
    if not path.exists():
        write(path, shapes_of(family))
    command = [sys.executable, "-m", "infra.bench.real_size", "--step", family, dtype, str(path)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {"family": family, "dtype": dtype, "file_gb": round(path.stat().st_size / GB, 2), **json.loads(said)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("families", nargs="*", default=["sd1", "sdxl"])
    parser.add_argument("--precise", action="store_true")
    parser.add_argument("--step", nargs=3)
    asked = parser.parse_args()
    if asked.step:
        family, dtype, path = asked.step
        print(json.dumps(step(family, Path(path), getattr(torch, dtype))))
        return 0
    rows = []
    with tempfile.TemporaryDirectory(prefix="real-size-") as folder:
        for family in asked.families:
            kinds = ["float32"] if family == "sd1" else ["bfloat16", *(["float32"] if asked.precise else [])]
            for dtype in kinds:
                rows.append(measured(family, dtype, Path(folder)))
                print(json.dumps(rows[-1]), flush=True)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=2))
    missed = [row for row in rows if row["peak_gb"] * GB > MOST_BYTES]
    print("within 24 GB" if not missed else f"missed: {missed}")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
