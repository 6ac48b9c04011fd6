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
    return (mine - other).abs().max() <= 5e-6 * other.abs().max()


@torch.inference_mode()
def test_it_works(any_model):
    question = asked(any_model)
    assert same(any_model.ask(*question), theirs(any_model, *question))


@torch.inference_mode()
def test_sides_that_are_no_multiple_of_the_levels(any_model):
    question = asked(any_model, 9, 14)
    assert same(any_model.ask(*question), theirs(any_model, *question))


@torch.inference_mode()
@pytest.mark.parametrize("family", ["sd1", "sd2"])
def test_lines_that_differ_in_their_text_alone_begin_as_one(tmp_path, model, family):
    one = model if family == "sd1" else bases.opened(tmp_path, "sd2", bases.sd2())
    x, time, context, _ = asked(one, lines=2)
    context = torch.cat([context, context.flip(0) * 2])
    each = [part.repeat_interleave(2, 0) for part in (x, time)]
    assert unet.beginning(one.unet)
    assert same(one.ask(x, time, context), one.ask(*each, context))
    reached = recorded(one.unet, lambda: one.ask(x, time, context))
    assert {name for name, lines in reached.items() if lines == 2} == {
        name for name in reached if name.startswith(unet.beginning(one.unet))
    }


def recorded(net, ask):
    """How many lines each layer with a matrix was asked for, by its name."""
    reached = {}

    def heard(name, layer):
        def forward(x):
            reached[name] = len(x)
            return type(layer).forward(layer, x)

        return forward

    layers = {name: layer for name, layer in net.named_modules() if getattr(layer, "weight", torch.ones(1)).ndim > 1}
    layers = {name: layer for name, layer in layers.items() if not name.endswith("to_k") and not name.endswith("to_v")}
    for name, layer in layers.items():
        layer.forward = heard(name, layer)
    try:
        ask()
    finally:
        for layer in layers.values():
            del layer.forward
    return reached


def test_a_base_that_reads_no_text_at_its_first_level_has_no_such_beginning(tmp_path, model):
    assert not unet.beginning(bases.opened(tmp_path, "sdxl", bases.sdxl()).unet)
    processors = model.unet.attn_processors
    try:
        model.unet.set_attn_processor(AttnProcessor())
        assert not unet.beginning(model.unet)
    finally:
        model.unet.set_attn_processor(processors)


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
