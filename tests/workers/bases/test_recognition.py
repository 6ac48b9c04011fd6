import json
import struct

import pytest
import torch

from tests.workers import small
from workers.bases import recognised
from workers.plugins import Header, TensorInfo

UNET = "model.diffusion_model."


def read(path):
    with path.open("rb") as file:
        raw = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    metadata = raw.pop("__metadata__", {})
    return Header(
        {k: TensorInfo(v["dtype"], tuple(v["shape"]), tuple(v["data_offsets"])) for k, v in raw.items()}, metadata
    )


def shapes(width, context, channels=4, xl=False):
    block = 4 if xl else 1
    tensors = {
        f"{UNET}input_blocks.0.0.weight": torch.zeros(width, channels, 3, 3),
        f"{UNET}out.2.weight": torch.zeros(4, width, 3, 3),
        f"{UNET}input_blocks.{block}.1.transformer_blocks.0.attn2.to_k.weight": torch.zeros(width, context),
        "first_stage_model.quant_conv.weight": torch.zeros(8, 8, 1, 1),
        "model_ema.decay": torch.zeros(1),
    }
    return tensors | ({f"{UNET}label_emb.0.0.weight": torch.zeros(1280, 2816)} if xl else {})


def test_it_works_on_a_real_file(small_file):
    header = read(small_file)
    plug, match = recognised(header)
    assert (plug.family, match.variant) == ("sd1", "nano")
    assert match.claimed == set(header)
    assert match.summary["missing"] == []


@pytest.mark.parametrize(
    ("tensors", "family", "variant"),
    [
        (shapes(320, 768), "sd1", ""),
        (shapes(320, 768, channels=9), "sd1", "inpainting"),
        (shapes(48, 64), "sd1", "nano"),
        (shapes(48, 64, channels=9), "sd1", "nano-inpainting"),
        (shapes(320, 1024), "sd2", ""),
        (shapes(320, 1024, channels=5), "sd2", "depth"),
        (shapes(320, 2048, xl=True), "sdxl", ""),
        (shapes(48, 128, xl=True), "sdxl", "nano"),
        (shapes(384, 1280, xl=True), "sdxl", "refiner"),
    ],
)
def test_families_and_variants(tensors, family, variant):
    plug, match = recognised(small.header(tensors))
    assert (plug.family, match.base, match.variant) == (family, family, variant)
    assert match.summary["missing"] == ["text encoder"]


def test_what_is_no_checkpoint_is_nobody_s():
    assert recognised(small.header(small.lora())) is None
    assert recognised(small.header(shapes(320, 999))) is None
