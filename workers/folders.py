"""Folders of diffusers, as the hub asks for them and workers write them: what there may be in one."""

# The weights of a folder of diffusers, and the base families and kinds of which workers can write one.
WEIGHTS_ALONE = "diffusion_pytorch_model.safetensors"  # of what is one module: a ControlNet, a VAE
PIECES = (
    "text_encoder/model.safetensors",
    f"unet/{WEIGHTS_ALONE}",
    f"vae/{WEIGHTS_ALONE}",
    "text_encoder_2/model.safetensors",
    WEIGHTS_ALONE,
)
FAMILIES = ("sd1", "sd2", "sdxl")
KINDS = ("base", "controlnet", "vae")


def pieces(kind: str, family: str) -> tuple[str, ...]:
    """The weights that a folder of this kind may have."""
    if kind != "base":
        return (WEIGHTS_ALONE,)
    return PIECES[:4] if family == "sdxl" else PIECES[:3]
