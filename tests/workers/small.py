"""nano's shapes with random weights: a true SD1 topology that draws in a blink, and adapters that fit it."""

from functools import cache
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

from workers.bases import layout


def unet() -> UNet2DConditionModel:
    torch.manual_seed(1)
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        block_out_channels=(48, 96, 144, 144),
        layers_per_block=2,
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        attention_head_dim=4,
        cross_attention_dim=64,
        norm_num_groups=16,
    ).eval()


def vae() -> AutoencoderKL:
    torch.manual_seed(2)
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(16, 32, 64, 64),
        layers_per_block=2,
        latent_channels=4,
        norm_num_groups=8,
    ).eval()


def text_encoder() -> CLIPTextModel:
    torch.manual_seed(3)
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=49408,
            hidden_size=64,
            intermediate_size=256,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=77,
            hidden_act="quick_gelu",
        )
    ).eval()


@cache
def checkpoint(folder: Path) -> Path:
    """An SD1 checkpoint of nano's shapes in the original layout, fp16, random weights of a lively size."""
    path = folder / "small-sd1.safetensors"
    tensors = layout.to_original(unet().state_dict(), vae().state_dict(), text_encoder().state_dict())
    halves = {key: tensor.to(torch.float16).contiguous() for key, tensor in tensors.items()}
    save_file(halves, path, {"modelspec.architecture": "stable-diffusion-v1"})
    return path
