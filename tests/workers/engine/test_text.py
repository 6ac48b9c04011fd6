import pytest
import torch

from tests.workers import small
from tests.workers.engine.test_draw import recipe
from workers import prompts
from workers.adapters import ADAPTERS
from workers.engine import text
from workers.errors import Refusal
from workers.messages import Use

USE = Use(kind="textual_inversion", sha256="1" * 64, name="A peach", token="peach1")


def context(model, prompt, edits=(), **changes):
    (cond, _weight), *others = text.plan(model, recipe(prompt=prompt, **changes), edits).at(0).wanted
    assert not others
    return cond.context


def test_it_is_read_as_transformers_reads_it(model):
    (chunk,) = prompts.chunks(prompts.segments("a cat, red background"))
    encoder = model.text_encoders["text_encoder"]
    with torch.no_grad():
        theirs = encoder(torch.tensor([chunk.ids]), output_hidden_states=True)
        before_last = encoder.final_layer_norm(theirs.hidden_states[-2])
    assert torch.allclose(context(model, "a cat, red background"), theirs.last_hidden_state, atol=1e-5)
    assert torch.allclose(context(model, "a cat, red background", clip_skip=2), before_last, atol=1e-5)


def test_emphasis_keeps_the_mean_unless_told_not_to(model):
    plain, strong, raw = (
        context(model, prompt, emphasis=emphasis)
        for prompt, emphasis in (("a cat", "Original"), ("a (cat:1.5)", "Original"), ("a (cat:1.5)", "No norm"))
    )
    assert not torch.allclose(plain, strong, atol=1e-3)
    assert plain.mean().item() == pytest.approx(strong.mean().item(), abs=1e-4)
    expected = plain.clone()
    expected[:, 2] *= 1.5
    assert torch.allclose(raw, expected, atol=1e-5)
    assert torch.equal(context(model, "a (cat:1.5)", emphasis="Ignore"), plain)


def test_comfyui_moves_a_word_away_from_what_nothing_says(model):
    plain, strong, empty = (context(model, words, dialect="comfyui") for words in ("a cat", "a (cat:1.5)", ""))
    expected = plain.clone()
    expected[:, 2] = empty[:, 2] + (plain[:, 2] - empty[:, 2]) * 1.5
    assert torch.allclose(strong, expected, atol=1e-5)


def test_in_invokeai_a_weak_word_fades_into_the_text_without_it(model):
    plain, strong, weak, gone = (
        context(model, f"a {word} here", dialect="invokeai") for word in ("cat", "cat++", "(cat)0.5", "(cat)0")
    )
    empty = context(model, "", dialect="invokeai")
    assert torch.allclose(strong[:, 2], empty[:, 2] + (plain[:, 2] - empty[:, 2]) * 1.21, atol=1e-5)
    # At nought, what follows reads as if the word were not there, so it does not matter which it was.
    assert torch.allclose(gone, context(model, "a (dog)0 here", dialect="invokeai"), atol=1e-3)
    # Half-way in between at one half, for the words that follow.
    assert torch.allclose(weak[:, 3], (plain[:, 3] + gone[:, 3]) / 2, atol=1e-3)


def test_each_text_is_encoded_once(model, monkeypatch):
    read = []
    real = text._Reader.context
    monkeypatch.setattr(text._Reader, "context", lambda self, chunk: read.append(chunk.ids) or real(self, chunk))
    plan = text.plan(model, recipe(prompt="[a|b] AND a", negative="b", steps=20), [])
    assert len(read) == 2
    (first, _), (second, _) = plan.at(0).wanted
    assert first is second
    assert plan.at(0).unwanted is plan.at(2).wanted[0][0]


def test_what_is_mixed_is_brought_to_one_length(model):
    words = text.plan(model, recipe(prompt="cat AND " + "dog " * 80), []).at(0)
    short, long = (cond.context for cond, _ in words.wanted)
    assert short.shape == long.shape == (1, 154, 64)
    assert torch.equal(short[:, 77:], short[:, 76:77].expand(-1, 77, -1))


def test_texts_that_follow_each_other_are_filled_up_with_empty_chunks(model):
    plan = text.plan(model, recipe(prompt="cat [" + "dog " * 80 + "::0.5]", steps=4), [])
    late = plan.at(3).wanted[0][0].context
    assert late.shape == (1, 154, 64)
    assert torch.allclose(late[:, 77:], context(model, ""), atol=1e-6)


def test_an_inverted_word_stands_in_its_place(model):
    edit = ADAPTERS["textual_inversion"].read(small.inversion(), {}).called("peach1")
    plain, strong = (context(model, words, [edit]) for words in ("a peach1", "a (peach1:1.4)"))
    assert not torch.allclose(plain, strong, atol=1e-3)
    assert torch.allclose(context(model, "a (peach1:2)", [edit.at(0.5)]), plain, atol=1e-5)
    comfy = context(model, "a embedding:peach1", [edit], dialect="comfyui", uses=(USE,))
    assert torch.allclose(comfy, plain, atol=1e-5)


def test_an_inversion_that_nobody_has_is_missed(model):
    with pytest.raises(Refusal, match="names peach2"):
        text.plan(model, recipe(prompt="a embedding:peach2", dialect="comfyui"), [])
