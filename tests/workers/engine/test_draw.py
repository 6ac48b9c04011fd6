import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler

from tests.workers import small
from workers import tokens
from workers.adapters import ADAPTERS
from workers.engine import draw as drawing
from workers.engine.draw import draw
from workers.engine.latents import preview
from workers.engine.rows import Cancelled, Watch
from workers.errors import Refusal
from workers.messages import Recipe, Use
from workers.samplers import SAMPLERS


def recipe(**changes):
    given = {
        "base": "0" * 64,
        "base_family": "sd1",
        "prompt": "a (cat:1.2), red",
        "negative": "dog",
        "steps": 3,
        "seed": 1,
    }
    return Recipe(**given | {"width": 64, "height": 64} | changes)


LORA = lambda: ADAPTERS["lora"].read(small.lora(), {})  # noqa: E731
INVERSION = lambda: ADAPTERS["textual_inversion"].read(small.inversion(), {}).called("peach1")  # noqa: E731


def test_it_works(model):
    picture = draw(model, recipe(width=128, height=64), [])
    assert picture.shape == (64, 128, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 5


@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_the_same_recipe_gives_the_same_picture_and_another_seed_another(model, sampler):
    one = draw(model, recipe(sampler=sampler), [])
    assert np.array_equal(one, draw(model, recipe(sampler=sampler), []))
    assert not np.array_equal(one, draw(model, recipe(sampler=sampler, seed=2), []))


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "a horse"},
        {"prompt": "a (cat:9), red"},
        {"negative": "tree"},
        {"cfg": 2.0},
        {"cfg": 1.0},
        {"clip_skip": 2},
        {"schedule": "Karras"},
        {"rng": "GPU"},
        {"ensd": 31337},
        {"variation_seed": 9, "variation_strength": 0.3},
        {"discard_penultimate": True},
        {"prompt": "a [cat:dog:0.5]"},
        {"prompt": "a [cat|dog]"},
        {"prompt": "a (cat:1.2) AND red"},
        {"emphasis": "No norm"},
        {"emphasis": "None"},
        {"dialect": "comfyui"},
    ],
)
def test_everything_in_a_recipe_counts(model, change):
    assert not np.array_equal(draw(model, recipe(), []), draw(model, recipe(**change), []))


def test_an_adapter_counts_and_at_nought_it_does_not(model):
    plain = draw(model, recipe(), [])
    assert np.array_equal(plain, draw(model, recipe(), [LORA().at(0.0)]))
    assert not np.array_equal(plain, draw(model, recipe(), [LORA().at(0.3)]))
    assert np.array_equal(plain, draw(model, recipe(), []))


def test_an_inverted_word_counts_with_its_emphasis(model):
    said = recipe(prompt="a peach1, red")
    pictures = [draw(model, said, edits) for edits in ([], [INVERSION()], [INVERSION().at(0.5)], [INVERSION().at(0)])]
    assert np.array_equal(pictures[0], pictures[3])
    assert not np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[1], pictures[2])


def test_mixing_a_prompt_with_itself_or_with_nothing_changes_nothing(model):
    plain = draw(model, recipe(prompt="a cat"), []).astype(int)
    for same in ("a cat :0.5 AND a cat :0.5", "a cat AND a dog :0", "a [cat:cat:0.5]"):
        assert np.abs(draw(model, recipe(prompt=same), []) - plain).max() <= 1


def test_a_cfg_scale_of_one_still_mixes(model):
    one, two = (draw(model, recipe(prompt=text, cfg=1.0), []) for text in ("a cat", "a cat AND a dog"))
    assert not np.array_equal(one, two)


def test_words_that_change_too_late_change_nothing(model):
    plain = draw(model, recipe(prompt="a cat"), [])
    assert np.array_equal(plain, draw(model, recipe(prompt="a [cat:dog:3]"), []))
    # As in A1111: what ends at step 1 of 3 is said twice, so the change shows in the last step only.
    assert not np.array_equal(plain, draw(model, recipe(prompt="a [cat:dog:1]"), []))
    assert np.array_equal(plain, draw(model, recipe(prompt="a [cat:dog:2]"), []))


