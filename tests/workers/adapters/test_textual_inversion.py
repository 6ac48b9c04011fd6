import pytest
import torch

from tests.workers import small
from workers.adapters import recognised
from workers.adapters.textual_inversion import adapter
from workers.errors import Refusal


def test_it_works(model):
    edit = adapter.read(small.inversion(), {"modelspec.trigger_phrase": "peach1"})
    assert edit.fit(model.shapes) == frozenset()
    assert edit.words()["peach1"]["text_encoder"].shape == (2, 64)
    assert list(edit.called("other").words()) == ["other"]
    assert list(edit.words()) == ["peach1"]


@pytest.mark.parametrize(
    ("tensors", "family", "token"),
    [
        ({"emb_params": torch.zeros(3, 768)}, "sd1", ""),
        ({"string_to_param.*": torch.zeros(3, 1024)}, "sd2", ""),
        ({"<cat-toy>": torch.zeros(768)}, "sd1", "<cat-toy>"),
        ({"clip_l": torch.zeros(2, 768), "clip_g": torch.zeros(2, 1280)}, "sdxl", ""),
        ({"emb_params": torch.zeros(3, 64)}, "sd1", ""),
        ({"string_to_param.my word": torch.zeros(768)}, "sd1", ""),
        ({"emb_params": torch.zeros(3, 1280)}, "sdxl", ""),
        (
            {"bundle_emb.moody.clip_l": torch.zeros(2, 768), "bundle_emb.moody.clip_g": torch.zeros(2, 1280)},
            "sdxl",
            "moody",
        ),
    ],
)
def test_every_layout_is_known_with_its_base(tensors, family, token):
    plug, match = recognised(small.header(tensors))
    assert (plug.slug, match.base, match.summary["token"]) == ("textual_inversion", family, token)


def test_a_layer_of_something_else_is_not_claimed():
    assert adapter.recognise(small.header({"linear.weight": torch.zeros(4, 768)})) is None
    assert adapter.recognise(small.header({"emb_params": torch.zeros(49408, 768)})) is None


def test_vectors_of_another_width_are_refused(model):
    with pytest.raises(Refusal, match=r"768 wide.*64"):
        adapter.read(small.inversion(width=768), {}).fit(model.shapes)


def test_vectors_for_a_second_encoder_are_refused(model):
    tensors = {"clip_l": torch.zeros(2, 64), "clip_g": torch.zeros(2, 1280)}
    with pytest.raises(Refusal, match="two text encoders"):
        adapter.read(tensors, {}).fit(model.shapes)


def test_numbers_that_are_not_finite_are_refused():
    with pytest.raises(Refusal, match="not finite"):
        adapter.read({"emb_params": torch.full((1, 64), float("inf"))}, {})


def test_several_words_are_a_vocabulary(model):
    """Each keeps its own name, and a prompt says those that it wants."""
    tensors = {"string_to_param.dawn": torch.zeros(2, 64), "bundle_emb.dusk.emb_params": torch.ones(64)}
    tensors["string_to_param.noon"] = torch.zeros(1, 64)
    edit = adapter.read(tensors, {})
    assert set(edit.words()) == {"dawn", "dusk", "noon"}
    assert edit.words_optional
    assert edit.called("other") is edit
    assert not adapter.read(small.inversion(), {}).words_optional


def test_a_pair_of_two_lengths_is_refused():
    with pytest.raises(Refusal, match="more vectors for one text encoder"):
        adapter.read({"clip_l": torch.zeros(2, 768), "clip_g": torch.zeros(3, 1280)}, {})
