"""The architecture of a checkpoint, from the shapes of its tensors: the configurations that its modules are built by.

Only what no shape tells is known by family: how many heads, how many groups a norm has, what scales the latents.
Values: Stability's and CompVis' own YAML files (``v1-inference``, ``v2-inference``, ``sd_xl_base``, ``sd_xl_refiner``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workers.bases import layout

Shapes = Mapping[str, tuple[int, ...]]
HEAD = 64  # numbers of one head in SD2, SDXL and every OpenCLIP
TIME = 256  # numbers that embed one size beside the time step
SCALING = {"sd1": 0.18215, "sd2": 0.18215, "sdxl": 0.13025}
# Latents to a rough picture, [4][3]; fitted by the communities of each family, published with their tools.
LATENT_RGB = {
    "sd1": [[0.3512, 0.2297, 0.3227], [0.325, 0.4974, 0.235], [-0.2829, 0.1762, 0.2721], [-0.212, -0.2616, -0.7177]],
    "sdxl": [[0.3651, 0.4232, 0.4341], [-0.2533, -0.0042, 0.1068], [0.1076, 0.1111, -0.0362],
             [-0.3165, -0.2492, -0.2188]],
}  # fmt: skip


def unet(shapes: Shapes, pooled: int = 0) -> dict[str, Any]:
    """diffusers' configuration of a UNet of SD2 or SDXL by its live names.

    pooled: the width of the text that is embedded beside the time step; 0 where there is none.
    """
    levels = layout.count(shapes, "down_blocks.{}.")
    widths = [shapes[f"down_blocks.{n}.resnets.0.conv1.weight"][0] for n in range(levels)]
    depths = [_depth(shapes, f"down_blocks.{n}.attentions.0.") for n in range(levels)]
    context = next(shape[1] for key, shape in shapes.items() if key.endswith("attn2.to_k.weight"))
    config: dict[str, Any] = {
        "in_channels": shapes["conv_in.weight"][1],
        "out_channels": 4,
        "block_out_channels": widths,
        "layers_per_block": layout.count(shapes, "down_blocks.0.resnets.{}."),
        "down_block_types": ["CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in depths],
        "up_block_types": ["CrossAttnUpBlock2D" if depth else "UpBlock2D" for depth in reversed(depths)],
        "transformer_layers_per_block": [depth or 1 for depth in depths],
        "attention_head_dim": [width // HEAD for width in widths],
        "cross_attention_dim": context,
        "use_linear_projection": True,
    }
    if "mid_block.attentions.0.norm.weight" in shapes and not depths[-1]:
        config["transformer_layers_per_block"][-1] = _depth(shapes, "mid_block.attentions.0.")
    if label := shapes.get("add_embedding.linear_1.weight"):
        sizes = 6 if (label[1] - pooled) % 6 == 0 else 5
        config |= {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": (label[1] - pooled) // sizes,
            "projection_class_embeddings_input_dim": label[1],
        }
    return config


def controlnet(shapes: Shapes, base: Mapping[str, Any]) -> dict[str, Any]:
    """diffusers' configuration of a ControlNet by its live names, for a UNet of the configuration ``base``: heads,
    groups of norms and the width of a size are its own, since no shape tells them."""
    levels = layout.count(shapes, "down_blocks.{}.")
    widths = [shapes[f"down_blocks.{n}.resnets.0.conv1.weight"][0] for n in range(levels)]
    depths = [_depth(shapes, f"down_blocks.{n}.attentions.0.") for n in range(levels)]
    middle = _depth(shapes, "mid_block.attentions.0.")
    blocks = layout.count(shapes, "controlnet_cond_embedding.blocks.{}.")
    heads = base["attention_head_dim"]
    config: dict[str, Any] = {
        "in_channels": shapes["conv_in.weight"][1],
        "conditioning_channels": shapes["controlnet_cond_embedding.conv_in.weight"][1],
        "block_out_channels": widths,
        "layers_per_block": layout.count(shapes, "down_blocks.0.resnets.{}."),
        "down_block_types": ["CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in depths],
        "mid_block_type": "UNetMidBlock2DCrossAttn" if middle else "UNetMidBlock2D",
        "transformer_layers_per_block": [depth or 1 for depth in depths],
        "attention_head_dim": heads if isinstance(heads, int) else list(heads),
        "norm_num_groups": base["norm_num_groups"],
        "conditioning_embedding_out_channels": [
            shapes["controlnet_cond_embedding.conv_in.weight"][0],
            *(shapes[f"controlnet_cond_embedding.blocks.{n}.weight"][0] for n in range(1, blocks, 2)),
        ],
        **{
            name: base.get(name)
            for name in (
                "cross_attention_dim",
                "use_linear_projection",
                "addition_embed_type",
                "addition_time_embed_dim",
                "projection_class_embeddings_input_dim",
            )
        },
    }
    if middle and not depths[-1]:
        config["transformer_layers_per_block"][-1] = middle
    return config


def vae(shapes: Shapes) -> dict[str, Any]:
    """diffusers' configuration of an autoencoder by its live names."""
    levels = layout.count(shapes, "encoder.down_blocks.{}.")
    return {
        "in_channels": 3,
        "out_channels": 3,
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "block_out_channels": [shapes[f"encoder.down_blocks.{n}.resnets.0.conv1.weight"][0] for n in range(levels)],
        "layers_per_block": layout.count(shapes, "encoder.down_blocks.0.resnets.{}."),
        "latent_channels": shapes["post_quant_conv.weight"][0],
    }


def text_encoder(shapes: Shapes, *, act: str) -> dict[str, Any]:
    """transformers' configuration of a CLIP text encoder by its live names, without ``text_model.``."""
    vocabulary, width = shapes["embeddings.token_embedding.weight"]
    return {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": shapes["encoder.layers.0.mlp.fc1.weight"][0],
        "num_hidden_layers": layout.count(shapes, "encoder.layers.{}."),
        "num_attention_heads": max(1, width // HEAD),
        "max_position_embeddings": shapes["embeddings.position_embedding.weight"][0],
        "hidden_act": act,
        "projection_dim": shapes.get("text_projection.weight", (width,))[0],
    }


def _depth(shapes: Shapes, prefix: str) -> int:
    return layout.count(shapes, prefix + "transformer_blocks.{}.")
