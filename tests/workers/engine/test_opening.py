import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.workers import small
from workers.bases import BASES, layout
from workers.errors import Refusal

CPU = torch.device("cpu")


def opened(tmp_path, tensors):
    path = tmp_path / "changed.safetensors"
    save_file(tensors, path)
    return BASES["sd1"].open(path, CPU, torch.float32)


def test_it_works(model):
    written = small.unet().state_dict()
    live = model.unet.state_dict()
    assert live.keys() == written.keys()
    assert all(torch.equal(live[key], written[key].half().float()) for key in live)
    assert model.shapes["unet.conv_in"] == (48, 4, 3, 3)
    assert model.shapes["text_encoder.embeddings.token_embedding"] == (49408, 64)


def test_a_file_that_is_none_is_refused(tmp_path):
    (tmp_path / "x").write_bytes(b"not a checkpoint at all")
    with pytest.raises(Refusal, match="cannot be read"):
        BASES["sd1"].open(tmp_path / "x", CPU, torch.float32)


@pytest.mark.parametrize(("prefix", "name"), [(layout.VAE, "VAE"), (layout.TEXT, "text encoder")])
def test_a_checkpoint_without_a_part_is_refused(small_file, tmp_path, prefix, name):
    rest = {key: tensor for key, tensor in load_file(small_file).items() if not key.startswith(prefix)}
    with pytest.raises(Refusal, match=f"holds no {name}"):
        opened(tmp_path, rest)


def test_a_missing_tensor_is_refused(small_file, tmp_path):
    tensors = load_file(small_file)
    del tensors[f"{layout.UNET}middle_block.0.in_layers.2.weight"]
    with pytest.raises(Refusal, match="not of the architecture"):
        opened(tmp_path, tensors)


def test_an_unknown_tensor_is_refused(small_file, tmp_path):
    tensors = load_file(small_file) | {f"{layout.UNET}surprise": torch.zeros(1)}
    with pytest.raises(Refusal, match="surprise"):
        opened(tmp_path, tensors)


def test_other_widths_and_other_inputs_are_refused(small_file, tmp_path):
    tensors = load_file(small_file)
    first = f"{layout.UNET}input_blocks.0.0.weight"
    with pytest.raises(Refusal, match="56 channels wide"):
        opened(tmp_path, tensors | {first: torch.zeros(56, 4, 3, 3)})
    with pytest.raises(Refusal, match="pix2pix"):
        opened(tmp_path, tensors | {first: torch.zeros(48, 8, 3, 3)})
