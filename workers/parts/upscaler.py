"""Upscalers and restorers: networks from pixels to pixels, told apart by a few telling keys each.

The families are those that spandrel 0.4 opens; all are asked in this order, the particular before the general.
"""

from __future__ import annotations

from functools import cache

from workers.plugins import Header, Match

_SWIN = "layers.0.residual_group.blocks.0.attn."
TELLING: dict[str, tuple[tuple[str, ...], ...]] = {
    "ESRGAN": (
        ("model.0.weight", "model.1.sub.0.RDB1.conv1.0.weight"),
        ("conv_first.weight", "body.0.rdb1.conv1.weight", "conv_body.weight"),
        ("conv_first.weight", "RRDB_trunk.0.RDB1.conv1.weight", "trunk_conv.weight"),
        ("model.0.weight", "model.1.sub.0.RDB1.conv1x1.weight"),
    ),
    "HAT": (("conv_first.weight", "layers.0.residual_group.overlap_attn.relative_position_bias_table"),),
    "Swin2SR": (("conv_first.weight", f"{_SWIN}logit_scale"),),
    "SwinIR": (
        (f"{_SWIN}relative_position_bias_table", "conv_first.weight"),
        (f"{_SWIN}relative_position_bias_table", "conv_first.1.weight"),
    ),
    "DAT": (("conv_first.weight", "before_RG.1.weight", "layers.0.blocks.0.attn.dwconv.0.weight"),),
    "RGT": (("conv_first.weight", "before_RG.1.weight", "layers.0.blocks.0.gamma"),),
    "DRCT": (("conv_first.weight", "layers.0.swin1.attn.relative_position_bias_table"),),
    "ATD": (("conv_first.weight", "layers.0.residual_group.td"),),
    "GRL": (("conv_first.weight", "layers.0.blocks.0.attn.window_attn.attn_transform.logit_scale"),),
    "CRAFT": (("conv_first.weight", "layers.0.residual_group.hf_blocks.0.attn.temperature"),),
    "OmniSR": (("residual_layer.0.residual_layer.0.layer.0.fn.0.weight", "up.0.weight"),),
    "SPAN": (("conv_1.sk.weight", "block_1.c1_r.sk.weight"),),
    "PLKSR": (("feats.0.weight", "feats.1.refine.weight"),),
    "SAFMN": (("to_feat.weight", "feats.0.safm.mfr.0.weight"),),
    "MoSR": (("gblocks.0.weight", "gblocks.1.fc1.weight"),),
    "MoESR": (("in_to_dim.weight", "blocks.0.blocks.0.gamma"),),
    "SeemoRe": (("conv_1.weight", "body.0.local_block.norm_1.weight"),),
    "RealCUGAN": (("unet1.conv1.conv.0.weight", "unet2.conv1.conv.0.weight"),),
    "RCAN": (("tail.1.weight", "body.0.body.0.body.3.conv_du.0.weight"),),
    "DITN": (("sft.weight", "UFONE.0.ITLs.0.attn.temperature"),),
    "SwiftSRGAN": (("initial.cnn.depthwise.weight", "final_conv.pointwise.weight"),),
    "AuraSR": (("mid_attn.layers.0.0.to_out.weight", "final_res_block.block1.proj.weights"),),
    "SCUNet": (("m_head.0.weight", "m_tail.0.weight"),),
    "FBCNN": (("m_head.weight", "qf_pred.0.res.0.weight"),),
    "DRUNet": (("m_head.weight", "m_body.0.res.0.weight"),),
    "NAFNet": (("intro.weight", "ending.weight", "middle_blks.0.beta"),),
    "GFPGAN": (("toRGB.0.weight", "stylegan_decoder.style_mlp.1.weight"),),
    "CodeFormer": (("quantize.embedding.weight", "position_emb", "ft_layers.0.self_attn.in_proj_weight"),),
    "LaMa": (("model.model.1.bn_l.running_mean",), ("generator.model.1.bn_l.running_mean",)),
    "Compact": (("body.0.weight", "body.1.weight"),),
}
# What some trainers save around it.
PREFIXES = ("", "params_ema.", "params.", "module.")
# Where a network upscales by shuffling pixels, its last convolution has three channels for each of scale × scale.
ENDS = ("upsampler.0", "up.0", "upsample.0", "to_img.0")


class Upscaler:
    slug = "upscaler"
    label = "Upscaler"

    def recognise(self, header: Header) -> Match | None:
        """The first family all of whose telling keys are there; the file's keys are not checked further."""
        if len(header.tensors) > 5000 or header.tensors.keys().isdisjoint(_first()):
            return None
        for family, kinds in TELLING.items():
            for keys in kinds:
                for prefix in PREFIXES:
                    if all(prefix + key in header for key in keys):
                        if family == "Compact" and not _is_compact(header, prefix):
                            continue
                        summary: dict[str, object] = {"architecture": family}
                        if scale := _scale(header, prefix, family):
                            summary["scale"] = scale
                        return Match(frozenset(header), summary=summary)
        return None


@cache
def _first() -> frozenset[str]:
    """The first telling key of every kind: a file without any of them is told from upscalers at once."""
    kinds = (keys for kinds in TELLING.values() for keys in kinds)
    return frozenset(prefix + keys[0] for keys in kinds for prefix in PREFIXES)


def _is_compact(header: Header, prefix: str) -> bool:
    """``body.0`` and ``body.1`` are common names; here a convolution from colours and its slopes."""
    first, slopes = header.shape(f"{prefix}body.0.weight"), header.shape(f"{prefix}body.1.weight")
    plain = all(key.startswith(f"{prefix}body.") for key in header)
    return bool(plain and first and slopes and len(first) == 4 and first[1] in (1, 3, 4) and slopes == (first[0],))


def _scale(header: Header, prefix: str, family: str) -> int:
    """By how much it enlarges, where a shape says so; 0 elsewhere."""
    if family == "Compact":
        last = max(int(key.split(".")[-2]) for key in header if key.endswith(".weight"))
        ends = [f"body.{last}"]
    elif family == "ESRGAN":
        if f"{prefix}conv_first.weight" not in header:
            return 0
        ups = sum(1 for n in (1, 2, 3) if {f"{prefix}conv_up{n}.weight", f"{prefix}upconv{n}.weight"} & set(header))
        reads = (header.shape(f"{prefix}conv_first.weight") or (0, 3))[1]
        return 2**ups // {12: 2, 48: 4}.get(reads, 1)  # smaller scales read shuffled pixels
    else:
        ends = [end for end in ENDS if f"{prefix}{end}.weight" in header]
    for end in ends:
        shape = header.shape(f"{prefix}{end}.weight")
        for scale in (1, 2, 3, 4, 8):
            if shape and shape[0] == 3 * scale * scale:
                return scale
    return 0


part = Upscaler()
