import json

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn

from tests.workers import small
from tests.workers.adapters import oracle
from workers.adapters import recognised
from workers.adapters.lora import adapter
from workers.errors import Refusal


def read(tensors):
    return adapter.read(tensors, {})


def test_it_works(model):
    tensors = small.lora()
    edit = read(tensors).at(0.5)
    touched = edit.fit(model.shapes)
    assert len(touched) == len(tensors) // 3
    name = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"
    flat = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    up, down = tensors[f"{flat}.lora_up.weight"], tensors[f"{flat}.lora_down.weight"]
    # alpha is half of the rank, the weight is half of one
    assert torch.allclose(edit.delta(name, model.modules[name].weight), 0.25 * up @ down, atol=1e-6)


def test_a_convolution_is_what_drawing_through_both_factors_is(model):
    tensors = small.lora()
    name, flat = "unet.down_blocks.0.resnets.0.conv1", "lora_unet_down_blocks_0_resnets_0_conv1"
    delta = read(tensors).delta(name, model.modules[name].weight)
    x = torch.randn(1, 48, 5, 5)
    through = torch.nn.functional.conv2d(x, tensors[f"{flat}.lora_down.weight"], padding=1)
    through = torch.nn.functional.conv2d(through, tensors[f"{flat}.lora_up.weight"]) * 0.5
    assert torch.allclose(torch.nn.functional.conv2d(x, delta, padding=1), through, atol=1e-4)


def test_it_equals_peft():
    """As PEFT's layers merge, whose alpha diffusers keeps in the metadata."""
    torch.manual_seed(3)
    layers = nn.ModuleDict({"to_q": nn.Linear(144, 144, bias=False), "conv": nn.Conv2d(48, 96, 3, padding=1)})
    before = {name: layer.weight.detach().clone() for name, layer in layers.items()}
    config = LoraConfig(r=4, lora_alpha=6, alpha_pattern={"conv": 3}, target_modules=["to_q", "conv"])
    wrapped = get_peft_model(layers, config)
    tensors = {}
    for name, path in {"to_q": "mid_block.attentions.0.to_q", "conv": "down_blocks.1.resnets.0.conv"}.items():
        layer = wrapped.base_model.model[name]
        nn.init.normal_(layer.lora_B["default"].weight, std=0.2)
        tensors[f"unet.{path}.lora_A.weight"] = layer.lora_A["default"].weight.detach()
        tensors[f"unet.{path}.lora_B.weight"] = layer.lora_B["default"].weight.detach()
    told = {"unet.r": 4, "unet.lora_alpha": 6, "unet.alpha_pattern": {"down_blocks.1.resnets.0.conv": 3}}
    edit = adapter.read(tensors, {"lora_adapter_metadata": json.dumps(told)})
    merged = wrapped.merge_and_unload()
    for name, path in {"to_q": "mid_block.attentions.0.to_q", "conv": "down_blocks.1.resnets.0.conv"}.items():
        mine = before[name] + edit.delta(f"unet.{path}", before[name])
        assert oracle.distance(mine, merged[name].weight.detach()) <= 1e-6


def test_a_middle_factor_is_contracted():
    up, mid, down = torch.randn(6, 2, 1, 1), torch.randn(2, 2, 3, 3), torch.randn(2, 5, 1, 1)
    tensors = {"lora_unet_conv_in.lora_up.weight": up, "lora_unet_conv_in.lora_down.weight": down}
    tensors["lora_unet_conv_in.lora_mid.weight"] = mid
    delta = read(tensors).delta("unet.conv_in", torch.zeros(6, 5, 3, 3))
    wanted = torch.einsum("mnwh,im,nj->ijwh", mid, up[:, :, 0, 0], down[:, :, 0, 0])
    assert torch.allclose(delta, wanted, atol=1e-5)


def test_the_original_names_find_the_same_modules(model):
    name = "lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q"
    tensors = {f"{name}.lora_up.weight": torch.randn(48, 2), f"{name}.lora_down.weight": torch.randn(2, 48)}
    wanted = {"unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"}
    assert read(tensors).fit(model.shapes) == wanted


@pytest.mark.parametrize(
    ("down", "up"),
    [
        ("unet.{}.lora_A.weight", "unet.{}.lora_B.weight"),
        ("base_model.model.unet.{}.lora_A.default.weight", "base_model.model.unet.{}.lora_B.default.weight"),
        ("unet.base_model.model.{}.lora_A.weight", "unet.base_model.model.{}.lora_B.weight"),
        ("unet.{}.lora.down.weight", "unet.{}.lora.up.weight"),
    ],
)
def test_other_trainers_names_find_the_same_modules(model, down, up):
    path = "mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0"
    tensors = {down.format(path): torch.randn(2, 144), up.format(path): torch.randn(144, 2)}
    assert adapter.recognise(small.header(tensors)).claimed == set(tensors)
    assert read(tensors).fit(model.shapes) == {f"unet.{path}"}


