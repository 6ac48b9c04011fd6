import pytest
import torch
from lycoris.modules.full import FullModule

from tests.workers import small
from tests.workers.adapters import oracle
from workers.adapters import ADAPTERS
from workers.engine.edits import applied
from workers.errors import Refusal


@pytest.mark.parametrize("name", oracle.LAYERS)
def test_it_equals_lycoris(name, model):
    made = oracle.module(FullModule, name)
    edit, base = oracle.read("full", oracle.file(made)), made.org_weight
    for weight in oracle.WEIGHTS:
        theirs, bias = made.get_merged_weight(weight, base.shape)
        assert oracle.distance(base + edit.at(weight).delta(name, base), theirs) <= 1e-6
        if bias is not None:
            mine = made.org_bias[0] + edit.at(weight).delta(f"{name}.bias", made.org_bias[0])
            assert oracle.distance(mine, bias) <= 1e-6


def test_weight_and_bias_are_written_and_restored(model):
    name = "unet.down_blocks.1.resnets.0.conv1"
    tensors = oracle.file(oracle.module(FullModule, name))
    weight, bias = (getattr(model.modules[name], part) for part in ("weight", "bias"))
    before = weight.detach().clone(), bias.detach().clone()
    with applied(model, [ADAPTERS["full"].read(tensors, {}).at(0.5)]):
        assert torch.allclose(weight, before[0] + tensors[f"{oracle.flat(name)}.diff"] / 2, atol=1e-6)
        assert torch.allclose(bias, before[1] + tensors[f"{oracle.flat(name)}.diff_b"] / 2, atol=1e-6)
    assert torch.equal(weight, before[0])
    assert torch.equal(bias, before[1])


def test_a_lora_may_bring_biases_and_norms(model):
    extra = {
        "lora_unet_down_blocks_0_resnets_0_conv1.diff_b": torch.ones(48),
        "lora_unet_conv_norm_out.diff": torch.ones(48),
        "lora_unet_conv_out.diff_b": torch.ones(4),
    }
    edit = oracle.read("locon", small.lora() | extra)
    assert {"unet.down_blocks.0.resnets.0.conv1.bias", "unet.conv_norm_out", "unet.conv_out.bias"} <= edit.fit(
        model.shapes
    )
    assert "unet.conv_out" not in edit.fit(model.shapes)
    assert torch.equal(edit.at(0.5).delta("unet.conv_norm_out", torch.zeros(48)), torch.full((48,), 0.5))


def test_a_weight_may_be_replaced():
    whole = torch.randn(4, 48, 3, 3)
    edit, base = oracle.read("full", {"lora_unet_conv_out.set_weight": whole}), torch.randn(4, 48, 3, 3)
    assert torch.allclose(base + edit.delta("unet.conv_out", base), whole, atol=1e-6)


def test_a_bias_where_there_is_none_is_refused(model):
    name = oracle.MATRICES[0]
    with pytest.raises(Refusal, match="bias of unet"):
        oracle.read("full", {f"{oracle.flat(name)}.diff_b": torch.zeros(144)}).fit(model.shapes)
