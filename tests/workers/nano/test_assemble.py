"""What is kept as thin changes to nano-sd1 becomes the whole that was trained, in the layout it is shared in."""

import numpy as np
import pytest
import torch
from diffusers import ControlNetModel
from safetensors.torch import load_file, save_file
from torch import nn

from tests.workers import small
from workers.adapters import ADAPTERS
from workers.bases import BASES, layout
from workers.nano import assemble, xl
from workers.nano.assemble import Whole
from workers.nano.derived import HINT_WIDTHS, widened
from workers.nano.learning import learned, loosen


@pytest.fixture(scope="module")
def folder(small_file, tmp_path_factory):
    """A base of nano's shapes, where nano lies."""
    made = tmp_path_factory.mktemp("weights")
    torch.set_num_threads(1)
    (made / assemble.BASE).symlink_to(small_file)
    return made


def unet():
    """The base's own UNet, free to be trained."""
    copy = type(small.unet()).from_config(small.unet().config)
    copy.load_state_dict(small.unet().state_dict())
    return copy.requires_grad_(False)


def trained(model, folder, name):
    """``model`` after a training of chance, and the part that is kept of it. Returns its state as it is drawn with."""
    parameters = loosen(model, 4, whole=lambda key: key.startswith(("conv_in", "controlnet_")))
    torch.manual_seed(5)
    with torch.no_grad():
        for parameter in parameters:
            nn.init.normal_(parameter, std=0.1)
    save_file({key: tensor.contiguous() for key, tensor in learned(model)}, folder / f"{name}.part.safetensors")
    names = [key for key, _ in learned(model)]
    assert any(key.endswith(".up") for key in names)
    state = {key.replace(".parametrizations.weight.original", ".weight"): t for key, t in model.state_dict().items()}
    whole = {}
    for key in state:
        if ".parametrizations." not in key:
            module, end = key.rsplit(".", 1)
            whole[key] = getattr(model.get_submodule(module), end).detach()
    return whole


def same(mine, theirs):
    assert mine.keys() == theirs.keys()
    for key, tensor in theirs.items():
        assert np.allclose(mine[key], tensor.numpy().astype(np.float16), rtol=2e-3, atol=2e-4), key


def test_a_variant_is_a_whole_checkpoint(folder, tmp_path):
    model = unet()
    widened(model)
    state = trained(model, folder, "nano-inpainting")
    (path,) = assemble.assembled(tmp_path, folder)
    tensors = {key: tensor.numpy() for key, tensor in load_file(path).items()}
    base = load_file(folder / assemble.BASE)
    assert tensors.keys() == base.keys()
    same(layout.unet_from_original(layout.part(tensors, layout.UNET)), state)
    assert state["conv_in.weight"].shape[1] == 9
    key = "first_stage_model.decoder.conv_in.weight"
    assert np.array_equal(tensors[key], base[key].half().numpy()), "the rest is the base's"
    before = path.stat().st_mtime_ns
    assert assemble.assembled(tmp_path, folder) == [path]
    assert path.stat().st_mtime_ns == before, "what is there is not made again"


@pytest.mark.parametrize("kind", ["ldm", "diffusers"])
def test_a_controlnet_is_read_in_either_layout(folder, kind):
    net = ControlNetModel.from_unet(unet(), conditioning_embedding_out_channels=HINT_WIDTHS).requires_grad_(False)
    state = trained(net, folder, kind)
    tensors, _ = assemble.built(Whole(f"{kind}.safetensors", f"{kind}.part.safetensors", kind), folder)
    assert ("control_model.zero_convs.0.0.weight" in tensors) == (kind == "ldm")
    read = ADAPTERS["controlnet"].read({key: torch.from_numpy(tensor) for key, tensor in tensors.items()}, {})
    same({key: tensor.numpy() for key, tensor in read.state.items()}, state)


def test_an_sdxl_opens_with_what_was_trained_and_the_base_s_words_and_autoencoder(folder, tmp_path):
    torch.manual_seed(6)
    model, vocabulary = xl.build(), xl.VOCABULARY
    state = {key: tensor.half() for key, tensor in model.state_dict().items()}
    part = {key: tensor.contiguous() for key, tensor in state.items() if vocabulary not in key}
    save_file(part, folder / "nano-sdxl.part.safetensors", {"modelspec.prediction_type": "epsilon"})
    path = next(path for path in assemble.assembled(tmp_path, folder) if path.stem == "nano-sdxl")
    opened = BASES["sdxl"].open(path, torch.device("cpu"), torch.float32)
    parts = {"unet": opened.unet, **opened.text_encoders}
    for key, tensor in part.items():
        name, inner = key.split(".", 1)
        assert torch.equal(parts[name].get_parameter(inner), tensor.float()), key
    words = load_file(folder / assemble.BASE)[f"{layout.TEXT}text_model.{vocabulary}.weight"].float()
    for encoder in opened.text_encoders.values():
        assert torch.equal(encoder.get_input_embeddings().weight, words)
    assert (opened.scaling, opened.vae.config.norm_num_groups) == (0.495524, 8), "what no shape tells"
    heads = opened.unet.config.attention_head_dim, opened.text_encoders["text_encoder_2"].config.num_attention_heads
    assert heads == (4, 2)
