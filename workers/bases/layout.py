"""The two names of every tensor of a Stable Diffusion UNet, autoencoder and text encoder.

*Original*: as CompVis' and Stability's code wrote its checkpoints (``model.diffusion_model.input_blocks.1.0.…``), the
layout in which people share files. *Live*: as the modules that draw are called (``down_blocks.0.resnets.0.…``).
`to_original` and `from_original` go both ways without loss; no torch is needed, tensors are only renamed and reshaped.
Sources: ``openaimodel.py`` and ``model.py`` of CompVis/stable-diffusion for the original numbering.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

UNET, VAE, TEXT = "model.diffusion_model.", "first_stage_model.", "cond_stage_model.transformer."
_RESNET = [
    ("in_layers.0", "norm1"),
    ("in_layers.2", "conv1"),
    ("emb_layers.1", "time_emb_proj"),
    ("out_layers.0", "norm2"),
    ("out_layers.3", "conv2"),
    ("skip_connection", "conv_shortcut"),
]
_ENDS = [
    ("time_embed.0", "time_embedding.linear_1"),
    ("time_embed.2", "time_embedding.linear_2"),
    ("label_emb.0.0", "add_embedding.linear_1"),
    ("label_emb.0.2", "add_embedding.linear_2"),
    ("input_blocks.0.0", "conv_in"),
    ("out.0", "conv_norm_out"),
    ("out.2", "conv_out"),
]
_VAE_ATTENTION = [("norm", "group_norm"), ("q", "to_q"), ("k", "to_k"), ("v", "to_v"), ("proj_out", "to_out.0")]
_VAE_RESNET = [("norm1",) * 2, ("conv1",) * 2, ("norm2",) * 2, ("conv2",) * 2, ("nin_shortcut", "conv_shortcut")]


def unet_pairs(levels: int = 4, layers: int = 2, attended_up: Iterable[int] | None = None) -> list[tuple[str, str]]:
    """(original, live) prefixes of a UNet's modules, for ``levels`` resolutions with ``layers`` blocks in each.

    attended_up: the up blocks with attention; it decides the upsampler's number in the original, and by default is
    all but the first, as in SD1 and SD2.
    """
    attended = set(range(1, levels) if attended_up is None else attended_up)
    pairs = list(_ENDS)
    stride = layers + 1

    def resnet(original: str, live: str) -> None:
        pairs.extend((f"{original}.{a}", f"{live}.{b}") for a, b in _RESNET)

    for level in range(levels):
        for layer in range(layers):
            number = 1 + level * stride + layer
            resnet(f"input_blocks.{number}.0", f"down_blocks.{level}.resnets.{layer}")
            pairs.append((f"input_blocks.{number}.1", f"down_blocks.{level}.attentions.{layer}"))
        if level < levels - 1:
            number = 1 + level * stride + layers
            pairs.append((f"input_blocks.{number}.0.op", f"down_blocks.{level}.downsamplers.0.conv"))
        for layer in range(stride):
            number = level * stride + layer
            resnet(f"output_blocks.{number}.0", f"up_blocks.{level}.resnets.{layer}")
            if level in attended:
                pairs.append((f"output_blocks.{number}.1", f"up_blocks.{level}.attentions.{layer}"))
        if level < levels - 1:
            place = 2 if level in attended else 1
            number = level * stride + layers
            pairs.append((f"output_blocks.{number}.{place}.conv", f"up_blocks.{level}.upsamplers.0.conv"))
    resnet("middle_block.0", "mid_block.resnets.0")
    pairs.append(("middle_block.1", "mid_block.attentions.0"))
    resnet("middle_block.2", "mid_block.resnets.1")
    return pairs


def vae_pairs(levels: int = 4, layers: int = 2) -> list[tuple[str, str]]:
    """(original, live) prefixes of an autoencoder's modules. The original counts the decoder's levels backwards."""
    pairs = [("quant_conv",) * 2, ("post_quant_conv",) * 2]

    def resnet(original: str, live: str) -> None:
        pairs.extend((f"{original}.{a}", f"{live}.{b}") for a, b in _VAE_RESNET)

    for side in ("encoder", "decoder"):
        pairs += [(f"{side}.conv_in",) * 2, (f"{side}.conv_out",) * 2, (f"{side}.norm_out", f"{side}.conv_norm_out")]
        resnet(f"{side}.mid.block_1", f"{side}.mid_block.resnets.0")
        resnet(f"{side}.mid.block_2", f"{side}.mid_block.resnets.1")
        attention = f"{side}.mid_block.attentions.0"
        pairs.extend((f"{side}.mid.attn_1.{a}", f"{attention}.{b}") for a, b in _VAE_ATTENTION)
    for level in range(levels):
        for layer in range(layers):
            resnet(f"encoder.down.{level}.block.{layer}", f"encoder.down_blocks.{level}.resnets.{layer}")
        for layer in range(layers + 1):
            resnet(f"decoder.up.{levels - 1 - level}.block.{layer}", f"decoder.up_blocks.{level}.resnets.{layer}")
        pairs.append((f"encoder.down.{level}.downsample.conv", f"encoder.down_blocks.{level}.downsamplers.0.conv"))
        pairs.append((f"decoder.up.{levels - 1 - level}.upsample.conv", f"decoder.up_blocks.{level}.upsamplers.0.conv"))
    return pairs


def renamed(key: str, names: Mapping[str, str]) -> str | None:
    """``key`` with its longest prefix that ``names`` knows replaced; None where no prefix is known."""
    parts = key.split(".")
    for end in range(len(parts), 0, -1):
        if found := names.get(".".join(parts[:end])):
            return ".".join([found, *parts[end:]])
    return None


def unet_to_original(live: Mapping[str, Any]) -> dict[str, Any]:
    """A UNet's live state dict under its original names, without ``model.diffusion_model.``. Raises ``KeyError``."""
    levels, layers = count(live, "down_blocks.{}."), count(live, "down_blocks.0.resnets.{}.")
    attended = {n for n in range(levels) if any(key.startswith(f"up_blocks.{n}.attentions.") for key in live)}
    return _all(live, {b: a for a, b in unet_pairs(levels, layers, attended)})


