import pytest
import torch
from diffusers.loaders.single_file_utils import (
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
)

from tests.workers import small
from workers.bases import layout


@pytest.fixture(scope="module")
def parts():
    return small.unet(), small.vae(), small.text_encoder()


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_it_works_both_ways_without_loss(parts):
    live = [model.state_dict() for model in parts]
    back = layout.from_original(layout.to_original(*live))
    for before, after in zip(live, back, strict=True):
        assert same(after, before)


def test_an_independent_converter_reads_what_we_write(parts):
    unet, vae, text = parts
    written = layout.to_original(unet.state_dict(), vae.state_dict(), text.state_dict())
    assert same(convert_ldm_unet_checkpoint(dict(written), dict(unet.config)), unet.state_dict())
    assert same(convert_ldm_vae_checkpoint(dict(written), dict(vae.config)), vae.state_dict())


def test_well_known_keys_have_their_names_and_shapes(parts):
    written = layout.to_original(*(model.state_dict() for model in parts))
    known = {
        "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (48, 64),
        "model.diffusion_model.output_blocks.2.1.conv.weight": (144, 144, 3, 3),
        "model.diffusion_model.output_blocks.5.2.conv.weight": (144, 144, 3, 3),
        "first_stage_model.decoder.mid.attn_1.q.weight": (64, 64, 1, 1),
        "first_stage_model.decoder.up.3.block.0.conv1.weight": (64, 64, 3, 3),
        "cond_stage_model.transformer.text_model.encoder.layers.1.self_attn.q_proj.weight": (64, 64),
    }
    assert {key: tuple(written[key].shape) for key in known} == known


def test_a_key_without_a_place_is_named(parts):
    with pytest.raises(KeyError, match="surprise"):
        layout.to_original(parts[0].state_dict() | {"surprise.weight": torch.zeros(1)}, {}, {})
