"""Every family in its true topology and layout, at tiny widths with random weights: opened from one file, and drawn."""

from functools import cache

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from tests.workers.engine.test_draw import recipe
from workers.adapters import ADAPTERS
from workers.bases import BASES, layout, shapes
from workers.engine.draw import draw
from workers.engine.edits import applied

CPU = torch.device("cpu")


@cache
def unet(levels, context, *, channels=4, label=0):
    """levels: (width, depth) of each."""
    torch.manual_seed(1)
    more = {}
    if label:
        more = {"addition_embed_type": "text_time", "addition_time_embed_dim": 8}
        more |= {"projection_class_embeddings_input_dim": label}
    return UNet2DConditionModel(
        in_channels=channels,
        block_out_channels=[width for width, _ in levels],
        down_block_types=["CrossAttnDownBlock2D" if depth else "DownBlock2D" for _, depth in levels],
        up_block_types=["CrossAttnUpBlock2D" if depth else "UpBlock2D" for _, depth in reversed(levels)],
        transformer_layers_per_block=[depth or 1 for _, depth in levels],
        attention_head_dim=[width // 64 for width, _ in levels],
        cross_attention_dim=context,
        use_linear_projection=True,
        **more,
    )


@cache
def vae():
    torch.manual_seed(2)
    return AutoencoderKL(
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        block_out_channels=[32] * 4,
        layers_per_block=2,
        latent_channels=4,
    )


@cache
def text(width, *, layers=3, projection=0):
    torch.manual_seed(width)
    config = CLIPTextConfig(
        vocab_size=49408,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=max(1, width // 64),
        hidden_act="gelu",
        projection_dim=projection or width,
    )
    return CLIPTextModelWithProjection(config) if projection else CLIPTextModel(config)


def open_clip(live):
    """A live encoder's tensors as OpenCLIP names them."""
    told, names = {}, {b: a for a, b in layout._OPEN_CLIP} | {b: a for a, b in layout._OPEN_CLIP_LAYER}
    live = {key.removeprefix("text_model."): tensor for key, tensor in live.items()}
    for key, tensor in live.items():
        if ".q_proj." in key:
            parts = [live[key.replace(".q_proj.", f".{part}_proj.")] for part in "qkv"]
            layer, end = key.split(".")[2], key.rsplit(".", 1)[1]
            told[f"transformer.resblocks.{layer}.attn.in_proj_{end}"] = torch.cat(parts)
        elif key == "text_projection.weight":
            told["text_projection"] = tensor.T.contiguous()
        elif key.startswith("encoder.layers.") and "_proj." not in key.replace("out_proj", "out"):
            _, _, layer, *path = key.split(".")
            told[f"transformer.resblocks.{layer}.{layout.renamed('.'.join(path), names)}"] = tensor
        elif not key.startswith("encoder."):
            told[layout.renamed(key, names)] = tensor
    return told


def test_our_own_writer_of_open_clip_says_the_same():
    live = text(128, projection=64).state_dict()
    wanted, written = open_clip(live), layout.text_to_open_clip(live, torch.cat)
    assert written.keys() == wanted.keys()
    assert all(torch.equal(written[key], tensor) for key, tensor in wanted.items())


def prefixed(prefix, tensors):
    return {prefix + key: tensor.contiguous() for key, tensor in tensors.items()}


def pictures(unet):
    return prefixed(layout.UNET, layout.unet_to_original(unet.state_dict())) | prefixed(
        layout.VAE, layout.vae_to_original(vae().state_dict())
    )


FOUR, THREE = ((64, 1), (128, 1), (128, 1), (128, 0)), ((64, 0), (64, 2), (128, 3))


def sd2(channels=4):
    encoder = text(1024, layers=2)
    return pictures(unet(FOUR, 1024, channels=channels)) | prefixed(
        "cond_stage_model.model.", open_clip(encoder.state_dict())
    )


def sdxl(channels=4):
    large = text(128, projection=64)
    return (
        pictures(unet(THREE, 64 + 128, channels=channels, label=64 + 6 * 8))
        | prefixed("conditioner.embedders.0.transformer.", layout.text_to_original(text(64).state_dict()))
        | prefixed("conditioner.embedders.1.model.", open_clip(large.state_dict()))
    )


def refiner():
    large = text(128, projection=64)
    live = unet(((64, 0), (64, 2), (128, 2), (128, 0)), 128, label=64 + 5 * 8)
    live.mid_block = unet(((64, 0), (128, 2)), 128, label=64 + 5 * 8).mid_block
    return pictures(live) | prefixed("conditioner.embedders.0.model.", open_clip(large.state_dict()))


def opened(tmp_path, family, tensors, dtype=torch.float32, metadata=None):
    path = tmp_path / "base.safetensors"
    save_file(tensors, path, metadata)
    return BASES[family].open(path, CPU, dtype)


MADE = {
    "sd2": ("sd2", sd2, {}),
    "sd2 v": ("sd2", sd2, {"modelspec.prediction_type": "v"}),
    "sd2 inpainting": ("sd2", lambda: sd2(9), {}),
    "sdxl": ("sdxl", sdxl, {}),
    "sdxl v": ("sdxl", sdxl, {"modelspec.prediction_type": "v"}),
    "sdxl inpainting": ("sdxl", lambda: sdxl(9), {}),
    "refiner": ("sdxl", refiner, {}),
}


@pytest.mark.parametrize("kind", MADE)
def test_it_works(tmp_path, kind):
    family, made, metadata = MADE[kind]
    tensors = made()
    model = opened(tmp_path, family, tensors, metadata=metadata)
    written = layout.unet_from_original(layout.part(tensors, layout.UNET))
    live = model.unet.state_dict()
    assert live.keys() == written.keys()
    assert all(torch.equal(live[key], written[key]) for key in live)
    assert model.prediction == ("v" if kind.endswith(" v") else "epsilon")
    plain = draw(model, recipe(steps=2), [])
    assert plain.shape == (64, 64, 3)
    assert not np.array_equal(plain, draw(model, recipe(steps=2, prompt="a dog"), []))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_draws_about_the_same(tmp_path, dtype):
    tensors = sdxl()
    full = draw(opened(tmp_path, "sdxl", tensors), recipe(steps=2), [])
    half = draw(opened(tmp_path, "sdxl", tensors, dtype), recipe(steps=2), [])
    assert abs(full.astype(int) - half.astype(int)).mean() < 8


def test_the_second_encoder_is_read_as_transformers_reads_it(sdxl):
    model = sdxl
    ids = torch.tensor([[49406, 320, 2368, 49407, *[0] * 73]])
    theirs = text(128, projection=64).eval()
    with torch.no_grad():
        said, meant = model.text_encoders["text_encoder_2"](ids), theirs(ids)
    assert torch.allclose(said.last_hidden_state, meant.last_hidden_state, atol=1e-5)
    assert torch.allclose(said.text_embeds, meant.text_embeds, atol=1e-5)


def test_sd2_s_encoder_goes_without_its_last_layer(tmp_path):
    model = opened(tmp_path, "sd2", sd2())
    assert len(model.text_encoders["text_encoder"].encoder.layers) == 1


def test_v_and_noise_are_two_words_for_one_picture(tmp_path):
    """A UNet that says v = (noise − σ·clean) / √(σ² + 1) draws what one that says the noise draws."""
    from workers.engine.draw import row_of

    model = opened(tmp_path, "sdxl", sdxl(), metadata={"modelspec.prediction_type": "v"})
    with torch.inference_mode():
        row = row_of(model, recipe(steps=2), [])
        sigma, x, noise = row.ask.sigma, row.ask.x, torch.randn_like(row.ask.x)
        clean = x - sigma * noise
        v = (noise - sigma * clean) / (sigma**2 + 1) ** 0.5
        assert torch.allclose(row._clean(v), clean, atol=1e-3)


def test_a_lora_for_sdxl_fits(sdxl):
    model = sdxl
    tensors = {}
    for name in (
        "unet.down_blocks.1.attentions.0.transformer_blocks.1.attn2.to_k",
        "unet.mid_block.attentions.0.proj_in",
    ):
        out, read = model.shapes[name][:2]
        flat = "lora_" + name.replace(".", "_")
        tensors |= {f"{flat}.lora_down.weight": torch.randn(4, read), f"{flat}.lora_up.weight": torch.randn(out, 4)}
    edit = ADAPTERS["lora"].read(tensors, {})
    weight = model.modules["unet.mid_block.attentions.0.proj_in"].weight
    before = weight.clone()
    with applied(model, [edit]):
        assert not torch.equal(weight, before)
    assert torch.equal(weight, before)


def test_the_true_architectures_follow_from_their_shapes():
    """Stability's own widths, without a single number in memory."""
    levels = [(320, 0), (640, 2), (1280, 10)]
    with torch.device("meta"):
        live = UNet2DConditionModel(
            block_out_channels=[320, 640, 1280],
            down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
            up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
            transformer_layers_per_block=[1, 2, 10],
            attention_head_dim=[5, 10, 20],
            cross_attention_dim=2048,
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=256,
            projection_class_embeddings_input_dim=2816,
        )
    config = shapes.unet({key: tuple(tensor.shape) for key, tensor in live.state_dict().items()}, 1280)
    assert config["block_out_channels"] == [width for width, _ in levels]
    assert config["transformer_layers_per_block"] == [1, 2, 10]
    assert config["attention_head_dim"] == [5, 10, 20]
    assert (config["addition_time_embed_dim"], config["projection_class_embeddings_input_dim"]) == (256, 2816)
