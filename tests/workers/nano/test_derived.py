"""A step of every training that begins at nano-sd1, from pictures of chance to a file that the engine opens."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from workers.adapters import ADAPTERS
from workers.bases import BASES
from workers.files import safetensors
from workers.nano import assemble, derived, icons, restore
from workers.nano.adapters import Trained


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A training's folder with two objects, and the shipped weights beside it."""
    made = tmp_path_factory.mktemp("nano")
    torch.set_num_threads(1)  # two wait for each other where a machine is busy
    restore.restore(made)
    generator = np.random.default_rng(1)
    pixels = generator.integers(0, 255, (2, 4, icons.SIZE, icons.SIZE), dtype=np.uint8)
    arrays = {f"{style}.names": np.array(["cat-face", "house"]) for style in icons.SETS}
    np.savez(made / "icons.npz", **arrays, **{f"{style}.pixels": pixels for style in icons.SETS})
    (made / assemble.BASE).symlink_to(assemble.WEIGHTS / assemble.BASE)
    return made


@pytest.fixture(autouse=True)
def two_objects(monkeypatch):
    monkeypatch.setattr(icons, "OBJECTS", ["cat-face", "house"])
    monkeypatch.setattr(derived, "COUNT", 2)


@pytest.mark.parametrize("kind", ["inpainting", "v", "canny", "scribble"])
def test_a_step_makes_a_file_that_is_read(folder, tmp_path, kind):
    checkpoint = folder / f"{kind}.pt"
    if kind in derived.HINTS:
        other = folder / "nano-canny.part.safetensors"  # a ControlNet of other lines, from which one may begin
        begin = other if kind == "scribble" else None
        derived.control(Trained(folder), folder, folder, kind, 1, checkpoint, begin)
        if begin:
            assert safetensors.read(folder / "nano-scribble.part.safetensors").metadata["ss_max_train_steps"] == "2"
    else:
        derived.KINDS[kind](Trained(folder), folder, folder, 1, checkpoint)
    path = next(path for path in assemble.assembled(tmp_path, folder) if path.stem == f"nano-{kind}")
    if kind in derived.HINTS:
        model = BASES["sd1"].open(folder / assemble.BASE, torch.device("cpu"), torch.float32)
        control = ADAPTERS["controlnet"].read(load_file(path), {}).control(model)
        assert control.seen(torch.zeros(1, 3, 64, 64))[0].shape == (1, 48, 8, 8)
        return
    model = BASES["sd1"].open(path, torch.device("cpu"), torch.float32)
    assert model.unet.config.in_channels == (9 if kind == "inpainting" else 4)
    assert model.prediction == ("v" if kind == "v" else "epsilon")
