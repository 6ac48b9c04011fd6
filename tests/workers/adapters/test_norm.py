import pytest
import torch
from lycoris.modules.norms import NormModule

from tests.workers.adapters import oracle


@pytest.mark.parametrize("name", oracle.NORMS)
def test_it_equals_lycoris(name, model):
    made = oracle.module(NormModule, name)
    edit = oracle.read("norm", oracle.file(made))
    assert edit.fit(model.shapes) == {name, f"{name}.bias"}
    layer = made.org_module[0]
    for weight in oracle.WEIGHTS:
        scale, shift = made.get_merged_weight(weight, layer.weight.shape)
        assert oracle.distance(layer.weight + edit.at(weight).delta(name, layer.weight), scale) <= 1e-6
        assert torch.allclose(layer.bias + edit.at(weight).delta(f"{name}.bias", layer.bias), shift, atol=1e-6)
