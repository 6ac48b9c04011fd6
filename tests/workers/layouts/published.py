"""Names and shapes of published models, out of the modules that diffusers and transformers build, on the meta device.

Original names come from our layout tables, or from a formula here that diffusers' own converter then reads back to the
module's names: no weights, no download.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    FluxTransformer2DModel,
    MotionAdapter,
    SD3Transformer2DModel,
    UNet2DConditionModel,
)
from diffusers.loaders.single_file_utils import (
    convert_flux_transformer_checkpoint_to_diffusers,
    convert_sd3_transformer_checkpoint_to_diffusers,
)
from torch import nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from workers.bases import layout

Shapes = dict[str, tuple[int, ...]]
UNET, FIRST_STAGE = "model.diffusion_model.", "first_stage_model."

SD1_UNET: dict[str, Any] = {
    "block_out_channels": (320, 640, 1280, 1280),
    "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
    "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
}
SD2_UNET = SD1_UNET | {
    "cross_attention_dim": 1024,
    "attention_head_dim": (5, 10, 20, 20),
    "use_linear_projection": True,
}
SDXL_UNET: dict[str, Any] = {
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),
    "cross_attention_dim": 2048,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}
REFINER_UNET = SDXL_UNET | {
    "block_out_channels": (384, 768, 1536, 1536),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": 4,
    "attention_head_dim": (6, 12, 24, 24),
    "cross_attention_dim": 1280,
    "projection_class_embeddings_input_dim": 2560,
}
X4_UNET = SD2_UNET | {
    "block_out_channels": (256, 512, 512, 1024),
    "in_channels": 7,
    "down_block_types": ("DownBlock2D",) + ("CrossAttnDownBlock2D",) * 3,
    "up_block_types": ("CrossAttnUpBlock2D",) * 3 + ("UpBlock2D",),
    "attention_head_dim": 8,
    "num_class_embeds": 1000,
}
# The children of SDXL, by the depths of their layers.
SSD_1B = SDXL_UNET | {"transformer_layers_per_block": (1, 2, 4)}
VEGA = SDXL_UNET | {"transformer_layers_per_block": (1, 1, 2)}
KOALA_700M = SDXL_UNET | {"transformer_layers_per_block": (1, 2, 5), "layers_per_block": 1}
KOALA_1B = SDXL_UNET | {"transformer_layers_per_block": (1, 2, 6), "layers_per_block": 1}
VAE = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
}
VAE16 = VAE | {"latent_channels": 16, "use_quant_conv": False, "use_post_quant_conv": False}


def shapes(module: nn.Module) -> Shapes:
    return {key: tuple(tensor.shape) for key, tensor in module.state_dict().items()}


def meta(kind: Any, **config: Any) -> nn.Module:
    with torch.device("meta"):
        return kind(**config)


def under(prefix: str, tensors: Mapping[str, Any]) -> Shapes:
    return {prefix + key: tuple(getattr(value, "shape", value)) for key, value in tensors.items()}


def unet(original: bool = True, **config: Any) -> Shapes:
    state = meta(UNet2DConditionModel, **config).state_dict()
    class_embedding = state.pop("class_embedding.weight", None)
    named = under(UNET, layout.unet_to_original(state)) if original else under("", state)
    if class_embedding is not None:
        named[f"{UNET}label_emb.weight"] = tuple(class_embedding.shape)
    return named


def vae(original: bool = True, prefix: str = FIRST_STAGE, **config: Any) -> Shapes:
    state = meta(AutoencoderKL, **(config or VAE)).state_dict()
    return under(prefix, layout.vae_to_original(state)) if original else under("", state)


def clip_l(prefix: str = "cond_stage_model.transformer.") -> Shapes:
    config = CLIPTextConfig(
        hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, projection_dim=768
    )
    return under(prefix, layout.text_to_original(meta(CLIPTextModel, config=config).state_dict()))


def open_clip(width: int, layers: int, prefix: str) -> Shapes:
    named: Shapes = {
        "positional_embedding": (77, width),
        "text_projection": (width, width),
        "logit_scale": (),
        "token_embedding.weight": (49408, width),
        "ln_final.weight": (width,),
        "ln_final.bias": (width,),
    }
    for n in range(layers):
        block = f"transformer.resblocks.{n}."
        named |= {f"{block}ln_{m}.{what}": (width,) for m in (1, 2) for what in ("weight", "bias")}
        named |= {f"{block}attn.in_proj_weight": (3 * width, width), f"{block}attn.in_proj_bias": (3 * width,)}
        named |= {f"{block}attn.out_proj.weight": (width, width), f"{block}attn.out_proj.bias": (width,)}
        named |= {f"{block}mlp.c_fc.weight": (4 * width, width), f"{block}mlp.c_fc.bias": (4 * width,)}
        named |= {f"{block}mlp.c_proj.weight": (width, 4 * width), f"{block}mlp.c_proj.bias": (width,)}
    return under(prefix, named)


def sdxl_texts() -> Shapes:
    return clip_l("conditioner.embedders.0.transformer.") | open_clip(1280, 32, "conditioner.embedders.1.model.")


NUMBERS = {
    "betas": (1000,),
    "alphas_cumprod": (1000,),
    "alphas_cumprod_prev": (1000,),
    "sqrt_alphas_cumprod": (1000,),
    "sqrt_one_minus_alphas_cumprod": (1000,),
    "log_one_minus_alphas_cumprod": (1000,),
    "sqrt_recip_alphas_cumprod": (1000,),
    "sqrt_recipm1_alphas_cumprod": (1000,),
    "posterior_variance": (1000,),
    "posterior_log_variance_clipped": (1000,),
    "posterior_mean_coef1": (1000,),
    "posterior_mean_coef2": (1000,),
}


def flux(guidance: bool, in_channels: int, double: int = 19, single: int = 38) -> Shapes:
    """Flux.1's transformer under Black Forest Labs' names, read back by diffusers' converter."""
    width = 3072
    named: Shapes = {}

    def linear(name: str, out: int, into: int) -> None:
        named[f"{name}.weight"], named[f"{name}.bias"] = (out, into), (out,)

    linear("img_in", width, in_channels)
    linear("txt_in", width, 4096)
    for name, into in {"time_in": 256, "vector_in": 768, **({"guidance_in": 256} if guidance else {})}.items():
        linear(f"{name}.in_layer", width, into)
        linear(f"{name}.out_layer", width, width)
    for n in range(double):
        for side in ("img", "txt"):
            block = f"double_blocks.{n}.{side}_"
            linear(f"{block}mod.lin", 6 * width, width)
            linear(f"{block}attn.qkv", 3 * width, width)
            linear(f"{block}attn.proj", width, width)
            linear(f"{block}mlp.0", 4 * width, width)
            linear(f"{block}mlp.2", width, 4 * width)
            named[f"{block}attn.norm.query_norm.scale"] = named[f"{block}attn.norm.key_norm.scale"] = (128,)
    for n in range(single):
        block = f"single_blocks.{n}."
        linear(f"{block}linear1", 7 * width, width)
        linear(f"{block}linear2", width, 5 * width)
        linear(f"{block}modulation.lin", 3 * width, width)
        named[f"{block}norm.query_norm.scale"] = named[f"{block}norm.key_norm.scale"] = (128,)
    linear("final_layer.linear", 64, width)
    linear("final_layer.adaLN_modulation.1", 2 * width, width)
    live = meta(FluxTransformer2DModel, in_channels=in_channels, out_channels=64, guidance_embeds=guidance)
    agrees(convert_flux_transformer_checkpoint_to_diffusers, named, live)
    return named


