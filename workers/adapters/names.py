"""How trainers name the modules that a LoRA changes, brought to one form: kohya's, flattened.

``lora_unet_down_blocks_0_attentions_0_proj_in`` for the UNet, ``lora_te_…``, ``lora_te1_…``, ``lora_te2_…`` for text
encoders. A live module has several such names (by its own path and by its original one); `names_of` lists them, so
that nothing is ever guessed back from underscores.
"""

from __future__ import annotations

import re
from functools import cache

from workers.bases import layout

_PREFIXES = ("base_model.model.", "diffusion_model.")
_PARTS = {
    "unet.": "lora_unet_",
    "text_encoder_2.": "lora_te2_",
    "text_encoder.": "lora_te_",
}
# Old diffusers files hang the factors on the attention's processor.
_PROCESSOR = re.compile(r"\.processor\.(to_q|to_k|to_v|to_out)_lora$")


def normal(module: str) -> str:
    """The flattened kohya name of a module as any trainer wrote it; already flattened ones come back unchanged."""
    if module.startswith("lora_"):
        return module
    for prefix in _PREFIXES:
        module = module.removeprefix(prefix)
    for prefix in _PREFIXES:
        module = module.replace(f".{prefix}", ".", 1) if module.startswith(tuple(_PARTS)) else module
    module = _PROCESSOR.sub(lambda found: f".{found[1]}" + (".0" if found[1] == "to_out" else ""), module)
    for start, flat in _PARTS.items():
        if module.startswith(start):
            path = module.removeprefix(start)
            if start != "unet.":
                path = "text_model." + path.removeprefix("text_model.")
            return flat + path.replace(".", "_")
    return "lora_unet_" + module.replace(".", "_")


@cache
def _original(levels: int, layers: int) -> dict[str, str]:
    return {live: original for original, live in layout.unet_pairs(levels, layers)}


@cache
def names_of(module: str) -> tuple[str, ...]:
    """Every flattened name of the live ``module``, such as ``unet.conv_in`` or ``text_encoder.final_layer_norm``."""
    part, path = module.split(".", 1)
    if part == "unet":
        names = ["lora_unet_" + path.replace(".", "_")]
        if original := layout.renamed(path, _original(4, 2)):
            names.append("lora_unet_" + original.replace(".", "_"))
        return tuple(names)
    flat = "text_model_" + path.removeprefix("text_model.").replace(".", "_")
    if part == "text_encoder_2":
        return (f"lora_te2_{flat}",)
    return (f"lora_te_{flat}", f"lora_te1_{flat}")
