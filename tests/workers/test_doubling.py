"""What makes pictures larger: neighbours doubled and a convolution behind, taken as one."""

import pytest
import torch
from diffusers.models.upsampling import Upsample2D
from torch import nn
from torch.nn import functional as F

from tests.workers.engine.test_edits import digest
from workers import doubling
from workers.engine.edits import UNET, put_on, take_off


def larger(layer, x):
    return layer(F.interpolate(x, scale_factor=2.0, mode="nearest"))


@torch.inference_mode()
@pytest.mark.parametrize(("height", "width"), [(4, 4), (1, 1), (3, 7)])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_it_works(height, width, layout):
    torch.manual_seed(1)
    layer = nn.Conv2d(5, 7, 3, padding=1).to(memory_format=layout)
    x = torch.randn(2, 5, height, width).contiguous(memory_format=layout)
    assert torch.allclose(doubling.doubled(layer, x), larger(layer, x), atol=1e-6)


def test_another_convolution_is_left_alone():
    assert doubling.fits(nn.Conv2d(4, 4, 3, padding=1))
    others = [nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3, padding=1, stride=2), nn.Linear(4, 4)]
    assert not any(map(doubling.fits, [*others, nn.Conv2d(4, 4, 3, padding=1, groups=2)]))


@torch.inference_mode()
def test_a_weight_in_place_of_another_is_read():
    layer, x = nn.Conv2d(4, 4, 3, padding=1), torch.randn(1, 4, 4, 4)
    before = doubling.doubled(layer, x)
    layer.weight = nn.Parameter(layer.weight * 2, requires_grad=False)
    assert not torch.allclose(doubling.doubled(layer, x), before)
    assert torch.allclose(doubling.doubled(layer, x), larger(layer, x), atol=1e-6)


@torch.inference_mode()
def test_an_autoencoder_decodes_the_same(model):
    """``model``'s was opened, so its decoder takes them together; its copy's by diffusers does not."""
    latents = torch.randn(1, 4, 8, 8)
    mine = model.vae.decode(latents, return_dict=False)[0]
    taken = [one for one in model.vae.decoder.modules() if isinstance(one, Upsample2D)]
    assert taken
    assert all("forward" in one.__dict__ for one in taken)
    kept = [one.__dict__.pop("forward") for one in taken]
    try:
        theirs = model.vae.decode(latents, return_dict=False)[0]
    finally:
        for one, forward in zip(taken, kept, strict=True):
            one.forward = forward
    assert (mine - theirs).abs().max() <= 1e-5 * theirs.abs().max()


@torch.inference_mode()
def test_a_stack_that_changes_such_a_layer_is_drawn_with_and_gone_after(model):
    """The kernel was made of the base's weight: with the stack on it is made anew, and again when that is off."""
    assert model.upsamplers
    torch.manual_seed(2)
    asked = (
        torch.randn(2, 4, 8, 8),
        torch.tensor([3.0, 500.0]),
        torch.randn(2, 77, model.unet.config.cross_attention_dim),
    )
    before, bytes_before = model.ask(*asked), digest(model)
    assert model.held > model.bytes, "the kernels count"
    full = full_edit(model)
    worn = put_on(model, [full.at(1.0)], UNET)
    changed = model.ask(*asked)
    theirs = model.unet(*asked, return_dict=False)[0]
    assert (changed - theirs).abs().max() <= 1e-5 * theirs.abs().max()
    assert not torch.allclose(changed, before, atol=1e-3)
    take_off(model, worn)
    assert torch.equal(model.ask(*asked), before)
    assert digest(model) == bytes_before


def full_edit(model):
    """Whole differences for the layers behind what makes larger."""
    from workers.adapters import ADAPTERS

    tensors = {}
    for name, module in model.upsamplers.items():
        flat = "lora_unet_" + name.removeprefix("unet.").replace(".", "_")
        tensors[f"{flat}.diff"] = torch.randn_like(module.weight) * 0.05
    return ADAPTERS["full"].read(tensors, {})
