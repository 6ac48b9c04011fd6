"""Whatever is applied, and whatever goes wrong: afterwards the base is as it was, to the bit."""

import hashlib
import random
from functools import partial

import pytest
import torch

from tests.workers import small
from tests.workers.adapters import oracle
from workers import blocks
from workers.adapters import ADAPTERS
from workers.engine.edits import UNET, OfPart, applied, put_on, take_off
from workers.errors import Refusal

READ = {
    "lora": lambda: ADAPTERS["lora"].read(small.lora(), {}),
    "hypernetwork": lambda: ADAPTERS["hypernetwork"].read(small.hypernetwork(), small.HYPERNETWORK),
    "textual_inversion": lambda: ADAPTERS["textual_inversion"].read(small.inversion(), {}),
} | {
    kind: partial(lambda kind: ADAPTERS[kind].read(oracle.whole(kind), {}), kind)
    for kind in oracle.KINDS
    if kind != "lora"
}


def test_every_adapter_type_is_tried_here():
    beside = {"controlnet", "t2i_adapter"}  # they change nothing of the base: `test_controls`
    assert READ.keys() | beside == {slug for slug, plug in ADAPTERS.items() if plug.drawn}


def digest(model):
    total = hashlib.sha256()
    for part in (model.unet, model.vae, *model.text_encoders.values()):
        for name, tensor in sorted(part.state_dict().items()):
            total.update(name.encode())
            total.update(tensor.detach().contiguous().view(-1).numpy().data)
    return total.hexdigest()


def answer(model):
    torch.manual_seed(9)
    with torch.no_grad():
        return model.unet(torch.randn(1, 4, 8, 8), 500, encoder_hidden_states=torch.randn(1, 7, 64)).sample


@pytest.mark.parametrize("kind", sorted(READ))
def test_it_works_and_is_undone(model, kind):
    before, drawn = digest(model), answer(model)
    with applied(model, [READ[kind]().at(0.8)]):
        changed = not torch.equal(answer(model), drawn)
    assert changed == (kind != "textual_inversion")  # an inversion works where the text is read
    assert digest(model) == before
    assert torch.equal(answer(model), drawn)


@pytest.mark.parametrize("kind", sorted(READ))
def test_weight_nought_changes_nothing(model, kind):
    drawn = answer(model)
    with applied(model, [READ[kind]().at(0.0)]):
        assert torch.equal(answer(model), drawn)


def test_two_loras_add_up(model):
    lora = READ["lora"]()
    name = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
    base = model.modules[name].weight.detach().clone()
    with applied(model, [lora.at(0.5), lora.at(0.25)]):
        both = model.modules[name].weight.detach().clone()
    assert torch.allclose(both, base + lora.at(0.75).delta(name, base), atol=1e-6)


def test_hypernetworks_chain(model):
    net = READ["hypernetwork"]()
    with applied(model, [net.at(1.0)]):
        one = answer(model)
    with applied(model, [net.at(1.0), net.at(1.0)]):
        two = answer(model)
    assert not torch.allclose(one, two)


def test_an_exception_inside_undoes_everything(model):
    before = digest(model)
    with pytest.raises(ZeroDivisionError), applied(model, [edit() for edit in READ.values()]):
        raise ZeroDivisionError
    assert digest(model) == before


def test_a_stack_that_breaks_half_way_undoes_everything(model, monkeypatch):
    before, edits = digest(model), [READ["lora"](), READ["loha"]()]
    real, calls = edits[1].delta, []

    def breaks(module, weight):
        calls.append(module)
        if len(calls) == 2:
            raise MemoryError
        return real(module, weight)

    monkeypatch.setattr(edits[1], "delta", breaks)
    with pytest.raises(MemoryError), applied(model, edits):
        pass
    assert digest(model) == before


def test_one_stack_over_another_is_as_if_it_were_put_on_alone(model):
    before, stacks = digest(model), [[edit().at(0.4)] for edit in READ.values()] + [[]]
    stacks += [[READ["lora"]().at(0.3), READ["hypernetwork"]().at(0.5)], [READ["dora"](), READ["lora"]()]]
    worn = put_on(model, stacks[0], UNET)
    for stack in stacks[1:]:
        worn = put_on(model, stack, UNET, over=worn)
        over, drawn = digest(model), answer(model)
        take_off(model, worn)
        assert digest(model) == before
        with applied(model, stack, UNET):
            assert (digest(model), answer(model).tolist()) == (over, drawn.tolist())
        worn = put_on(model, stack, UNET)
    take_off(model, worn)
    assert digest(model) == before