def test_old_processor_names_find_the_same_modules(model):
    path = "mid_block.attentions.0.transformer_blocks.0.attn1"
    tensors = {
        f"unet.{path}.processor.to_out_lora.down.weight": torch.randn(2, 144),
        f"unet.{path}.processor.to_out_lora.up.weight": torch.randn(144, 2),
        "text_encoder.text_model.encoder.layers.0.mlp.fc1.lora_linear_layer.down.weight": torch.randn(2, 64),
        "text_encoder.text_model.encoder.layers.0.mlp.fc1.lora_linear_layer.up.weight": torch.randn(256, 2),
    }
    assert read(tensors).fit(model.shapes) == {f"unet.{path}.to_out.0", "text_encoder.encoder.layers.0.mlp.fc1"}


@pytest.mark.parametrize(
    ("width", "family", "variant"),
    [(768, "sd1", ""), (1024, "sd2", ""), (2048, "sdxl", ""), (64, "sd1", "nano")],
)
def test_the_base_is_known_by_what_cross_attention_reads(width, family, variant):
    name = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
    tensors = {f"{name}.lora_down.weight": torch.zeros(4, width), f"{name}.lora_up.weight": torch.zeros(640, 4)}
    plug, match = recognised(small.header(tensors))
    assert (plug.slug, match.base, match.variant) == ("lora", family, variant)
    assert match.summary["ranks"] == [4]


def test_tensors_of_no_known_kind_are_refused():
    """Leaving one out would draw another picture than the file's."""
    with pytest.raises(Refusal, match=r"1 of this LoRA's tensors .* lora_unet_conv_in.something"):
        read(small.lora() | {"lora_unet_conv_in.something": torch.zeros(1)})


def test_names_of_both_kinds_for_one_module_are_refused(model):
    names = ["lora_unet_input_blocks_1_1_proj_in", "lora_unet_down_blocks_0_attentions_0_proj_in"]
    tensors = {
        f"{name}.lora_{half}.weight": torch.zeros(*shape, 1, 1)
        for name in names
        for half, shape in {"up": (48, 2), "down": (2, 48)}.items()
    }
    with pytest.raises(Refusal, match="twice"):
        read(tensors).fit(model.shapes)


def test_a_lora_for_another_base_is_refused(model):
    name = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    tensors = {f"{name}.lora_down.weight": torch.zeros(4, 768), f"{name}.lora_up.weight": torch.zeros(320, 4)}
    with pytest.raises(Refusal, match=r"320×768.*48×64"):
        read(tensors).fit(model.shapes)


def test_a_lora_without_a_module_here_is_refused(model):
    tensors = {"lora_unet_x.lora_down.weight": torch.zeros(4, 8), "lora_unet_x.lora_up.weight": torch.zeros(8, 4)}
    with pytest.raises(Refusal, match="made for another"):
        read(tensors).fit(model.shapes)


def test_a_module_that_is_not_here_is_named(model):
    more = {"lora_unet_x.lora_down.weight": torch.zeros(4, 8), "lora_unet_x.lora_up.weight": torch.zeros(8, 4)}
    with pytest.raises(Refusal, match="lora_unet_x"):
        read(small.lora() | more).fit(model.shapes)


def test_numbers_that_are_not_finite_are_refused():
    tensors = small.lora()
    next(iter(tensors.values()))[0, 0] = float("nan")
    with pytest.raises(Refusal, match="not finite"):
        read(tensors)


def test_half_a_pair_is_refused():
    with pytest.raises(Refusal, match="lacks half"):
        read({"lora_unet_conv_in.lora_up.weight": torch.zeros(4, 4)})


def test_inversions_inside_bring_words_that_may_stay_unsaid(model):
    bundled = {"bundle_emb.dusk.string_to_param.*": torch.ones(2, 64), "bundle_emb.dawn.emb_params": torch.zeros(1, 64)}
    _, match = recognised(small.header(small.lora() | bundled))
    assert match.claimed >= bundled.keys()
    assert match.summary["words"] == ["dawn", "dusk"]
    edit = read(small.lora() | bundled)
    assert edit.fit(model.shapes)
    assert edit.words_optional
    assert torch.equal(edit.words()["dusk"]["text_encoder"], torch.ones(2, 64))
    wide = {"bundle_emb.dusk.emb_params": torch.ones(2, 768)}
    with pytest.raises(Refusal, match="768 wide"):
        read(small.lora() | wide).fit(model.shapes)


@pytest.mark.parametrize(
    ("name", "family", "candidates"),
    [
        ("lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q", "", ("sd1", "sd2", "sdxl")),
        ("lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q", "", ("sd1", "sd2")),
        ("lora_unet_input_blocks_7_1_transformer_blocks_9_attn1_to_q", "sdxl", ()),
        ("lora_te2_text_model_encoder_layers_3_self_attn_q_proj", "sdxl", ()),
        ("transformer.single_transformer_blocks.3.attn.to_q", "flux1", ()),
        ("lora_unet_joint_blocks_3_x_block_attn_qkv", "sd3", ()),
    ],
)
def test_the_base_is_known_by_names_where_widths_do_not_tell(name, family, candidates):
    down, up = ("lora_A", "lora_B") if "." in name else ("lora_down", "lora_up")
    tensors = {f"{name}.{down}.weight": torch.zeros(4, 640), f"{name}.{up}.weight": torch.zeros(640, 4)}
    _, match = recognised(small.header(tensors))
    assert (match.base, match.candidates) == (family, candidates)
