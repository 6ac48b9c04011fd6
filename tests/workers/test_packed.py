"""Matrices, and transformer blocks with weights laid out for the CPU: they say what torch's and diffusers' say."""

from copy import deepcopy

import pytest
import torch
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.attention_processor import AttnProcessor

from tests.workers import small
from workers import packed


@pytest.fixture(params=["down_blocks.0", "up_blocks.1"])
def block(request):
    found = small.unet().get_submodule(f"{request.param}.attentions.0.transformer_blocks.0")
    assert isinstance(found, BasicTransformerBlock)
    return deepcopy(found)


def own(block):
    return packed.Block(block, lambda path: block.get_submodule(path).weight.detach())


def asked(block, lines=2, pixels=16):
    torch.manual_seed(5)
    return torch.randn(lines, pixels, block.norm1.normalized_shape[0]), torch.randn(2, 80, 64)


def same(mine, other):
    return (mine - other).abs().max() <= 1e-6 * other.abs().max()


@torch.inference_mode()
@pytest.mark.parametrize("pixels", [1, 16, 77])
def test_it_works(block, pixels):
    x, context = asked(block, pixels=pixels)
    mine = own(block)
    assert same(mine(x, mine.read(context)), block(x, encoder_hidden_states=context))


@torch.inference_mode()
def test_it_looks_with_the_weights_it_was_given(block):
    x, context = asked(block)
    other = deepcopy(block)
    for layer in other.modules():
        if isinstance(layer, torch.nn.Linear):
            layer.weight.mul_(1.5)
    mine = packed.Block(block, lambda path: other.get_submodule(path).weight.detach())
    assert same(mine(x, mine.read(context)), other(x, encoder_hidden_states=context))
    assert not same(mine(x, mine.read(context)), block(x, encoder_hidden_states=context))


@torch.inference_mode()
def test_what_is_masked_is_not_seen(block):
    x, context = asked(block)
    mask, mine = torch.zeros(1, 1, 1, 80), own(block)
    mask[..., 77:] = -torch.inf
    assert same(mine(x, mine.read(context), mask), block(x, encoder_hidden_states=context[:, :77]))


@torch.inference_mode()
def test_two_texts_look_at_one_line(block):
    x, context = asked(block, lines=1)
    mine = own(block)
    assert same(mine(x, mine.read(context)), block(x.expand(2, -1, -1), encoder_hidden_states=context))


def test_what_it_takes_is_what_its_matrices_take(block):
    layers = [layer for layer in block.modules() if isinstance(layer, torch.nn.Linear)]
    own_bytes = sum(layer.weight.numel() * 4 for layer in layers)
    assert own_bytes <= own(block).bytes <= own_bytes * 1.3  # narrow heads are filled up


@torch.inference_mode()
@pytest.mark.parametrize("stride", [1, 2])
def test_a_convolution_s_own_weight(stride):
    layer = torch.nn.Conv2d(48, 32, 3, stride, padding=1).to(memory_format=torch.channels_last)
    mine = packed.Convolution(layer)
    for lines, side in [(2, 8), (3, 5), (1, 8), (2, 4), (2, 9), (2, 8)]:  # more sizes than are kept
        x = torch.randn(lines, 48, side, side).contiguous(memory_format=torch.channels_last)
        said = layer(x)
        assert same(mine(x), said)
        assert same(mine.plus(x, said), said * 2)
    assert layer.weight.numel() * 4 <= mine.bytes <= layer.weight.numel() * 4 * packed.SIZES_KEPT
    others = torch.nn.Conv2d(4, 4, 1), layer.half(), torch.nn.Linear(4, 4)
    assert packed.convolves(torch.nn.Conv2d(4, 4, 3))
    assert not any(map(packed.convolves, others))


@torch.inference_mode()
@pytest.mark.parametrize("least", [0, packed.LEAST])
@pytest.mark.parametrize("bias", [True, False])
def test_any_matrix(monkeypatch, least, bias):
    monkeypatch.setattr(packed, "LEAST", least)
    layer, x = torch.nn.Linear(48, 96, bias=bias), torch.randn(2, 33, 48)
    assert same(packed.linear(x, layer.weight, layer.bias), layer(x))
    half, other = layer.to(torch.bfloat16), x.to(torch.bfloat16)
    assert torch.equal(packed.linear(other, half.weight, half.bias), half(other))


@torch.inference_mode()
@pytest.mark.parametrize("least", [0, packed.LEAST])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_a_convolution_of_one_pixel(monkeypatch, least, layout):
    monkeypatch.setattr(packed, "LEAST", least)
    layer = torch.nn.Conv2d(5, 7, 1).to(memory_format=layout)
    x = torch.randn(2, 5, 3, 9).contiguous(memory_format=layout)
    assert same(packed.mixed(x, layer.weight, layer.bias), layer(x))


@torch.inference_mode()
def test_a_script_says_what_python_says(block):
    x, context = asked(block, lines=1)
    mine, mask = own(block), torch.zeros(1, 1, 1, 80)
    told = mine.read(context), mask, mine.matrices, mine.norms, mine.heads, mine.scale
    assert isinstance(packed._seen, torch.jit.ScriptFunction)
    assert torch.equal(packed._seen(x, *told), packed._through(x, *told))


def test_what_no_script_can_be_made_of_stays_python():
    def none(*everything):
        """No script takes any number of things."""

    assert packed._scripted(none) is none


def test_other_blocks_are_left_alone(block):
    assert packed.fits(block)
    assert not packed.fits(deepcopy(block).half())
    block.attn2.set_processor(AttnProcessor())
    assert not packed.fits(block)