def test_a_weight_that_overflows_is_refused_and_undone(model):
    before = digest(model)
    with pytest.raises(Refusal, match="not finite"), applied(model, [READ["lora"]().at(1e39)]):
        pass
    assert digest(model) == before


def test_a_thousand_random_switches_leave_the_base_to_the_bit(model):
    before, dice = digest(model), random.Random(1)
    edits = [edit() for kind, edit in READ.items() if kind != "lora"]
    edits.append(ADAPTERS["lora"].read(oracle.whole("lora"), {}))
    for _ in range(1000):
        stack = [dice.choice(edits).at(dice.uniform(-2, 2)) for _ in range(dice.randint(1, 3))]
        with applied(model, stack):
            pass
    assert digest(model) == before


@pytest.mark.parametrize("kind", sorted(READ))
def test_a_low_rank_form_is_the_delta(model, kind):
    edit = READ[kind]().at(0.7)
    for name in edit.fit(model.shapes):
        if factors := edit.low_rank(name):
            down, up = factors
            delta = edit.delta(name, model.modules[name].weight)
            assert torch.allclose((up @ down.flatten(1)).view(delta.shape), delta, atol=1e-6)


def test_one_side_alone(model):
    unet, text = "unet.conv_in", "text_encoder.encoder.layers.0.self_attn.q_proj"
    touched = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
    before = {name: model.modules[name].weight.clone() for name in (unet, text, touched)}
    for part, changed in {"unet": touched, "text": text}.items():
        with applied(model, [READ["lora"]()], part):
            differs = {name for name in before if not torch.equal(model.modules[name].weight, before[name])}
        assert differs == {changed}


def test_text_and_picture_may_have_weights_of_their_own(model):
    whole = ADAPTERS["lora"].read(small.lora(), {})
    parts = [OfPart(whole.at(0.5), text=False), OfPart(whole.at(0.2), text=True)]
    unet, text = "unet.down_blocks.0.attentions.0.proj_in", "text_encoder.encoder.layers.0.mlp.fc1"
    for name, weight in ((unet, 0.5), (text, 0.2)):
        before = model.modules[name].weight.clone()
        delta = whole.delta(name, before)
        with applied(model, parts):
            assert torch.allclose(model.modules[name].weight, before + weight * delta, atol=1e-5)


BLOCKED = sorted(READ.keys() - {"textual_inversion", "hypernetwork"})


@pytest.mark.parametrize("kind", BLOCKED)
def test_each_block_may_have_a_weight_of_its_own(model, kind):
    """Every family that changes modules: at each the adapter counts as if its weight were multiplied there."""
    before, edit = digest(model), READ[kind]().at(0.8)
    shares = dict.fromkeys(blocks.NAMES, 0.0) | {"BASE": 0.5, "MID": 0.25, "IN04": -1.0}
    blocked = edit.by_blocks(tuple(shares.values()))
    names = edit.fit(model.shapes)
    assert blocked.fit(model.shapes) <= names
    kept = {name: tensor.detach().clone() for name, tensor in model.tensors.items()}
    with applied(model, [blocked]):
        for name in names:
            place = blocks.place_of(name)
            share = 1.0 if place is None else shares[blocks.NAMES[place]]
            meant = kept[name] + edit.at(0.8 * share).delta(name, kept[name]) if share else kept[name]
            assert torch.allclose(model.tensors[name], meant, atol=1e-5), name
    assert digest(model) == before
    assert len({edit.identity, blocked.identity, blocked.by_blocks((0,) * 17).identity}) == 3
    assert blocked.by_blocks(()).identity == edit.identity


@pytest.mark.parametrize("kind", ["textual_inversion", "hypernetwork"])
def test_what_has_no_blocks_refuses_their_weights(kind):
    with pytest.raises(Refusal, match="block by block"):
        READ[kind]().by_blocks((1,) * 17)


def test_blocks_and_a_text_weight_go_together(model):
    whole = ADAPTERS["lora"].read(small.lora(), {}).by_blocks((0.5, *(0,) * 5, 1, *(0,) * 10))
    parts = [OfPart(whole.at(0.5), text=False), OfPart(whole.at(0.2), text=True)]
    off, text = "unet.down_blocks.0.attentions.0.proj_in", "text_encoder.encoder.layers.0.mlp.fc1"
    plain = ADAPTERS["lora"].read(small.lora(), {})
    before = {name: model.modules[name].weight.clone() for name in (off, text)}
    with applied(model, parts):
        assert torch.equal(model.modules[off].weight, before[off])
        meant = before[text] + 0.1 * plain.delta(text, before[text])
        assert torch.allclose(model.modules[text].weight, meant, atol=1e-5)