def unet_from_original(original: Mapping[str, Any]) -> dict[str, Any]:
    """The reverse of `unet_to_original`; keys without their prefix. Raises ``KeyError`` for an unknown key."""
    levels, layers, attended = unet_structure(original)
    return _all(original, dict(unet_pairs(levels, layers, attended)))


def unet_structure(original: Iterable[str]) -> tuple[int, int, set[int]]:
    """(levels, layers a block, up blocks with attention) of a UNet by its original names, without prefix."""
    keys = set(original)
    downs = sorted(int(found[1]) for key in keys if (found := re.match(r"input_blocks\.(\d+)\.0\.op\.weight$", key)))
    if not downs:
        raise KeyError("no downsampler among the UNet's keys")
    layers, levels = downs[0] - 1, len(downs) + 1
    stride = layers + 1
    attended = {n for n in range(levels) if f"output_blocks.{n * stride}.1.proj_in.weight" in keys}
    return levels, layers, attended


def controlnet_from_original(original: Mapping[str, Any]) -> dict[str, Any]:
    """A ControlNet's live state dict from its original names, without ``control_model.``. Raises ``KeyError``."""
    levels, layers, _ = unet_structure(original)
    names = dict(unet_pairs(levels, layers, ()))
    names |= {f"zero_convs.{n}.0": f"controlnet_down_blocks.{n}" for n in range(count(original, "zero_convs.{}."))}
    names["middle_block_out.0"] = "controlnet_mid_block"
    # A convolution, an activation, a convolution, …: the even ones have weights.
    last = count(original, "input_hint_block.{}.") - 1
    names |= {f"input_hint_block.{n}": f"controlnet_cond_embedding.blocks.{n // 2 - 1}" for n in range(2, last, 2)}
    names["input_hint_block.0"] = "controlnet_cond_embedding.conv_in"
    names[f"input_hint_block.{last}"] = "controlnet_cond_embedding.conv_out"
    return _all(original, names)


