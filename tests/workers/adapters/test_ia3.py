import pytest
import torch
from lycoris.modules.ia3 import IA3Module

from tests.workers import small
from tests.workers.adapters import oracle
from workers.adapters import recognised


@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize("name", oracle.LAYERS)
def test_it_equals_lycoris(name, columns):
    oracle.agrees("ia3", oracle.module(IA3Module, name, train_on_input=columns), name)


def test_its_base_is_known_by_the_text_encoders_keys():
    """A UNet's rows are as many in SD1 as in SD2."""
    unet = {
        f"lora_unet_down_blocks_2_attentions_0_transformer_blocks_0_attn2_to_k.{key}": torch.zeros(shape)
        for key, shape in {"weight": (1280,), "on_input": ()}.items()
    }
    text = {
        f"lora_te_text_model_encoder_layers_0_self_attn_k_proj.{key}": torch.zeros(shape)
        for key, shape in {"weight": (1024,), "on_input": ()}.items()
    }
    assert recognised(small.header(unet))[1].base == ""
    assert recognised(small.header(unet))[1].candidates == ("sd1", "sd2", "sdxl")
    assert recognised(small.header(unet | text))[1].base == "sd2"
