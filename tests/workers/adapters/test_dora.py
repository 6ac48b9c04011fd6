import pytest
import torch
from lycoris.modules.locon import LoConModule
from lycoris.modules.loha import LohaModule
from lycoris.modules.lokr import LokrModule

from tests.workers.adapters import oracle
from workers.adapters import ADAPTERS
from workers.engine.edits import applied
from workers.errors import Refusal

INNER = {
    "lora": (LoConModule, {"lora_dim": 4}),
    "loha": (LohaModule, {"lora_dim": 4}),
    "lokr": (LokrModule, {"lora_dim": 2, "factor": 4}),
}


@pytest.mark.parametrize("rows", [True, False])
@pytest.mark.parametrize("inner", INNER)
@pytest.mark.parametrize("name", oracle.LAYERS)
def test_it_equals_lycoris(name, inner, rows):
    kind, options = INNER[inner]
    made = oracle.module(kind, name, alpha=2, weight_decompose=True, wd_on_out=rows, **options)
    oracle.agrees("dora", made, name, weights=(1.0,))


def test_a_weight_in_between_is_in_between():
    """LyCORIS leaves the inner change whole at any weight; here 0 is the base and 1 the whole."""
    name = oracle.MATRICES[0]
    edit = oracle.read("dora", oracle.file(oracle.module(LoConModule, name, lora_dim=4, weight_decompose=True)))
    base = torch.randn(144, 144)
    assert torch.allclose(edit.at(0.25).delta(name, base), edit.delta(name, base) / 4, atol=1e-6)


def test_it_is_stacked_in_order(model):
    """Each DoRA decomposes the weight that those before it have made."""
    name = oracle.MATRICES[0]
    options = {"alpha": 4, "lora_dim": 4}
    dora = oracle.read("dora", oracle.file(oracle.module(LoConModule, name, weight_decompose=True, **options)))
    lora = oracle.read("lora", oracle.file(oracle.module(LoConModule, name, **options)))
    base = model.modules[name].weight.detach().clone()
    with applied(model, [lora, dora]):
        first = model.modules[name].weight.detach().clone()
    with applied(model, [dora, lora]):
        second = model.modules[name].weight.detach().clone()
    added = base + lora.delta(name, base)
    assert torch.allclose(first, added + dora.delta(name, added), atol=1e-6)
    assert not torch.allclose(first, second, atol=1e-3)


def test_pefts_lengths_are_the_rows(model):
    """As PEFT's own layer has it, which computes beside the base."""
    from peft import LoraConfig, get_peft_model
    from torch import nn

    name = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
    torch.manual_seed(3)
    whole = nn.Sequential()
    whole.add_module("layer", nn.Linear(144, 144, bias=False))
    base = whole.layer.weight.detach().clone()
    wrapped = get_peft_model(whole, LoraConfig(r=4, lora_alpha=8, target_modules=["layer"], use_dora=True))
    layer = wrapped.base_model.model.layer
    nn.init.normal_(layer.lora_B["default"].weight, std=0.2)
    nn.init.uniform_(layer.lora_magnitude_vector["default"].weight, 0.5, 2)
    tensors = {
        f"unet.{name}.lora_A.weight": layer.lora_A["default"].weight.detach(),
        f"unet.{name}.lora_B.weight": layer.lora_B["default"].weight.detach(),
        f"unet.{name}.lora_magnitude_vector": layer.lora_magnitude_vector["default"].weight.detach(),
    }
    told = {"lora_adapter_metadata": '{"unet.lora_alpha": 8, "unet.r": 4}'}
    mine = base + ADAPTERS["dora"].read(tensors, told).delta(f"unet.{name}", base)
    merged = wrapped.merge_and_unload().layer.weight.detach()
    assert oracle.distance(mine, merged) <= 1e-6


def test_lengths_of_another_base_are_refused(model):
    name = oracle.MATRICES[0]
    tensors = oracle.file(oracle.module(LoConModule, name, lora_dim=4, weight_decompose=True))
    tensors[f"{oracle.flat(name)}.dora_scale"] = torch.ones(320, 1)
    with pytest.raises(Refusal, match=r"320×144.*144×144"):
        oracle.read("dora", tensors).fit(model.shapes)


def test_lengths_of_nothing_are_refused():
    with pytest.raises(Refusal, match="lacks half"):
        ADAPTERS["dora"].read({"lora_unet_conv_in.dora_scale": torch.ones(48, 1)}, {})