def test_a_sampler_that_asks_twice_a_step_counts_twice(model):
    plain, changed, late = (
        draw(model, recipe(prompt=text, sampler="Heun"), []) for text in ("a cat", "a [cat:dog:3]", "a [cat:dog:4]")
    )
    assert not np.array_equal(plain, changed)
    assert np.array_equal(plain, late)  # three steps of Heun ask five times


def test_prompts_of_unequal_length_are_drawn(model):
    assert draw(model, recipe(prompt="cat " * 100), []).shape == (64, 64, 3)


def test_steps_are_told_with_a_preview(model):
    told = []
    draw(model, recipe(sampler="Heun"), [], Watch(lambda done, of, look: told.append((done, of, look()[:4]))))
    assert told == [(1, 3, b"\x89PNG"), (2, 3, b"\x89PNG"), (3, 3, b"\x89PNG")]
    assert preview(model, torch.zeros(1, 4, 8, 8)).startswith(b"\x89PNG")


def test_it_stops_between_steps(model):
    told = []
    with pytest.raises(Cancelled):
        draw(model, recipe(), [], Watch(lambda done, *_: told.append(done), lambda: len(told) == 2))
    assert told == [1, 2]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"width": 60}, "multiples of 8"),
        ({"height": 4096}, "multiples of 8"),
        ({"steps": 0}, "steps"),
        ({"steps": 10_000}, "steps"),
        ({"cfg": float("nan")}, "CFG"),
        ({"seed": -1}, "seed"),
        ({"clip_skip": 9}, "Clip skip"),
        ({"sampler": "none such"}, "no sampler"),
        ({"prompt": "cat <lyco:x:1:1:8>"}, "3 numbers"),
        ({"prompt": "cat <lora:other:1>"}, "not in the stack"),
        ({"prompt": "cat " * 5000}, "chunks"),
    ],
)
def test_what_cannot_be_drawn_as_asked_is_refused(model, change, sentence):
    with pytest.raises(Refusal, match=sentence):
        draw(model, recipe(**change), [])


def test_a_lora_in_the_stack_may_be_named_in_the_prompt(model):
    named = recipe(prompt="a cat <lora:Flat:1>", uses=(Use(kind="lora", sha256="1" * 64, name="flat"),))
    assert draw(model, named, [LORA().at(0.2)]).shape == (64, 64, 3)


def test_an_inversion_that_the_prompt_does_not_say_is_refused(model):
    with pytest.raises(Refusal, match="peach1"):
        draw(model, recipe(), [INVERSION()])


def test_numbers_that_are_not_finite_stop_it(model, monkeypatch):
    monkeypatch.setattr(drawing, "said_by_unet", lambda model, calls: [call.x * float("nan") for call in calls])
    with pytest.raises(Refusal, match="not finite at step 1"):
        draw(model, recipe(), [])


def test_the_picture_is_the_one_that_diffusers_draws(model):
    """The whole way by other hands: diffusers' scheduler in its own loop, with transformers' text encoder."""
    wanted = recipe(prompt="a cat, red", sampler="DDIM", steps=10, cfg=5.0)
    theirs = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    theirs.set_timesteps(wanted.steps)
    latents = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(wanted.seed))
    ids = [tokens.padded(tokens.encode(text)) for text in (wanted.negative, wanted.prompt)]
    with torch.no_grad():
        context = model.text_encoders["text_encoder"](torch.tensor(ids)).last_hidden_state
        for time in theirs.timesteps:
            unwanted, said = model.unet(latents.repeat(2, 1, 1, 1), time, encoder_hidden_states=context).sample.chunk(2)
            latents = theirs.step(unwanted + wanted.cfg * (said - unwanted), time, latents).prev_sample
        pixels = model.vae.decode(latents / model.scaling).sample
    picture = ((pixels[0] / 2 + 0.5).clamp(0, 1) * 255).round().permute(1, 2, 0).numpy()
    assert np.abs(picture - draw(model, wanted, [])).max() <= 1