def controlnet_to_original(live: Mapping[str, Any]) -> dict[str, Any]:
    """The reverse of `controlnet_from_original`."""
    levels, layers = count(live, "down_blocks.{}."), count(live, "down_blocks.0.resnets.{}.")
    blocks, zeros = count(live, "controlnet_cond_embedding.blocks.{}."), count(live, "controlnet_down_blocks.{}.")
    names = {b: a for a, b in unet_pairs(levels, layers, ())}
    names |= {f"controlnet_down_blocks.{n}": f"zero_convs.{n}.0" for n in range(zeros)}
    names |= {f"controlnet_cond_embedding.blocks.{n}": f"input_hint_block.{2 * n + 2}" for n in range(blocks)}
    names |= {
        "controlnet_mid_block": "middle_block_out.0",
        "controlnet_cond_embedding.conv_in": "input_hint_block.0",
        "controlnet_cond_embedding.conv_out": f"input_hint_block.{2 * blocks + 2}",
    }
    return _all(live, names)


def vae_to_original(live: Mapping[str, Any]) -> dict[str, Any]:
    """An autoencoder's live state dict under its original names; its attention's matrices become 1×1 convolutions."""
    levels, layers = count(live, "encoder.down_blocks.{}."), count(live, "encoder.down_blocks.0.resnets.{}.")
    named = _all(live, {b: a for a, b in vae_pairs(levels, layers)})
    return {key: _as_convolution(tensor) if _is_attention(key) else tensor for key, tensor in named.items()}


def vae_from_original(original: Mapping[str, Any]) -> dict[str, Any]:
    """The reverse of `vae_to_original`; keys without ``first_stage_model.``. Raises ``KeyError`` for an unknown key."""
    levels, layers = count(original, "encoder.down.{}."), count(original, "encoder.down.0.block.{}.")
    flat = {key: _as_matrix(tensor) if _is_attention(key) else tensor for key, tensor in original.items()}
    return _all(flat, dict(vae_pairs(levels, layers)))


def text_to_original(live: Mapping[str, Any]) -> dict[str, Any]:
    """A CLIP text encoder's state dict with the ``text_model.`` level that files keep and live modules lost."""
    named = {"text_model." + key.removeprefix("text_model."): tensor for key, tensor in live.items()}
    return {key: tensor for key, tensor in named.items() if not key.endswith("position_ids")}


def text_from_original(original: Mapping[str, Any]) -> dict[str, Any]:
    """The reverse of `text_to_original`; keys without ``cond_stage_model.transformer.``, ``position_ids`` left out."""
    named = {key.removeprefix("text_model."): tensor for key, tensor in original.items()}
    return {key: tensor for key, tensor in named.items() if not key.endswith("position_ids")}


_OPEN_CLIP = [
    ("token_embedding", "embeddings.token_embedding"),
    ("positional_embedding", "embeddings.position_embedding.weight"),
    ("ln_final", "final_layer_norm"),
]
_OPEN_CLIP_LAYER = [
    ("ln_1", "layer_norm1"),
    ("ln_2", "layer_norm2"),
    ("mlp.c_fc", "mlp.fc1"),
    ("mlp.c_proj", "mlp.fc2"),
    ("attn.out_proj", "self_attn.out_proj"),
]


