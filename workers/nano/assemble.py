"""Make whole files, as people share them, of nano-sd1 and the thin changes that ``*.part.safetensors`` hold.

An inpainting or a v-predicting checkpoint and a ControlNet of nano repeat most of its numbers, and nano XL its
autoencoder and vocabulary; the repository keeps them once. numpy alone: whoever starts a hub need not load torch.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from workers.bases import layout
from workers.nano.packing import unpacked

WEIGHTS = Path(__file__).parent / "weights"
BASE = "nano-sd1.safetensors"
Tensors = dict[str, np.ndarray]


@dataclass(frozen=True)
class Whole:
    """One file to be made: from which part, and in which layout it is written."""

    file: str
    part: str
    layout: str  # "checkpoint", "sdxl", "ldm" or "diffusers"


WHOLES = (
    Whole("nano-inpainting.safetensors", "nano-inpainting.part.safetensors", "checkpoint"),
    Whole("nano-v.safetensors", "nano-v.part.safetensors", "checkpoint"),
    Whole("nano-sdxl.safetensors", "nano-sdxl.part.safetensors", "sdxl"),
    Whole("nano-canny.safetensors", "nano-canny.part.safetensors", "ldm"),
    Whole("nano-scribble.safetensors", "nano-scribble.part.safetensors", "diffusers"),
)


def assembled(out: Path, weights: Path = WEIGHTS) -> list[Path]:
    """Every file that ``weights`` holds a part of, made in ``out`` where it is not there yet or older than its part."""
    out.mkdir(parents=True, exist_ok=True)
    made = []
    for whole in WHOLES:
        part, path = weights / whole.part, out / whole.file
        if not part.exists():
            continue
        if not path.exists() or path.stat().st_mtime < part.stat().st_mtime:
            tensors, metadata = built(whole, weights)
            temporary = path.with_suffix(f".{os.getpid()}")
            save_file(tensors, temporary, metadata=metadata)
            temporary.replace(path)
        made.append(path)
    return made


def built(whole: Whole, weights: Path = WEIGHTS) -> tuple[Tensors, dict[str, str]]:
    """(tensors, metadata) of ``whole``, fp16."""
    base, _ = read(weights / BASE)
    part, metadata = read(weights / whole.part)
    if whole.layout == "sdxl":
        return _halved(_sdxl(base, part)), metadata
    unet = layout.unet_from_original(layout.part(base, layout.UNET))
    if whole.layout == "checkpoint":
        changed = layout.unet_to_original(_changed(unet, part))
        tensors = base | {layout.UNET + key: tensor for key, tensor in changed.items()}
    else:
        starts = ("conv_in.", "time_embedding.", "down_blocks.", "mid_block.")
        net = _changed({key: tensor for key, tensor in unet.items() if key.startswith(starts)}, part)
        tensors = net
        if whole.layout == "ldm":
            tensors = {f"control_model.{key}": tensor for key, tensor in layout.controlnet_to_original(net).items()}
    return _halved(tensors), metadata


def _halved(tensors: Mapping[str, np.ndarray]) -> Tensors:
    return {key: np.ascontiguousarray(tensor.astype(np.float16)) for key, tensor in tensors.items()}


def _sdxl(base: Mapping[str, np.ndarray], part: Mapping[str, np.ndarray]) -> Tensors:
    """SDXL's layout: the part's UNet and text encoders, nano-sd1's autoencoder and, for both encoders, vocabulary."""
    words = {
        f"embeddings.{key}": tensor
        for key, tensor in layout.part(layout.text_from_original(layout.part(base, layout.TEXT)), "embeddings.").items()
        if key.startswith("token_embedding.")
    }
    one, two = (layout.part(part, f"{name}.") for name in ("text_encoder", "text_encoder_2"))
    stored = {layout.UNET: layout.unet_to_original(layout.part(part, "unet."))}
    stored[layout.VAE] = layout.part(base, layout.VAE)
    stored["conditioner.embedders.0.transformer."] = layout.text_to_original(layout.text_from_original(one) | words)
    two = layout.text_from_original(two) | words
    stored["conditioner.embedders.1.model."] = layout.text_to_open_clip(two, np.concatenate)
    return {prefix + key: tensor for prefix, tensors in stored.items() for key, tensor in tensors.items()}


def read(path: Path) -> tuple[Tensors, dict[str, str]]:
    """(tensors, metadata) of a file here, what is kept in eight bits as the numbers that it stands for."""
    with safe_open(path, "np") as file:
        return unpacked({key: file.get_tensor(key) for key in list(file.keys())}), dict(file.metadata() or {})


def _changed(tensors: Mapping[str, np.ndarray], part: Mapping[str, np.ndarray]) -> Tensors:
    """``tensors`` with what ``part`` holds: thin factors are added, anything else stands in its place."""
    new = dict(tensors)
    for key, value in part.items():
        if key.endswith(".up"):
            name = key.removesuffix(".up")
            down = part[f"{name}.down"]
            # In fp64, so that every machine rounds to the same fp16.
            delta = value.astype(np.float64) @ down.astype(np.float64).reshape(len(down), -1)
            new[name] = tensors[name].astype(np.float64) + delta.reshape(tensors[name].shape)
        elif not key.endswith(".down"):
            new[key] = value
    return new


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    for path in assembled(parser.parse_args().out):
        print(path, json.dumps({"bytes": path.stat().st_size}))


if __name__ == "__main__":
    main()
