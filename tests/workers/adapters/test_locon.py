import pytest
from lycoris.modules.locon import LoConModule

from tests.workers.adapters import oracle

CONVOLUTION = "unet.down_blocks.1.resnets.0.conv1"


@pytest.mark.parametrize("name", oracle.MATRICES)
def test_matrices_equal_lycoris(name):
    oracle.agrees("lora", oracle.module(LoConModule, name, lora_dim=8, alpha=4), name)


@pytest.mark.parametrize("tucker", [False, True])
def test_convolutions_equal_lycoris(tucker):
    made = oracle.module(LoConModule, CONVOLUTION, lora_dim=8, alpha=2, use_tucker=tucker)
    assert any("lora_mid" in key for key in oracle.file(made)) == tucker
    oracle.agrees("locon", made, CONVOLUTION)


def test_one_convolution_makes_a_lora_a_locon():
    name = oracle.MATRICES[0]
    files = [oracle.file(oracle.module(LoConModule, part, lora_dim=4)) for part in (name, CONVOLUTION)]
    edit = oracle.read("locon", files[0] | files[1])
    assert edit.low_rank(name)[0].shape[0] == 4
