"""What the files of all base families have in common, read from names and shapes alone.

Checkpoints come as their trainers wrote them (``model.diffusion_model.…`` beside ``first_stage_model.…``), as that
UNet or transformer alone, or under diffusers' names. What a Stable Diffusion UNet's shapes say is read once, by `unet`,
and each family decides by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from workers.plugins import Header, Match

UNET = "model.diffusion_model."
# Channels of the picture that the UNet reads, and what such a model is for; 4 is the usual.
INPUTS = {9: "inpainting", 8: "instruct-pix2pix", 5: "depth", 7: "upscaler"}
ORIGINAL_ROOTS = ("input_blocks", "middle_block", "output_blocks", "time_embed", "label_emb", "out")
DIFFUSERS_ROOTS = (
    "conv_in", "conv_norm_out", "conv_out", "down_blocks", "mid_block", "up_blocks", "time_embedding", "add_embedding",
    "class_embedding",
)  # fmt: skip
PARTS = {
    "VAE": ("first_stage_model", "vae"),
    "text encoder": ("cond_stage_model", "conditioner", "text_encoders", "text_encoder", "text_encoder_2"),
}
# Beside the parts, training tools leave their own numbers in a checkpoint; they are known, and not drawn with. Some
# kinds of SD2 bring a part of their own: what embeds a picture (unclip), its depth, its small form (the upscaler).
BESIDE = (
    "model_ema", "loss", "optimizer_states", "betas", "alphas_cumprod", "alphas_cumprod_prev", "sqrt_alphas_cumprod",
    "sqrt_one_minus_alphas_cumprod", "sqrt_recip_alphas_cumprod", "sqrt_recipm1_alphas_cumprod",
    "log_one_minus_alphas_cumprod", "posterior_variance", "posterior_log_variance_clipped", "posterior_mean_coef1",
    "posterior_mean_coef2", "logvar", "denoiser", "lvlb_weights", "v_pred", "ztsnr", "global_step", "edm_mean",
    "edm_std", "edm_vpred", "embedder", "noise_augmentor", "depth_model", "low_scale_model", "scale_factor",
)  # fmt: skip
# UNets of films have these beside a picture's.
_OF_FILMS = (
    f"{UNET}input_blocks.1.0.time_stack.in_layers.0.weight",
    "down_blocks.0.resnets.0.spatial_res_block.norm1.weight",
    "transformer_in.norm.weight",
)
# Of these the root is not the first part of the name but the one below.
_DEEPER = (UNET, "unet.", "transformer.", "model.")


@dataclass(frozen=True)
class UNet:
    """A Stable Diffusion UNet as its shapes tell it.

    prefix: what stands before its keys. diffusers: whether they have diffusers' names. channels: of the picture that
    it reads. width: of its first level. context: numbers a token. label: width of what is embedded beside the time
    step; 0 where there is nothing. depths: transformer blocks in each layer of the way down. guided: it is told its
    guidance (LCM).
    """

    prefix: str
    diffusers: bool
    channels: int
    width: int
    context: int
    label: int
    depths: tuple[int, ...]
    guided: bool


def roots(header: Header) -> Mapping[str, list[str]]:
    """Keys by the first part of their name; below a UNet's or transformer's prefix, by the part after it."""
    return header.shared("roots", _roots)


def _roots(header: Header) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    last, keys = "\0", []  # names come in order, so most stand below the root of the one before
    for key in header.tensors:
        if not key.startswith(last):
            root = _root(key)
            keys = found.setdefault(root, [])
            last = "\0" if f"{root}." in _DEEPER else f"{root}."
        keys.append(key)
    return found


def _root(key: str) -> str:
    start = 0
    if key.startswith(_DEEPER):
        start = next(len(prefix) for prefix in _DEEPER if key.startswith(prefix))
    end = key.find(".", start)
    return key if end < 0 else key[:end]


def unet(header: Header) -> UNet | None:
    """The Stable Diffusion UNet in this file; None where there is none, or only the half of one (a ControlNet)."""
    return header.shared("unet", _unet)


def _unet(header: Header) -> UNet | None:
    if any(key in header for key in _OF_FILMS):
        return None
    for prefix in (UNET, ""):
        first = header.shape(f"{prefix}input_blocks.0.0.weight")
        if first and len(first) == 4 and f"{prefix}out.2.weight" in header:
            layers = [(f"{prefix}input_blocks.{n}.0.in_layers.0", f"{prefix}input_blocks.{n}.1.") for n in range(1, 12)]
            return UNet(
                prefix,
                False,
                channels=first[1],
                width=first[0],
                context=_context(header, layers),
                label=_reads(header, f"{prefix}label_emb.0.0.weight"),
                depths=_depths(header, layers),
                guided=False,
            )
    for prefix in ("unet.", ""):
        first = header.shape(f"{prefix}conv_in.weight")
        if not first or len(first) != 4 or f"{prefix}conv_out.weight" not in header:
            continue
        if f"{prefix}time_embedding.linear_1.weight" in header:
            blocks = [(f"{prefix}down_blocks.{level}.", layer) for level in range(4) for layer in range(3)]
            layers = [(f"{block}resnets.{layer}.norm1", f"{block}attentions.{layer}.") for block, layer in blocks]
            return UNet(
                prefix,
                True,
                channels=first[1],
                width=first[0],
                context=_context(header, layers),
                label=_reads(header, f"{prefix}add_embedding.linear_1.weight"),
                depths=_depths(header, layers),
                guided=f"{prefix}time_embedding.cond_proj.weight" in header,
            )
    return None


def _context(header: Header, layers: Iterable[tuple[str, str]]) -> int:
    """What the first cross-attention's keys are made from; 0 where there is none."""
    for _, attention in layers:
        if width := _reads(header, f"{attention}transformer_blocks.0.attn2.to_k.weight"):
            return width
    return 0


