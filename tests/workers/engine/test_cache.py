"""What stays warm: within a bound of bytes, each thing once, and gone for good when it goes."""

import weakref

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.workers.engine.test_draw import recipe
from tests.workers.engine.test_edits import READ, digest
from workers import residency
from workers.bases import BASES
from workers.engine import cache, memory
from workers.engine.batch import Engine
from workers.errors import Refusal


def test_those_used_longest_ago_go_first_and_somebody_hears_of_it():
    gone = []
    kept = cache.ByBytes(100, gone.append)
    for name in "abcd":
        kept.get(name, lambda name=name: (name, 30))
    assert (kept.keys(), gone) == (["b", "c", "d"], ["a"])  # room was made for the last before it came


def test_what_grows_is_asked_what_it_costs_now():
    sizes = {"a": 10, "b": 10}
    kept = cache.ByBytes(100)
    for name in sizes:
        kept.get(name, lambda name=name: (name, lambda: sizes[name]))
    sizes["a"] = 95
    kept.get("c", lambda: ("c", 10))
    assert kept.keys() == ["b", "c"]


@pytest.fixture
def sibling(small_file, tmp_path):
    """A checkpoint that differs in one tensor of its UNet."""
    tensors = load_file(small_file)
    tensors["model.diffusion_model.out.2.bias"] += 0.5
    save_file(tensors, tmp_path / "sibling.safetensors", {"modelspec.architecture": "stable-diffusion-v1"})
    return tmp_path / "sibling.safetensors"


def test_checkpoints_that_differ_in_their_unet_share_the_rest(small_file, sibling):
    one, other = (BASES["sd1"].open(path, torch.device("cpu"), torch.float32) for path in (small_file, sibling))
    assert one.vae is other.vae
    assert one.text_encoders["text_encoder"] is other.text_encoders["text_encoder"]
    assert one.unet is not other.unet
    assert one.text_key == other.text_key
    before, engine = digest(other), Engine()
    engine.draw(one, recipe(), [READ["lora"]().at(0.5)])
    assert digest(other) == before


def test_a_base_that_goes_leaves_nothing_behind(small_file, sibling, monkeypatch):
    engine = Engine()
    bases = cache.ByBytes(1, engine.forget)
    monkeypatch.setattr(cache, "bases", bases)
    one = cache.base("1" * 64, "sd1", small_file)
    engine._pays = lambda *_: True
    for picture in [engine.ask(one, recipe(seed=n), [READ["lora"]().at(0.1 * n)]) for n in range(1, 4)]:
        picture.result()
    assert one.held > one.bytes
    unet = weakref.ref(one.unet)
    other = cache.base("2" * 64, "sd1", sibling)
    assert residency.bases() == ("2" * 64,)
    engine.draw(other, recipe(), [])
    del one, picture
    assert unet() is None


def test_what_does_not_fit_is_refused_with_what_there_is(model, small_file, monkeypatch):
    monkeypatch.setattr(memory, "free", lambda where: memory.SPARE + 10**6)
    with pytest.raises(Refusal, match=r"1024 × 512 takes about .* GB on this base, and this worker has 0.3 GB left"):
        Engine().draw(model, recipe(width=1024, height=512), [])
    monkeypatch.setattr(cache, "bases", cache.ByBytes(1))
    with pytest.raises(Refusal, match="This checkpoint takes about 0"):
        cache.base("3" * 64, "sd1", small_file)


def test_fewer_go_together_where_there_is_less_room(model, monkeypatch):
    wanted = recipe(steps=2)
    room = memory.of_row(model, wanted.height, wanted.width, 2) * 2.5 + memory.of_decoding(model, 64, 64)
    monkeypatch.setattr(memory, "free", lambda where: int(room) + memory.SPARE)
    most = memory.rows_for(model, wanted.height, wanted.width, 2)
    assert most >= 2
    engine = Engine()
    for picture in [engine.ask(model, recipe(seed=n, steps=2), []) for n in range(most + 1)]:
        picture.result()
    assert engine.calls >= 4
    assert memory.rows_for(model, 2048, 2048, 2) == 1


def test_an_adapter_of_numbers_that_torch_has_not_is_refused(tmp_path):
    header = b'{"lora_unet_conv_in.alpha":{"dtype":"F8_E8M0","shape":[1],"data_offsets":[0,1]}}'
    odd = tmp_path / "odd.safetensors"
    odd.write_bytes(len(header).to_bytes(8, "little") + header + b"\x7f")
    with pytest.raises(Refusal, match="cannot be read"):
        cache.adapter("odd", "lora", odd)
