"""What a file holds is told alike whatever the order of its keys, and whether its modules make a table or not."""

import random

from hypothesis import given
from hypothesis import strategies as st

from tests.workers import small
from workers.adapters.survey import Table, survey
from workers.plugins import by_ending

PARTS = ["to_q", "a.b", "lora_up", "lora_down", "weight", "bias", "alpha", "x" * 30, "", "0", "in_layers"]


@given(st.lists(st.lists(st.sampled_from(PARTS), max_size=5).map(".".join), unique=True))
def test_endings_are_cut_as_if_each_key_were_alone(keys):
    one_by_one = {}
    for key in keys:
        ((ending, _),) = by_ending([key]).items()
        one_by_one.setdefault(ending, []).append(key)
    assert by_ending(keys) == one_by_one


def told(tensors):
    return survey(by_ending(tensors), lambda keys: [tuple(tensors[key].shape) for key in keys])


def test_it_works():
    tensors = small.lora(4)
    found = told(tensors)
    assert isinstance(found.table, Table)
    assert found.kind == "locon", "it has a convolution"
    assert found.claimed == set(tensors) == {key for held in found.roles.values() for key in held.values()}
    assert not found.orphans


def test_another_order_and_another_module_tell_the_same():
    tensors = small.lora(4)
    shuffled = dict(random.Random(3).sample(list(tensors.items()), len(tensors)))
    other = told(shuffled)
    assert not isinstance(other.table, Table)
    found = told(tensors)
    assert (other.kind, other.claimed, other.roles) == (found.kind, found.claimed, found.roles)
    assert {frozenset(alike) for alike in other.alike} == {frozenset(alike) for alike in found.alike}


def test_a_module_that_is_half_there_is_an_orphan():
    tensors = small.lora(4)
    gone = next(key for key in tensors if key.endswith("lora_up.weight"))
    left = {key: tensor for key, tensor in tensors.items() if key != gone}
    found = told(left)
    module = gone.removesuffix(".lora_up.weight")
    assert found.orphans == [module]
    assert not [key for key in found.claimed if key.startswith(f"{module}.")]
