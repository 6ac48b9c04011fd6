"""What the files of all Stable Diffusion families have in common, read from names and shapes alone."""

from __future__ import annotations

import re

from workers.plugins import Header, Match

UNET = "model.diffusion_model."
# Channels of the picture that the UNet reads, and what such a model is for; 4 is the usual.
INPUTS = {9: "inpainting", 8: "instruct-pix2pix", 5: "depth", 7: "upscaler"}
PARTS = {
    "VAE": ("first_stage_model.",),
    "text encoder": ("cond_stage_model.", "conditioner.embedders."),
}
# Beside the three parts, training tools leave their own numbers in a checkpoint; they are known, and not drawn with.
_BESIDE = re.compile(
    r"^(model_ema\.|loss\.|optimizer|betas$|alphas_cumprod|sqrt_|log_one_minus|posterior_|logvar$|denoiser\.sigmas$"
    r"|lvlb_weights$|cond_stage_model\.logit_scale$|v_pred$|ztsnr$|global_step$|edm_)"
)


def prefix_of(header: Header) -> str | None:
    """What stands before ``input_blocks.…`` in this file; None where it holds no UNet in the original layout."""
    for prefix in (UNET, ""):
        if f"{prefix}input_blocks.0.0.weight" in header and f"{prefix}out.2.weight" in header:
            return prefix
    return None


def context_width(header: Header, prefix: str) -> int | None:
    """How many numbers a token's context has, by the first cross-attention's keys."""
    for block in (1, 2, 4, 5, 7, 8):
        shape = header.shape(f"{prefix}input_blocks.{block}.1.transformer_blocks.0.attn2.to_k.weight")
        if shape and len(shape) == 2:
            return shape[1]
    return None


def claim(header: Header, prefix: str, family: str, variant: str) -> Match:
    """The claim on a checkpoint: every key of the three parts, and which parts are missing."""
    starts = tuple(start for part in PARTS.values() for start in part)
    claimed = frozenset(key for key in header if key.startswith(prefix) or key.startswith(starts) or _BESIDE.match(key))
    channels = (header.shape(f"{prefix}input_blocks.0.0.weight") or (0, 4))[1]
    summary = {
        "channels": channels,
        "width": (header.shape(f"{prefix}input_blocks.0.0.weight") or (0,))[0],
        "context": context_width(header, prefix),
        "parameters": sum(_count(header.tensors[key].shape) for key in header),
        "missing": [name for name, starts in PARTS.items() if not any(key.startswith(starts) for key in header)],
    }
    return Match(claimed, base=family, variant=INPUTS.get(channels, variant), summary=summary)


def _count(shape: tuple[int, ...]) -> int:
    total = 1
    for size in shape:
        total *= size
    return total
