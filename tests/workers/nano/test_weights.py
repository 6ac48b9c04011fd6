"""nano as it is shipped: small, open to the engine, and drawing what it is asked."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from workers.adapters import recognised
from workers.engine import cache, draw
from workers.engine.source import Given
from workers.files import safetensors
from workers.hints import Hint, Source
from workers.messages import Recipe
from workers.nano import assemble
from workers.nano.save import WEIGHTS

MANIFEST = json.loads((WEIGHTS / "manifest.json").read_text())
ADAPTERS = [entry for entry in MANIFEST if entry["type"] != "Checkpoint"]


@pytest.fixture(scope="module")
def nano():
    return cache.base("nano-test", "sd1", WEIGHTS / "nano-sd1.safetensors")


@pytest.fixture(scope="module")
def wholes(tmp_path_factory):
    return {path.stem: path for path in assemble.assembled(tmp_path_factory.mktemp("wholes"))}


@pytest.fixture(scope="module")
def xl(wholes):
    return cache.base("nano-xl-test", "sdxl", wholes["nano-sdxl"])


def picture(nano, edits=(), *, prompt="cat, blue background", seed=1234, steps=20):
    recipe = Recipe(
        base="nano", base_family=nano.family, prompt=prompt, seed=seed, width=128, height=128, steps=steps, cfg=4.0,
        sampler="DPM++ 2M Karras",
    )  # fmt: skip
    return draw.draw(nano, recipe, list(edits))


def edit(entry, wholes, seen):
    """The adapter of a file; one that steers reads the picture ``seen``."""
    path = wholes.get(Path(entry["file"]).stem, WEIGHTS / entry["file"])
    plug, _ = recognised(safetensors.read(path))
    read = cache.adapter(entry["file"], plug.slug, path)
    return read.reading(Hint(picture="0" * 64, preprocessor="canny", low=100, high=200), seen) if read.steers else read


def prompt_for(entry):
    """An inversion is only asked for by its word."""
    return f"{(entry.get('trigger_words') or ['cat'])[0]}, white background"


def test_everything_in_the_manifest_is_there_and_small():
    assert all((WEIGHTS / entry.get("part", entry["file"])).exists() for entry in MANIFEST)
    sizes = {path.name: path.stat().st_size for path in WEIGHTS.iterdir()}
    assert sum(sizes.values()) <= 80_000_000, sizes
    assert all(entry["licence"] for entry in MANIFEST)


@pytest.mark.parametrize("base", ["nano", "xl"])
def test_it_draws_the_background_it_is_asked_for(base, request):
    nano = request.getfixturevalue(base)
    blue, yellow = (picture(nano, prompt=f"house, {colour} background") for colour in ("blue", "yellow"))
    edge = [np.median(drawn[:4].reshape(-1, 3), axis=0) for drawn in (blue, yellow)]
    assert edge[0][2] > edge[0][0], f"a blue ground has more blue than red: {edge[0]}"
    assert edge[1][0] > edge[1][2], f"a yellow ground has more red than blue: {edge[1]}"


def test_the_same_recipe_gives_the_same_picture(nano):
    assert np.array_equal(picture(nano), picture(nano))


@pytest.mark.parametrize("entry", ADAPTERS, ids=lambda entry: entry["name"])
def test_every_adapter_changes_the_picture_and_at_zero_changes_nothing(entry, request, wholes):
    nano = request.getfixturevalue("xl" if entry["base"] == "nano XL" else "nano")
    asked = prompt_for(entry)
    adapter = edit(entry, wholes, seen=picture(nano, prompt="house, blue background", steps=8))
    alone = picture(nano, prompt=asked, steps=8)
    changed = picture(nano, [adapter.at(1.0)], prompt=asked, steps=8)
    assert np.abs(changed.astype(int) - alone).mean() > 2
    assert np.array_equal(picture(nano, [adapter.at(0.0)], prompt=asked, steps=8), alone)
    assert np.array_equal(picture(nano, prompt=asked, steps=8), alone), "the base is as it was"


def test_an_object_of_the_xl_is_its_own(xl):
    tomato, broccoli = (picture(xl, prompt=f"{name}, white background", steps=8) for name in ("tomato", "broccoli"))
    red = [drawn[48:96, 48:96, 0].mean() - drawn[48:96, 48:96, 1].mean() for drawn in (tomato, broccoli)]
    assert red[0] > red[1] + 60, "a tomato is red, broccoli is green"


def test_the_inpainting_variant_paints_what_is_asked_under_the_mask_alone(nano, wholes):
    before = picture(nano, prompt="house, blue background", steps=8)
    mask = np.zeros_like(before)
    mask[32:, 40:] = 255
    recipe = Recipe(
        base="nano", base_family="sd1", prompt="tomato, blue background", seed=1, width=128, height=128, steps=8,
        cfg=4.0, sampler="DPM++ 2M Karras", source=Source(picture="0" * 64, mask="1" * 64, denoising=1.0, blur=0),
    )  # fmt: skip
    after = draw.draw(
        cache.base("nano-inpainting-test", "sd1", wholes["nano-inpainting"]),
        recipe,
        [],
        given=Given(source=before, mask=mask),
    )
    assert np.array_equal(after[mask == 0], before[mask == 0])
    red = [drawn[48:112, 56:112, 0].mean() - drawn[48:112, 56:112, 2].mean() for drawn in (before, after)]
    assert red[1] > red[0] + 40, "where the house's white wall was is a tomato's red"


def test_its_header_says_what_it_is():
    header = safetensors.read(WEIGHTS / "nano-sd1.safetensors")
    assert header.metadata["modelspec.architecture"] == "stable-diffusion-v1"
    assert {info.dtype for info in header.tensors.values()} == {"F16"}


def test_the_gates_were_measured_and_what_missed_is_named():
    report = json.loads((WEIGHTS / "gates.json").read_text())
    below = [name for name, bar in report["bars"].items() if name != "seconds_a_picture"]
    missed = {name for name in below if report["figures"].get(name, 0.0) < report["bars"][name]}
    assert missed <= set(report["missed"])
    card = (WEIGHTS.parent / "MODEL_CARD.md").read_text()
    assert all(name in card for name in report["figures"])


def test_all_of_nano_is_finite(nano, xl):
    for part in (nano.unet, nano.vae, xl.unet, *nano.text_encoders.values(), *xl.text_encoders.values()):
        assert all(bool(torch.isfinite(p).all()) for p in part.parameters())
