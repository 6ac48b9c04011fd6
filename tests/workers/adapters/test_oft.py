import pytest
import torch
from lycoris.modules.diag_oft import DiagOFTModule

from tests.workers.adapters import oracle
from workers.errors import Refusal


@pytest.mark.parametrize("constraint", [0, 0.01])
@pytest.mark.parametrize("name", oracle.LAYERS)
def test_it_equals_lycoris(name, constraint):
    oracle.agrees("oft", oracle.module(DiagOFTModule, name, lora_dim=4, constraint=constraint), name)


def test_with_rescale_it_equals_lycoris_where_it_is_whole():
    name = oracle.MATRICES[0]
    made = oracle.module(DiagOFTModule, name, lora_dim=4, rescaled=True)
    oracle.agrees("oft", made, name, weights=(1.0,))
    edit, base = oracle.read("oft", oracle.file(made)), torch.randn(144, 144)
    assert edit.at(1e-4).delta(name, base).abs().max() < 1e-2  # in LyCORIS, rescale stays whole


def test_rows_keep_their_length_together():
    """A rotation changes no length: of what the layer writes, the sum of squares stays."""
    name = oracle.MATRICES[0]
    base = torch.randn(144, 144)
    whole = base + oracle.read("oft", oracle.file(oracle.module(DiagOFTModule, name, lora_dim=4))).delta(name, base)
    assert torch.allclose(whole.square().sum(0), base.square().sum(0), rtol=1e-4)


def test_blocks_for_another_base_are_refused(model):
    name = oracle.MATRICES[0]
    tensors = {f"{oracle.flat(name)}.oft_blocks": torch.zeros(4, 80, 80)}
    with pytest.raises(Refusal, match=r"320×144.*144×144"):
        oracle.read("oft", tensors).fit(model.shapes)


def test_blocks_that_are_not_square_are_refused():
    with pytest.raises(Refusal, match="do not fit each other"):
        oracle.read("oft", {"lora_unet_conv_in.oft_blocks": torch.zeros(4, 8, 6)})
