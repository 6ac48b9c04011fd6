"""Open a checkpoint offline: our own configurations, the file's tensors, nothing fetched and nothing executed."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing here may ask a hub, whatever a library does by default

import torch
from accelerate import init_empty_weights
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel

from workers.bases import layout
from workers.engine.model import Model
from workers.errors import Refusal

CONFIGS = Path(__file__).parent.parent / "bases" / "configs"


@cache
def configs() -> tuple[dict[str, Any], ...]:
    """Every configuration that we ship, by name."""
    return tuple(json.loads(path.read_text()) for path in sorted(CONFIGS.glob("*.json")))


def open_sd1(path: Path, device: torch.device, dtype: torch.dtype) -> Model:
    """The SD1 checkpoint at ``path``. The autoencoder stays in fp32: half precision overflows in some of them.

    Raises ``Refusal`` where the file is broken, a part is missing, or its shapes are of no architecture known here.
    """
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise Refusal("base-unreadable", "This checkpoint's file cannot be read as safetensors.") from error
    for name, prefix in {"UNet": layout.UNET, "VAE": layout.VAE, "text encoder": layout.TEXT}.items():
        if not any(key.startswith(prefix) for key in tensors):
            raise Refusal("base-incomplete", f"This checkpoint holds no {name}, so it cannot draw by itself.")
    config = config_for(tensors)
    try:
        unet, vae, text = layout.from_original(tensors)
    except KeyError as error:
        raise Refusal(
            "base-unknown", f"This checkpoint holds a tensor that Stable Diffusion 1 has not: {error}."
        ) from error
    with init_empty_weights(include_buffers=False):
        live_unet = UNet2DConditionModel.from_config(config["unet"])
        live_vae = AutoencoderKL.from_config(config["vae"])
        live_text = CLIPTextModel(CLIPTextConfig(**config["text_encoder"]))
    if any(key.startswith("text_model.") for key in live_text.state_dict()):
        text = {f"text_model.{key}": tensor for key, tensor in text.items()}
    return Model(
        name=config["name"],
        family="sd1",
        unet=_filled(live_unet, unet, device, dtype),
        vae=_filled(live_vae, vae, device, torch.float32),
        text_encoders={"text_encoder": _filled(live_text, text, device, dtype)},
        device=device,
        dtype=dtype,
        scaling=float(config["vae"]["scaling_factor"]),
        latent_rgb=torch.tensor(config["latent_rgb"], dtype=torch.float32),
    )


def config_for(tensors: dict[str, Tensor]) -> dict[str, Any]:
    """The configuration whose shapes are the file's. Raises ``Refusal`` where there is none."""
    channels = tensors[f"{layout.UNET}input_blocks.0.0.weight"].shape
    context = tensors[f"{layout.UNET}input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"].shape[1]
    latent = tensors[f"{layout.VAE}post_quant_conv.weight"].shape[0]
    for config in configs():
        unet = config["unet"]
        mine = (unet["block_out_channels"][0], unet["in_channels"], unet["cross_attention_dim"])
        if mine == (channels[0], channels[1], context) and config["vae"]["latent_channels"] == latent:
            return config
    if channels[1] != 4:
        raise Refusal(
            "base-not-drawn", "Checkpoints for inpainting and the like can be kept here, but not drawn with yet."
        )
    raise Refusal(
        "base-unknown", f"No architecture known here is {channels[0]} channels wide with a context of {context}."
    )


def _filled(module: Any, state: dict[str, Tensor], device: torch.device, dtype: torch.dtype) -> Any:
    ready = {key: tensor.to(device=device, dtype=dtype) for key, tensor in state.items()}
    try:
        module.load_state_dict(ready, assign=True, strict=True)
    except RuntimeError as error:
        raise Refusal(
            "base-unknown",
            f"This checkpoint's {type(module).__name__} is not of the architecture that its size promises.",
        ) from error
    module.to(device=device, memory_format=torch.channels_last)
    return module.eval().requires_grad_(False)
