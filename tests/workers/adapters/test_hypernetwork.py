import pytest
import torch
from torch.nn import functional as F

from tests.workers import small
from workers.adapters import recognised
from workers.adapters.hypernetwork import adapter, build
from workers.errors import Refusal


def test_it_works(model):
    tensors = small.hypernetwork()
    edit = adapter.read(tensors, small.HYPERNETWORK).at(0.6)
    assert edit.fit(model.shapes) == frozenset()
    context = torch.randn(1, 7, 64)

    def by_hand(stream):
        inner = F.hardswish(F.linear(context, *(tensors[f"hn.64.{stream}.linear.0.{n}"] for n in ("weight", "bias"))))
        outer = F.linear(inner, *(tensors[f"hn.64.{stream}.linear.2.{n}"] for n in ("weight", "bias")))
        return context + 0.6 * outer

    keys, values = edit.context(context, context)
    assert torch.allclose(keys, by_hand("k"), atol=1e-6)
    assert torch.allclose(values, by_hand("v"), atol=1e-6)
    other = torch.randn(1, 7, 48)
    assert edit.context(other, other)[0] is other


def test_it_is_known_with_its_base():
    plug, match = recognised(small.header(small.hypernetwork(), small.HYPERNETWORK))
    assert (plug.slug, match.base, match.variant) == ("hypernetwork", "sd1", "nano")
    _, match = recognised(small.header({"hn.768.k.linear.0.weight": torch.zeros(1)}))
    assert (match.base, match.variant) == ("sd1", "")


def test_indices_count_activations_norms_and_dropouts():
    metadata = {"layer_structure": "[1, 2, 2, 1]", "activation_func": "relu", "is_layer_norm": "true"}
    net = build(64, metadata | {"use_dropout": "true", "last_layer_dropout": "true"})
    layer = ["Linear", "ReLU", "LayerNorm"]
    assert [type(part).__name__ for part in net] == [*layer, "Dropout", *layer, "Dropout", *layer]


def test_one_for_another_base_is_refused(model):
    with pytest.raises(Refusal, match="contexts 768 wide"):
        adapter.read(small.hypernetwork((768,)), small.HYPERNETWORK).fit(model.shapes)


def test_layers_that_the_metadata_does_not_describe_are_refused():
    with pytest.raises(Refusal, match="not those that its metadata describes"):
        adapter.read(small.hypernetwork(), small.HYPERNETWORK | {"is_layer_norm": "true"})


@pytest.mark.parametrize(
    "metadata",
    [
        {"layer_structure": "[1, 9e9, 1]"},
        {"layer_structure": '["a"]'},
        {"layer_structure": "{"},
        {"activation_func": "exec"},
    ],
)
def test_metadata_that_cannot_be_built_is_refused(metadata):
    with pytest.raises(Refusal):
        adapter.read(small.hypernetwork(), small.HYPERNETWORK | metadata)


def test_numbers_that_are_not_finite_are_refused():
    tensors = small.hypernetwork()
    tensors["hn.64.k.linear.0.bias"][0] = float("nan")
    with pytest.raises(Refusal, match="not finite"):
        adapter.read(tensors, small.HYPERNETWORK)


def test_the_first_files_called_their_two_layers_otherwise():
    names = {"hn.64.{}.linear.0.": "hn.64.{}.linear1.", "hn.64.{}.linear.2.": "hn.64.{}.linear2."}
    old = {}
    for key, tensor in small.hypernetwork((64,)).items():
        for stream in "kv":
            for now, then in names.items():
                key = key.replace(now.format(stream), then.format(stream))
        old[key] = tensor
    assert recognised(small.header(old))[1].claimed == old.keys()
    x = torch.randn(1, 7, 64)
    first = F.linear(x, old["hn.64.k.linear1.weight"], old["hn.64.k.linear1.bias"])
    second = F.linear(first, old["hn.64.k.linear2.weight"], old["hn.64.k.linear2.bias"])
    assert torch.allclose(adapter.read(old, {}).context(x, x)[0], x + second, atol=1e-5)
