"""Our call of a UNet says what diffusers' says: SD1's to the bit, those with linear projections to rounding."""

from copy import deepcopy

import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor

from tests.workers import small
from tests.workers.engine import test_bases as bases
from workers import unet

FAMILIES = {"sd1": None, "sd2": bases.sd2, "sdxl": bases.sdxl, "refiner": bases.refiner}


@pytest.fixture(params=FAMILIES)
def any_model(request, tmp_path, model):
    made = FAMILIES[request.param]
    return model if made is None else bases.opened(tmp_path, request.param.replace("refiner", "sdxl"), made())


def asked(model, height=8, width=8, lines=2):
    """What a call reads: x, time, context and, for SDXL, sizes."""
    torch.manual_seed(4)
    config = model.unet.config
    x = torch.randn(lines, config.in_channels, height, width).contiguous(memory_format=torch.channels_last)
    sizes = {}
    if config.addition_embed_type == "text_time":
        numbers = 5 if "text_encoder" not in model.text_encoders else 6
        pooled = config.projection_class_embeddings_input_dim - numbers * config.addition_time_embed_dim
        sizes = {"text_embeds": torch.randn(lines, pooled), "time_ids": torch.randint(64, (lines, numbers)).float()}
    return x, torch.tensor([3.0, 730.5][:lines]), torch.randn(lines, 77, config.cross_attention_dim), sizes


@torch.inference_mode()
@pytest.mark.parametrize("length", [77, 154, 160])
def test_nobody_sees_what_a_text_is_filled_up_with(model, length):
    x, time, _, _ = asked(model)
    context = torch.randn(2, length, model.unet.config.cross_attention_dim) * 3
    assert same(model.ask(x, time, context), theirs(model, x, time, context, {}))


def theirs(model, x, time, context, sizes, **beside):
    return model.unet(x, time, context, added_cond_kwargs=sizes or None, return_dict=False, **beside)[0]


def same(mine, other):
    return (mine - other).abs().max() <= 2e-6 * other.abs().max()


@torch.inference_mode()
def test_it_works(any_model):
    question = asked(any_model)
    assert same(any_model.ask(*question), theirs(any_model, *question))


@torch.inference_mode()
def test_sides_that_are_no_multiple_of_the_levels(any_model):
    question = asked(any_model, 9, 14)
    assert same(any_model.ask(*question), theirs(any_model, *question))


@torch.inference_mode()
def test_what_nets_add_is_heard(model):
    x, time, context, _ = asked(model)
    net, hint = small.controlnet().to(memory_format=torch.channels_last), torch.rand(2, 3, 64, 64)
    mine = unet.steering(net)(x, time, context, net.controlnet_cond_embedding(hint))
    skips, middle = net(x, time, context, hint, return_dict=False)
    assert all(same(one, other) for one, other in zip([*mine[0], mine[1]], [*skips, middle], strict=True))
    levels = small.t2i()(hint)
    said = model.ask(x, time, context, skips=skips, middle=middle, levels=levels)
    beside = {"down_block_additional_residuals": skips, "mid_block_additional_residual": middle}
    beside["down_intrablock_additional_residuals"] = [level.clone() for level in levels]
    assert same(said, theirs(model, x, time, context, {}, **beside))
    assert not torch.equal(said, model.ask(x, time, context))


@torch.inference_mode()
def test_a_replaced_layer_and_attention_of_another_kind_are_asked(model):
    x, time, context, _ = asked(model)
    plain, layer = model.ask(x, time, context), model.unet.down_blocks[0].resnets[0].conv1
    try:
        layer.forward = lambda x: type(layer).forward(layer, x) * 0
        replaced = model.ask(x, time, context)
        assert same(replaced, theirs(model, x, time, context, {}))
        assert not torch.equal(replaced, plain)
    finally:
        del layer.forward
    processors = model.unet.attn_processors
    try:
        model.unet.set_attn_processor(AttnProcessor())
        assert same(model.ask(x, time, context), theirs(model, x, time, context, {}))
    finally:
        model.unet.set_attn_processor(processors)
    assert torch.equal(model.ask(x, time, context), plain)


@torch.inference_mode()
def test_a_weight_put_in_place_of_another_is_read(model):
    x, time, context, _ = asked(model)
    layer = model.unet.mid_block.attentions[0].transformer_blocks[0].attn1.to_q
    kept = layer.weight
    try:
        layer.weight = torch.nn.Parameter(kept * 2, requires_grad=False)
        assert same(model.ask(x, time, context), theirs(model, x, time, context, {}))
    finally:
        layer.weight = kept


def test_a_layer_of_no_known_kind_is_named():
    class Other(torch.nn.Module):
        pass

    net = deepcopy(small.unet())
    net.conv_in = Other()
    with pytest.raises(TypeError, match="Other"):
        unet.called(net)
