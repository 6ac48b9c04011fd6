"""Training goes on from the shipped weights: they fit the untrained modules, every one of them."""

import pytest
import torch
from torch import nn

from workers.nano import autoencoder, base, restore


def test_it_works(tmp_path):
    restore.restore(tmp_path)
    state = torch.load(tmp_path / "base.pt", weights_only=True)
    model = nn.ModuleDict({"unet": base.build_unet(), "text": base.build_text_encoder()})
    model.load_state_dict(state["average"], strict=True)
    vae = autoencoder.build()
    vae.load_state_dict(torch.load(tmp_path / "autoencoder.pt", weights_only=True)["model"], strict=True)
    assert state["scaling"] > 0


def test_a_training_under_way_is_not_overwritten(tmp_path):
    (tmp_path / "base.pt").touch()
    with pytest.raises(FileExistsError, match="goes on from it"):
        restore.restore(tmp_path)
