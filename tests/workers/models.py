"""Headers of real kinds of files, at a few hundred bytes a tensor: the names and shapes that decide whose they are."""

from tests.workers.files import made


def lora(width: int = 768, rank: int = 2, metadata: dict[str, str] | None = None, **more: list[int]) -> bytes:
    """A kohya LoRA on one cross-attention that reads ``width``, and whatever tensors are added."""
    module = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    keys = {
        f"{module}.lora_down.weight": [rank, width],
        f"{module}.lora_up.weight": [320, rank],
        f"{module}.alpha": [1],
    }
    return made.shapes(keys | more, metadata)


def textual_inversion(width: int = 768) -> bytes:
    return made.shapes({"emb_params": [2, width]})


def hypernetwork(width: int = 768) -> bytes:
    keys = {f"hn.{width}.{stream}.linear.{n}.weight": [2, 2] for stream in "kv" for n in (0, 1)}
    return made.shapes(keys, {"layer_structure": "[1, 2, 1]", "activation_func": "linear"})


def checkpoint(width: int = 768, **more: list[int]) -> bytes:
    """An SD1 or SD2 checkpoint's telling tensors: UNet, VAE and text encoder in the original layout."""
    unet = "model.diffusion_model."
    return made.shapes(
        {
            f"{unet}input_blocks.0.0.weight": [32, 4, 3, 3],
            f"{unet}input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": [4, width],
            f"{unet}input_blocks.1.1.proj_in.weight": [4, 4] if width == 1024 else [4, 4, 1, 1],
            f"{unet}out.2.weight": [4, 32, 3, 3],
            "first_stage_model.decoder.conv_in.weight": [4, 4, 3, 3],
            "cond_stage_model.transformer.text_model.final_layer_norm.weight": [4],
        }
        | more
    )


def sdxl() -> bytes:
    unet = "model.diffusion_model."
    return made.shapes(
        {
            f"{unet}input_blocks.0.0.weight": [32, 4, 3, 3],
            f"{unet}input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight": [4, 2048],
            f"{unet}label_emb.0.0.weight": [4, 2816],
            f"{unet}out.2.weight": [4, 32, 3, 3],
        }
    )
