import pytest
import torch
from lycoris.modules.loha import LohaModule

from tests.workers.adapters import oracle
from workers.errors import Refusal


@pytest.mark.parametrize("tucker", [False, True])
@pytest.mark.parametrize("name", oracle.LAYERS)
def test_it_equals_lycoris(name, tucker):
    oracle.agrees("loha", oracle.module(LohaModule, name, lora_dim=6, alpha=3, use_tucker=tucker), name)


def test_alpha_nought_and_no_alpha_mean_the_rank():
    name = oracle.MATRICES[0]
    tensors = oracle.file(oracle.module(LohaModule, name, lora_dim=6, alpha=6))
    whole = oracle.read("loha", tensors).delta(name, torch.zeros(144, 144))
    tensors[f"{oracle.flat(name)}.alpha"] = torch.tensor([0], dtype=torch.bfloat16)
    assert torch.equal(oracle.read("loha", tensors).delta(name, torch.zeros(144, 144)), whole)
    del tensors[f"{oracle.flat(name)}.alpha"]
    assert torch.equal(oracle.read("loha", tensors).delta(name, torch.zeros(144, 144)), whole)


def test_sides_of_two_shapes_are_refused():
    name = oracle.MATRICES[0]
    tensors = oracle.file(oracle.module(LohaModule, name, lora_dim=6))
    tensors[f"{oracle.flat(name)}.hada_w2_a"] = torch.zeros(12, 6)
    with pytest.raises(Refusal, match="do not fit each other"):
        oracle.read("loha", tensors)


def test_it_draws_as_lycoris_layer_does():
    name = oracle.MATRICES[0]
    made = oracle.module(LohaModule, name, lora_dim=6, alpha=2)
    delta = oracle.read("loha", oracle.file(made)).delta(name, torch.zeros(144, 144))
    x = torch.randn(5, 144)
    assert oracle.distance(made.org_module[0](x) + x @ delta.T, made(x).detach()) <= 1e-6