def text_from_open_clip(original: Mapping[str, Any]) -> dict[str, Any]:
    """A text encoder's live state dict from OpenCLIP's layout (SD2's, and SDXL's second); its projection too.

    OpenCLIP keeps queries, keys and values in one matrix, and its projection transposed. Raises ``KeyError``.
    """
    layers = count(original, "transformer.resblocks.{}.")
    names = dict(_OPEN_CLIP)
    for n in range(layers):
        names |= {f"transformer.resblocks.{n}.{a}": f"encoder.layers.{n}.{b}" for a, b in _OPEN_CLIP_LAYER}
    live: dict[str, Any] = {}
    for key, tensor in original.items():
        if found := re.match(r"transformer\.resblocks\.(\d+)\.attn\.in_proj_(weight|bias)$", key):
            width = tensor.shape[0] // 3
            for place, part in enumerate("qkv"):
                name = f"encoder.layers.{found[1]}.self_attn.{part}_proj.{found[2]}"
                live[name] = tensor[place * width : (place + 1) * width]
        elif key == "text_projection":
            live["text_projection.weight"] = tensor.T
        elif key not in {"logit_scale", "attn_mask"}:
            live |= _all({key: tensor}, names)
    return live


def text_to_open_clip(live: Mapping[str, Any], stacked: Callable[[list[Any]], Any]) -> dict[str, Any]:
    """The reverse of `text_from_open_clip`. stacked: puts arrays one above the other, as ``numpy.concatenate`` does.

    Raises ``KeyError``."""
    live = text_from_original(live)
    names = {live_name: original for original, live_name in _OPEN_CLIP}
    for n in range(count(live, "encoder.layers.{}.")):
        names |= {f"encoder.layers.{n}.{b}": f"transformer.resblocks.{n}.{a}" for a, b in _OPEN_CLIP_LAYER}
    original: dict[str, Any] = {}
    for key, tensor in live.items():
        if found := re.match(r"encoder\.layers\.(\d+)\.self_attn\.([qkv])_proj\.(weight|bias)$", key):
            if found[2] == "q":
                whole = f"transformer.resblocks.{found[1]}.attn.in_proj_{found[3]}"
                original[whole] = stacked([live[key.replace(".q_proj.", f".{part}_proj.")] for part in "qkv"])
        elif key == "text_projection.weight":
            original["text_projection"] = tensor.T
        else:
            original |= _all({key: tensor}, names)
    return original


def to_original(unet: Mapping[str, Any], vae: Mapping[str, Any], text: Mapping[str, Any]) -> dict[str, Any]:
    """One SD1 checkpoint out of three live state dicts, ready for ``safetensors.torch.save_file``.

    Raises ``KeyError`` naming a key that has no place in the layout.
    """
    return (
        {UNET + key: tensor for key, tensor in unet_to_original(unet).items()}
        | {VAE + key: tensor for key, tensor in vae_to_original(vae).items()}
        | {TEXT + key: tensor for key, tensor in text_to_original(text).items()}
    )


def from_original(checkpoint: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """(UNet, autoencoder, text encoder) live state dicts of an SD1 checkpoint; other keys (EMA, betas) are left out.

    Raises ``KeyError`` naming a key that has no place in the layout.
    """
    return (
        unet_from_original(part(checkpoint, UNET)),
        vae_from_original(part(checkpoint, VAE)),
        text_from_original(part(checkpoint, TEXT)),
    )


def part(checkpoint: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The entries below ``prefix``, without it."""
    return {key[len(prefix) :]: tensor for key, tensor in checkpoint.items() if key.startswith(prefix)}


def _all(tensors: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    result = {}
    for key, tensor in tensors.items():
        if (name := renamed(key, names)) is None:
            raise KeyError(key)
        result[name] = tensor
    return result


def count(keys: Iterable[str], pattern: str) -> int:
    before, after = map(re.escape, pattern.split("{}"))
    return 1 + max((int(found[1]) for key in keys if (found := re.match(rf"{before}(\d+){after}", key))), default=-1)


def _is_attention(key: str) -> bool:
    return ".mid.attn_1." in key and key.endswith(".weight") and ".norm." not in key


def _as_convolution(matrix: Any) -> Any:
    return matrix.reshape(*matrix.shape, 1, 1) if len(matrix.shape) == 2 else matrix


def _as_matrix(weight: Any) -> Any:
    return weight.reshape(weight.shape[:2]) if len(weight.shape) == 4 else weight
