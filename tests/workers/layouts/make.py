"""Write the layouts of real files, stripped to names and shapes: ``python -m tests.workers.layouts.make``.

Each ``<name>.json.gz`` beside this holds ``tensors`` (name → shape), ``metadata``, ``source`` and ``expect``: what
recognition must say of it. To add a case, add such a file.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diffusers import AutoencoderTiny, FluxTransformer2DModel, MotionAdapter, SD3Transformer2DModel
from transformers import T5Config, T5EncoderModel

from tests.workers.layouts.published import (
    KOALA_1B,
    KOALA_700M,
    NUMBERS,
    REFINER_UNET,
    SD1_UNET,
    SD2_UNET,
    SDXL_UNET,
    SSD_1B,
    UNET,
    VAE16,
    VEGA,
    X4_UNET,
    clip_l,
    compact,
    esrgan,
    flux,
    meta,
    motion,
    open_clip,
    sd3,
    sdxl_texts,
    shapes,
    taesd,
    under,
    unet,
    vae,
    vision,
)

HERE = Path(__file__).parent


def write(
    name: str,
    tensors: Mapping[str, tuple[int, ...]],
    source: str,
    metadata: dict[str, str] | None = None,
    **expect: Any,
) -> None:
    """``expect``: kind, family, variant, candidates, unclaimed and anything of the summary."""
    content = {"source": source, "expect": expect, "metadata": metadata or {}, "tensors": tensors}
    raw = json.dumps(content, indent=0, sort_keys=False).encode()
    with (HERE / f"{name}.json.gz").open("wb") as file, gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed:
        packed.write(raw)


def main() -> None:
    sd1, sd2, sdxl = (unet(**config) for config in (SD1_UNET, SD2_UNET, SDXL_UNET))
    kl, text, h = vae(), clip_l(), open_clip(1024, 24, "cond_stage_model.model.")
    xl = kl | sdxl_texts()
    base, source = "base", "diffusers UNet2DConditionModel, transformers CLIPTextModel, original names"
    write("sd1", sd1 | kl | text | NUMBERS, source, kind=base, family="sd1", variant="")
    ema = {f"model_ema.{key.replace('.', '')}": shape for key, shape in under("", sd1).items()}
    write("sd1-full", sd1 | ema | kl | text, source, kind=base, family="sd1", variant="", size_kind="full")
    write(
        "sd1-inpainting",
        unet(**SD1_UNET, in_channels=9) | kl | text,
        source,
        kind=base,
        family="sd1",
        variant="inpainting",
    )
    write(
        "sd1-pix2pix",
        unet(**SD1_UNET, in_channels=8) | kl | text,
        source,
        kind=base,
        family="sd1",
        variant="instruct-pix2pix",
    )
    write("sd1-unet-only", sd1, source, kind=base, family="sd1", variant="", missing=["VAE", "text encoder"])
    write(
        "sd1-diffusers-unet",
        unet(False, **SD1_UNET),
        "diffusers names",
        kind=base,
        family="sd1",
        variant="",
        layout="diffusers",
    )
    write(
        "sd1-lcm-diffusers-unet",
        unet(False, **SD1_UNET, time_cond_proj_dim=256),
        "diffusers names",
        kind=base,
        family="sd1",
        variant="lcm",
    )
    write(
        "sd2",
        sd2 | kl | h,
        source,
        kind=base,
        family="sd2",
        variant="",
        asks=f"{UNET}output_blocks.11.1.transformer_blocks.0.norm1.bias",
    )
    write(
        "sd2-v-by-metadata",
        sd2 | kl | h,
        source,
        {"modelspec.prediction_type": "v"},
        kind=base,
        family="sd2",
        variant="v-prediction",
        prediction="v",
    )
    write(
        "sd2-inpainting",
        unet(**SD2_UNET, in_channels=9) | kl | h,
        source,
        kind=base,
        family="sd2",
        variant="inpainting",
        prediction="epsilon",
    )
    write(
        "sd2-depth",
        unet(**SD2_UNET, in_channels=5) | kl | h,
        source,
        kind=base,
        family="sd2",
        variant="depth",
        prediction="epsilon",
    )
    write("sd2-x4-upscaler", unet(**X4_UNET) | h, source, kind=base, family="sd2", variant="upscaler", prediction="v")
    write(
        "sd2-diffusers-unet",
        unet(False, **SD2_UNET),
        "diffusers names",
        kind=base,
        family="sd2",
        variant="",
        asks="up_blocks.3.attentions.2.transformer_blocks.0.norm1.bias",
    )
    write("sdxl", sdxl | xl, source, kind=base, family="sdxl", variant="")
    write(
        "sdxl-v-prediction",
        sdxl | xl | {"v_pred": (), "ztsnr": ()},
        source,
        kind=base,
        family="sdxl",
        variant="v-prediction",
        prediction="v",
    )
    write(
        "sdxl-inpainting", unet(**SDXL_UNET, in_channels=9) | xl, source, kind=base, family="sdxl", variant="inpainting"
    )
    write(
        "sdxl-pix2pix",
        unet(**SDXL_UNET, in_channels=8) | xl,
        source,
        kind=base,
        family="sdxl",
        variant="instruct-pix2pix",
    )
    write(
        "sdxl-refiner",
        unet(**REFINER_UNET) | kl | open_clip(1280, 32, "conditioner.embedders.0.model."),
        source,
        kind=base,
        family="sdxl",
        variant="refiner",
    )
    write(
        "playground-2.5",
        sdxl | xl | {"edm_mean": (1, 4, 1, 1), "edm_std": (1, 4, 1, 1)},
        source,
        kind=base,
        family="playgroundv2",
        variant="2.5",
        prediction="edm",
    )
    for name, config in {"ssd-1b": SSD_1B, "vega": VEGA, "koala-700m": KOALA_700M, "koala-1b": KOALA_1B}.items():
        write(name, unet(**config) | xl, "SDXL's UNet at the published depths", kind=base, family="sdxl", variant=name)
    write("sdxl-diffusers-unet", unet(False, **SDXL_UNET), "diffusers names", kind=base, family="sdxl", variant="")
    write(
        "kolors-diffusers-unet",
        unet(
            False,
            **SDXL_UNET
            | {
                "projection_class_embeddings_input_dim": 5632,
                "encoder_hid_dim": 4096,
                "encoder_hid_dim_type": "text_proj",
            },
        ),
        "diffusers names",
        kind=base,
        family="kolors",
        variant="",
    )
    medium, texts3 = sd3(24, 36864), clip_l("text_encoders.clip_l.transformer.")
    write(
        "sd3-medium",
        under(UNET, medium) | vae(**VAE16) | texts3,
        "formula, read back by diffusers",
        kind=base,
        family="sd3",
        variant="",
    )
    write(
        "sd3.5-medium",
        under(UNET, sd3(24, 147456, 13, True)),
        "formula, read back by diffusers",
        kind=base,
        family="sd3",
        variant="3.5-medium",
    )
    write(
        "sd3.5-large",
        sd3(38, 36864, 0, True),
        "formula, read back by diffusers",
        kind=base,
        family="sd3",
        variant="3.5-large",
    )
    live3 = meta(
        SD3Transformer2DModel,
        num_layers=24,
        num_attention_heads=24,
        caption_projection_dim=1536,
        pos_embed_max_size=192,
    )
    write("sd3-diffusers", shapes(live3), "diffusers names", kind=base, family="sd3", variant="", layout="diffusers")
    dev = flux(True, 64)
    write("flux-dev", dev, "formula, read back by diffusers", kind=base, family="flux1", variant="dev")
    write(
        "flux-dev-checkpoint",
        under(UNET, dev) | vae(prefix="vae.", **VAE16) | texts3,
        "as ComfyUI saves",
        kind=base,
        family="flux1",
        variant="dev",
        missing=[],
    )
    write(
        "flux-schnell", flux(False, 64), "formula, read back by diffusers", kind=base, family="flux1", variant="schnell"
    )
    write("flux-fill", flux(True, 384), "formula, read back by diffusers", kind=base, family="flux1", variant="fill")
    write(
        "flux-control", flux(True, 128), "formula, read back by diffusers", kind=base, family="flux1", variant="control"
    )
    write(
        "flux-depth",
        flux(True, 128),
        "formula, read back by diffusers",
        {"modelspec.title": "FLUX.1 Depth dev"},
        kind=base,
        family="flux1",
        variant="depth",
    )
    write(
        "flux-dev-diffusers",
        shapes(meta(FluxTransformer2DModel, guidance_embeds=True)),
        "diffusers names",
        kind=base,
        family="flux1",
        variant="dev",
    )
    write(
        "vae",
        vae(prefix=""),
        "diffusers AutoencoderKL, original names",
        kind="vae",
        family="",
        candidates=["sd1", "sd2", "sdxl"],
    )
    write(
        "vae-sdxl-by-metadata",
        vae(prefix=""),
        "the same",
        {"modelspec.architecture": "stable-diffusion-xl-v1-base/vae"},
        kind="vae",
        family="sdxl",
        candidates=["sd1", "sd2", "sdxl"],
    )
    write("vae-first-stage", kl, "the same", kind="vae", family="", candidates=["sd1", "sd2", "sdxl"])
    write("vae-diffusers", vae(False), "diffusers names", kind="vae", family="", layout="diffusers", channels=4)
    write(
        "vae-16",
        vae(prefix="", **VAE16),
        "original names",
        kind="vae",
        family="",
        candidates=["sd3", "flux1"],
        channels=16,
    )
    write("taesd-encoder", taesd(4, "encoder"), "madebyollin/taesd", kind="taesd", family="", channels=4)
    write("taesd-decoder", taesd(4, "decoder"), "madebyollin/taesd", kind="taesd", family="", channels=4)
    write(
        "taef1-decoder", taesd(16, "decoder"), "madebyollin/taesd", kind="taesd", family="", candidates=["sd3", "flux1"]
    )
    write(
        "taesd-diffusers",
        shapes(meta(AutoencoderTiny)),
        "diffusers AutoencoderTiny",
        kind="taesd",
        family="",
        channels=4,
    )
    for version in ("v1", "v2", "v3", "sdxl"):
        family, variant = ("sdxl", "sdxl-beta") if version == "sdxl" else ("sd1", version)
        write(
            f"motion-{version}",
            motion(version),
            "diffusers MotionAdapter, original names",
            kind="motion_module",
            family=family,
            variant=variant,
        )
    live_motion = shapes(meta(MotionAdapter, use_motion_mid_block=False))
    write("motion-diffusers", live_motion, "diffusers names", kind="motion_module", family="sd1", variant="v3")
    write("esrgan-x4", esrgan(), "Real-ESRGAN", kind="upscaler", family="", architecture="ESRGAN", scale=4)
    write("compact-x4", compact(), "Real-ESRGAN", kind="upscaler", family="", architecture="Compact", scale=4)
    write(
        "clip-l",
        clip_l(""),
        "transformers CLIPTextModel",
        kind="text_encoder",
        family="",
        candidates=["sd1", "sdxl", "sd3", "flux1"],
    )
    write(
        "open-clip-h",
        open_clip(1024, 24, ""),
        "open_clip",
        kind="text_encoder",
        family="sd2",
        architecture="OpenCLIP-H",
    )
    t5 = T5Config(
        d_model=4096, d_kv=64, d_ff=10240, num_layers=24, num_heads=64, feed_forward_proj="gated-gelu", vocab_size=32128
    )
    write(
        "t5-xxl",
        shapes(meta(T5EncoderModel, config=t5)),
        "transformers T5EncoderModel",
        kind="text_encoder",
        family="",
        architecture="T5-XXL",
    )
    write(
        "clip-vision-h",
        vision(),
        "transformers CLIPVisionModelWithProjection",
        kind="vision_encoder",
        family="",
        architecture="CLIP ViT-H",
    )


if __name__ == "__main__":
    main()