def sd3(depth: int, positions: int, dual: int = 0, qk_norm: bool = False) -> Shapes:
    """SD3's transformer under Stability's names, read back by diffusers' converter."""
    width, named = 64 * depth, {}

    def linear(name: str, out: int, into: int) -> None:
        named[f"{name}.weight"], named[f"{name}.bias"] = (out, into), (out,)

    named["pos_embed"] = (1, positions, width)
    named["x_embedder.proj.weight"], named["x_embedder.proj.bias"] = (width, 16, 2, 2), (width,)
    linear("context_embedder", width, 4096)
    for name, into in {"t_embedder": 256, "y_embedder": 2048}.items():
        linear(f"{name}.mlp.0", width, into)
        linear(f"{name}.mlp.2", width, width)
    for n in range(depth):
        for side in ("x_block", "context_block"):
            block, last = f"joint_blocks.{n}.{side}.", n == depth - 1 and side == "context_block"
            modulations = 2 if last else 9 if side == "x_block" and n < dual else 6
            linear(f"{block}adaLN_modulation.1", modulations * width, width)
            for attention in ("attn", "attn2") if side == "x_block" and n < dual else ("attn",):
                linear(f"{block}{attention}.qkv", 3 * width, width)
                if qk_norm:
                    named[f"{block}{attention}.ln_q.weight"] = named[f"{block}{attention}.ln_k.weight"] = (64,)
                if not last:
                    linear(f"{block}{attention}.proj", width, width)
            if not last:
                linear(f"{block}mlp.fc1", 4 * width, width)
                linear(f"{block}mlp.fc2", width, 4 * width)
    linear("final_layer.linear", 64, width)
    linear("final_layer.adaLN_modulation.1", 2 * width, width)
    live = meta(
        SD3Transformer2DModel,
        num_layers=depth,
        num_attention_heads=depth,
        attention_head_dim=64,
        joint_attention_dim=4096,
        caption_projection_dim=width,
        pooled_projection_dim=2048,
        in_channels=16,
        out_channels=16,
        sample_size=128,
        pos_embed_max_size=round(positions**0.5),
        dual_attention_layers=tuple(range(dual)),
        qk_norm="rms_norm" if qk_norm else None,
    )
    agrees(convert_sd3_transformer_checkpoint_to_diffusers, named, live)
    return named


