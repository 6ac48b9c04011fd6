import pytest
import torch
from lycoris.modules.boft import ButterflyOFTModule

from tests.workers.adapters import oracle
from workers.errors import Refusal


@pytest.mark.parametrize("constraint", [0, 0.01])
@pytest.mark.parametrize("name", oracle.LAYERS)
def test_it_equals_lycoris(name, constraint):
    made = oracle.module(ButterflyOFTModule, name, lora_dim=18, constraint=constraint)
    assert made.oft_blocks.shape[0] > 1  # stages
    oracle.agrees("boft", made, name)


def test_with_rescale_it_equals_lycoris_where_it_is_whole():
    name = oracle.MATRICES[0]
    oracle.agrees("boft", oracle.module(ButterflyOFTModule, name, lora_dim=18, rescaled=True), name, weights=(1.0,))


@pytest.mark.parametrize("shape", [(2, 4, 3, 3), (9, 4, 4, 4), (1, 4, 4, 2)])
def test_blocks_that_cannot_be_stages_are_refused(shape):
    with pytest.raises(Refusal, match="do not fit each other"):
        oracle.read("boft", {"lora_unet_conv_in.oft_blocks": torch.zeros(shape)})
