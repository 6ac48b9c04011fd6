"""How trainers name the modules that an adapter changes, brought to one form: kohya's, flattened.

``lora_unet_down_blocks_0_attentions_0_proj_in`` for the UNet, ``lora_te_…``, ``lora_te1_…``, ``lora_te2_…`` for text
encoders. A live module has several such names (by its own path and by its original one); `names_of` lists them, so
that nothing is ever guessed back from underscores.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from workers.bases import layout

_PREFIXES = ("base_model.model.", "diffusion_model.")
_PARTS = {
    "unet.": "lora_unet_",
    "text_encoder_2.": "lora_te2_",
    "text_encoder.": "lora_te_",
}
# Old diffusers files hang the factors on the attention's processor.
_PROCESSOR = re.compile(r"\.processor\.(to_q|to_k|to_v|to_out)$")
# Blocks that only transformers have, by the names of either trainer.
_TRANSFORMERS = re.compile(
    r"(?P<flux1>(double|single)_blocks[._]\d|single_transformer_blocks)"
    r"|(?P<sd3>joint_blocks[._]\d|transformer_blocks[._]\d+[._]attn[._]add_[qkv]_proj)"
)


def normal(module: str) -> str:
    """The flattened kohya name of a module as any trainer wrote it; already flattened ones come back unchanged."""
    if module.startswith("lora_"):
        return module
    if module.startswith("lycoris_"):
        return "lora_unet_" + module.removeprefix("lycoris_")
    for prefix in _PREFIXES:
        module = module.removeprefix(prefix)
    for prefix in _PREFIXES:
        module = module.replace(f".{prefix}", ".", 1) if module.startswith(tuple(_PARTS)) else module
    module = _PROCESSOR.sub(lambda found: f".{found[1]}" + (".0" if found[1] == "to_out" else ""), module)
    for start, flat in _PARTS.items():
        if module.startswith(start):
            path = module.removeprefix(start)
            if start != "unet." and not path.startswith("text_projection"):
                path = "text_model." + path.removeprefix("text_model.")
            return flat + path.replace(".", "_")
    return "lora_unet_" + module.replace(".", "_")


def part_of(module: str) -> str:
    """``unet``, ``text_encoder`` or ``text_encoder_2``, by a module's name as any trainer wrote it."""
    module = module.removeprefix("base_model.model.")
    if module.startswith(("lora_te2_", "text_encoder_2.")):
        return "text_encoder_2"
    return "text_encoder" if module.startswith(("lora_te", "text_encoder.")) else "unet"


def of_text(module: str) -> bool:
    """Whether a module is a text encoder's."""
    return module.startswith(("lora_te", "text_encoder", "base_model.model.text_encoder"))


def family_by_names(modules: Iterable[str]) -> str:
    """The family whose blocks are called as ``modules`` are, where that alone tells; else empty."""
    if found := _TRANSFORMERS.search("\n".join(modules)):
        return str(found.lastgroup)
    return ""


@cache
def _original() -> tuple[dict[str, str], ...]:
    """Live → original prefixes in SD1's and SD2's shape, and in SDXL's: they differ in an upsampler's number alone."""
    shapes = (layout.unet_pairs(4, 2), layout.unet_pairs(3, 2, {0, 1}))
    return tuple({live: original for original, live in pairs} for pairs in shapes)


@cache
def names_of(module: str) -> tuple[str, ...]:
    """Every flattened name of the live ``module``, such as ``unet.conv_in`` or ``text_encoder.final_layer_norm``."""
    part, path = module.split(".", 1)
    if part == "unet":
        originals = [layout.renamed(path, table) for table in _original()]
        paths = dict.fromkeys([path, *(original for original in originals if original)])
        return tuple("lora_unet_" + path.replace(".", "_") for path in paths)
    flat = path.removeprefix("text_model.").replace(".", "_")
    starts = ("lora_te2_",) if part == "text_encoder_2" else ("lora_te_", "lora_te1_")
    if flat.startswith("text_projection"):
        return tuple(f"{start}{level}{flat}" for start in starts for level in ("", "text_model_"))
    return tuple(f"{start}text_model_{flat}" for start in starts)