def agrees(converter: Any, named: Shapes, live: nn.Module) -> None:
    """Stop unless the library's own converter turns ``named`` into exactly the module's tensors."""
    converted = converter({key: torch.empty(shape, device="meta") for key, shape in named.items()})
    wanted, found = shapes(live), {key: tuple(tensor.shape) for key, tensor in converted.items()}
    differ = {key for key in wanted.keys() | found.keys() if wanted.get(key) != found.get(key)}
    if differ:
        raise SystemExit(f"{converter.__name__}: {sorted(differ)[:5]}")


def taesd(channels: int, half: str) -> Shapes:
    """TAESD as its author trained it: one Sequential a half, whose layers are counted."""
    convolution = lambda out, into, bias=True: {"weight": (out, into, 3, 3)} | ({"bias": (out,)} if bias else {})  # noqa: E731
    block = {f"conv.{n}.{key}": shape for n in (0, 2, 4) for key, shape in convolution(64, 64).items()}
    down, plain = convolution(64, 64, bias=False), {}
    if half == "encoder":
        layers = [convolution(64, 3), block, *[down, block, block, block] * 3, convolution(channels, 64)]
    else:
        level = [block, block, block, plain, down]
        layers = [plain, convolution(64, channels), plain, *level * 3, block, convolution(3, 64)]
    return {f"{n}.{key}": shape for n, layer in enumerate(layers) for key, shape in layer.items()}


def motion(version: str) -> Shapes:
    """AnimateDiff's module under its authors' names."""
    xl = version == "sdxl"
    state = meta(
        MotionAdapter,
        block_out_channels=(320, 640, 1280) if xl else (320, 640, 1280, 1280),
        use_motion_mid_block=version == "v2",
        motion_max_seq_length={"v1": 24, "v2": 32, "v3": 32, "sdxl": 32}[version],
    ).state_dict()
    named: Shapes = {}
    for key, tensor in state.items():
        if key.endswith("pos_embed.pe"):  # one table for both here, one each there
            start, _, rest = key.partition("transformer_blocks.")
            block = f"{start}temporal_transformer.transformer_blocks.{rest.partition('.')[0]}.attention_blocks."
            named |= {f"{block}{n}.pos_encoder.pe": tuple(tensor.shape) for n in (0, 1)}
            continue
        for live, original in {"attn1": "attention_blocks.0", "attn2": "attention_blocks.1"}.items():
            key = key.replace(f".{live}.", f".{original}.")
        for live, original in {"norm1": "norms.0", "norm2": "norms.1", "norm3": "ff_norm"}.items():
            key = key.replace(f".{live}.", f".{original}.")
        start, number, rest = key.partition(".motion_modules.")
        place, _, rest = rest.partition(".")
        named[f"{start}{number}{place}.temporal_transformer.{rest}"] = tuple(tensor.shape)
    return named


def esrgan(blocks: int = 23) -> Shapes:
    """RRDBNet as Real-ESRGAN saves it."""
    named: Shapes = {}

    def convolution(name: str, out: int, into: int) -> None:
        named[f"{name}.weight"], named[f"{name}.bias"] = (out, into, 3, 3), (out,)

    convolution("conv_first", 64, 3)
    for n in range(blocks):
        for m in (1, 2, 3):
            for k in range(1, 6):
                convolution(f"body.{n}.rdb{m}.conv{k}", 64 if k == 5 else 32, 64 + 32 * (k - 1))
    for name in ("conv_body", "conv_up1", "conv_up2", "conv_hr"):
        convolution(name, 64, 64)
    convolution("conv_last", 3, 64)
    return named


def compact(scale: int = 4) -> Shapes:
    """SRVGGNetCompact as Real-ESRGAN saves it: convolutions and their slopes in turns."""
    named: Shapes = {"body.0.weight": (64, 3, 3, 3), "body.0.bias": (64,), "body.1.weight": (64,)}
    for n in range(2, 66, 2):
        named |= {f"body.{n}.weight": (64, 64, 3, 3), f"body.{n}.bias": (64,), f"body.{n + 1}.weight": (64,)}
    return named | {"body.66.weight": (3 * scale**2, 64, 3, 3), "body.66.bias": (3 * scale**2,)}


def vision() -> Shapes:
    config = CLIPVisionConfig(
        hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=16, patch_size=14,
        projection_dim=1024,
    )  # fmt: skip
    named = shapes(meta(CLIPVisionModelWithProjection, config=config))
    return {key if key.startswith("visual") else f"vision_model.{key.removeprefix('vision_model.')}": shape
            for key, shape in named.items()}  # fmt: skip
