"""nano's shapes with random weights: a true SD1 topology that draws in a blink, and adapters that fit it."""

from functools import cache
from pathlib import Path

import torch
from diffusers import AutoencoderKL, ControlNetModel, T2IAdapter, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

from workers.bases import layout
from workers.plugins import Header, TensorInfo


@cache
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


@cache
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


@cache
def text_encoder() -> CLIPTextModel:
    torch.manual_seed(3)
    encoder = CLIPTextModel(
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
    # As in trained encoders, its numbers have a mean that is not nought.
    torch.nn.init.constant_(encoder.get_submodule("final_layer_norm").bias, 0.2)
    return encoder


@cache
def checkpoint(folder: Path) -> Path:
    """An SD1 checkpoint of nano's shapes in the original layout, fp16, random weights of a lively size."""
    path = folder / "small-sd1.safetensors"
    tensors = layout.to_original(unet().state_dict(), vae().state_dict(), text_encoder().state_dict())
    halves = {key: tensor.to(torch.float16).contiguous() for key, tensor in tensors.items()}
    save_file(halves, path, {"modelspec.architecture": "stable-diffusion-v1"})
    return path


def lora(rank: int = 4, *, parts: tuple[str, ...] = ("unet", "te"), scale: float = 0.3) -> dict[str, torch.Tensor]:
    """A LoRA in kohya's names over every attention's projections (and a convolution) of `unet` and `text_encoder`."""
    torch.manual_seed(4)
    wanted: dict[str, torch.Tensor] = {}
    if "unet" in parts:
        wanted |= {
            f"lora_unet_{name}": module.weight
            for name, module in unet().named_modules()
            if ".attentions." in name and name.endswith(("to_q", "to_k", "to_v", "to_out.0", "proj_in"))
        }
        wanted["lora_unet_down_blocks_0_resnets_0_conv1"] = unet().down_blocks[0].resnets[0].conv1.weight
    if "te" in parts:
        wanted |= {
            f"lora_te_text_model_{name.removeprefix('text_model.')}": module.weight
            for name, module in text_encoder().named_modules()
            if name.endswith(("q_proj", "v_proj", "fc1"))
        }
    tensors = {}
    for name, weight in wanted.items():
        flat = name.replace(".", "_")
        kernel = weight.shape[2:]
        tensors[f"{flat}.lora_down.weight"] = torch.randn(rank, *weight.shape[1:]) * scale
        tensors[f"{flat}.lora_up.weight"] = torch.randn(weight.shape[0], rank, *[1] * len(kernel)) * scale
        tensors[f"{flat}.alpha"] = torch.tensor(rank / 2)
    return tensors


def inversion(vectors: int = 2, width: int = 64) -> dict[str, torch.Tensor]:
    torch.manual_seed(5)
    return {"emb_params": torch.randn(vectors, width) * 0.5}


def controlnet(base: UNet2DConditionModel | None = None, seed: int = 7) -> ControlNetModel:
    """A live ControlNet for `unet` or another base, whose layers that begin at nought say something."""
    torch.manual_seed(seed)
    net = ControlNetModel.from_unet(
        base or unet(), conditioning_embedding_out_channels=(4, 8, 8, 8), load_weights_from_unet=False
    ).eval()
    with torch.no_grad():
        zeros = [*net.controlnet_down_blocks, net.controlnet_mid_block, net.controlnet_cond_embedding.conv_out]
        for layer in zeros:
            torch.nn.init.normal_(layer.weight, std=0.3)
    return net


def t2i(kind: str = "full_adapter", channels: tuple[int, ...] = (48, 96, 144, 144)) -> T2IAdapter:
    """A live T2I-Adapter for `unet`."""
    torch.manual_seed(8)
    fold = 16 if kind == "full_adapter_xl" else 8
    return T2IAdapter(3, list(channels), num_res_blocks=2, downscale_factor=fold, adapter_type=kind).eval()


HYPERNETWORK = {"layer_structure": "[1, 2, 1]", "activation_func": "swish", "activate_output": "false"}


def hypernetwork(widths: tuple[int, ...] = (64, 96)) -> dict[str, torch.Tensor]:
    torch.manual_seed(6)
    tensors = {}
    for width in widths:
        for stream in "kv":
            for index, (out, into) in {0: (2 * width, width), 2: (width, 2 * width)}.items():
                tensors[f"hn.{width}.{stream}.linear.{index}.weight"] = torch.randn(out, into) * 0.2
                tensors[f"hn.{width}.{stream}.linear.{index}.bias"] = torch.randn(out) * 0.2
    return tensors


def header(tensors: dict[str, torch.Tensor], metadata: dict[str, str] | None = None) -> Header:
    """The header that a file of these tensors would have."""
    return Header({key: TensorInfo("F32", tuple(t.shape), (0, 0)) for key, t in tensors.items()}, metadata or {})