def _reads(header: Header, key: str) -> int:
    shape = header.shape(key)
    return shape[1] if shape and len(shape) == 2 else 0


def _depths(header: Header, layers: Iterable[tuple[str, str]]) -> tuple[int, ...]:
    """Transformer blocks of each layer that is there: (first norm of its residual, its attention)."""
    there = [attention for norm, attention in layers if f"{norm}.weight" in header]
    return tuple(_blocks(header, f"{attention}transformer_blocks.") for attention in there)


def _blocks(header: Header, prefix: str) -> int:
    return next(n for n in count() if f"{prefix}{n}.attn2.to_k.weight" not in header)


def prediction(header: Header) -> tuple[str, str]:
    """(what the model predicts: ``v``, ``epsilon``, ``edm``; who says so: its tensors or its metadata), or empty."""
    if "edm_mean" in header and "edm_std" in header:
        return "edm", "tensors"
    if "edm_vpred.sigma_max" in header or "v_pred" in header:
        return "v", "tensors"
    told = header.metadata.get("modelspec.prediction_type", "").lower()[:20]
    if told in {"v", "v_prediction", "v-prediction", "vpred"}:
        return "v", "metadata"
    return ("epsilon", "metadata") if told in {"epsilon", "eps"} else ("", "")


@dataclass(frozen=True)
class Found:
    """What a family says of a file that is its own, to be claimed by `claim`."""

    family: str
    variant: str = ""
    summary: Mapping[str, Any] = field(default_factory=dict)
    asks: str = ""


def claim_unet(header: Header, found: UNet, said: Found) -> Match:
    """The claim on a Stable Diffusion checkpoint, in the variant that its input or its guidance says, or ``said``."""
    variant = INPUTS.get(found.channels, "lcm" if found.guided else said.variant)
    summary = {"channels": found.channels, "width": found.width, "context": found.context} | dict(said.summary)
    own = DIFFUSERS_ROOTS if found.diffusers else ORIGINAL_ROOTS
    if found.diffusers and f"{found.prefix}encoder_hid_proj.weight" in header:
        own = (*own, "encoder_hid_proj")
    return claim(header, found.prefix, own, Found(said.family, variant, summary, said.asks), diffusers=found.diffusers)


def claim(header: Header, prefix: str, own: Iterable[str], said: Found, *, diffusers: bool = False) -> Match:
    """The claim on a base: its own roots below ``prefix``, the parts that it carries, and which are missing."""
    grouped = roots(header)
    wanted = {prefix + root for root in own}.union(BESIDE, *PARTS.values())
    claimed = frozenset().union(*(keys for root, keys in grouped.items() if root in wanted))
    summary: dict[str, Any] = dict(said.summary)
    summary["missing"] = [name for name, starts in PARTS.items() if not grouped.keys() & set(starts)]
    if diffusers:
        summary["layout"] = "diffusers"
    if ("prediction" not in summary) and (told := prediction(header))[0]:
        summary["prediction"], summary["prediction_from"] = told
    return Match(claimed, base=said.family, variant=said.variant, summary=summary, asks=said.asks)
