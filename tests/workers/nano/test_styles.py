"""Styles trained as LyCORIS trains them: their numbers mean what LyCORIS means by them, and the pictures show it."""

import numpy as np
import pytest
import torch
from lycoris.modules import get_module, make_module
from safetensors.torch import load_file
from torch import nn

from tests.workers.adapters import oracle
from tests.workers.nano.test_weights import WEIGHTS, picture
from workers.adapters import recognised
from workers.adapters.names import names_of
from workers.engine import cache
from workers.files import safetensors

# file → (what it is recognised as)
KINDS = {
    "nano-flat": "lora",
    "nano-contrast": "lora",
    "nano-flat-loha": "loha",
    "nano-sepia": "lokr",
    "nano-pencil": "dora",
}


@pytest.fixture(scope="module")
def nano():
    return cache.base("nano-test", "sd1", WEIGHTS / "nano-sd1.safetensors")


def edit(name):
    return cache.adapter(name, KINDS[name], WEIGHTS / f"{name}.safetensors")


@pytest.mark.parametrize("name", KINDS)
def test_what_was_trained_is_recognised(name):
    header = safetensors.read(WEIGHTS / f"{name}.safetensors")
    plug, match = recognised(header)
    assert (plug.slug, match.base, match.variant) == (KINDS[name], "sd1", "nano")
    assert match.claimed == set(header.tensors)


@pytest.mark.parametrize("name", KINDS)
@torch.no_grad()
def test_every_trained_weight_is_lycoris_own(nano, name):
    tensors = {key: tensor.float() for key, tensor in load_file(WEIGHTS / f"{name}.safetensors").items()}
    known = {flat: module for module in nano.shapes for flat in names_of(module)}
    modules = sorted({key.split(".")[0] for key in tensors})
    mine, worst = edit(name), 0.0
    for flat in modules:
        base = nano.tensors[known[flat]].detach().float()
        layer = nn.Linear(*reversed(base.shape[:2])) if base.ndim == 2 else nn.Conv2d(base.shape[1], base.shape[0], 1)
        layer.weight.copy_(base)
        theirs = oracle.merged(make_module(*get_module(tensors, flat), flat, layer), 1.0)
        worst = max(worst, oracle.distance(base + mine.delta(known[flat], base), theirs))
    assert len(modules) > 100
    assert worst <= 1e-6


def apart(one, two):
    return np.abs(one.astype(float) - two).mean()


def test_flat_by_loha_is_flat_by_lora(nano):
    flat = picture(nano, [edit("nano-flat").at(1.0)])
    other = picture(nano, [edit("nano-flat-loha").at(1.0)])
    assert apart(other, flat) < apart(other, picture(nano)) / 2


def test_sepia_takes_the_colours_and_leaves_the_light(nano):
    alone, drawn = picture(nano), picture(nano, [edit("nano-sepia").at(1.0)])
    assert colourful(drawn) < colourful(alone) * 2 / 3
    light = [one.mean(axis=2).ravel() for one in (alone, drawn)]
    assert np.corrcoef(*light)[0, 1] > 0.5, "it is still that picture"


def test_pencil_draws_dark_lines_on_pale_paper(nano):
    drawn = picture(nano, [edit("nano-pencil").at(1.0)])
    light = drawn.mean(axis=2)
    assert np.median(light) > 200, "paper"
    assert 0.02 < np.mean(light < 110) < 0.4, "lines"
    assert colourful(drawn) < 40, "hardly a colour"


def colourful(drawn):
    """How far a pixel's strongest and weakest colour are apart, on average."""
    return np.mean(drawn.max(axis=2).astype(int) - drawn.min(axis=2))
