import pytest
import torch

from tests.workers import small
from workers.adapters.controlnet import adapter
from workers.bases import layout
from workers.errors import Refusal
from workers.inspection import recognise

ORIGINAL = {
    "input_blocks.0.0.weight": (320, 4, 3, 3),
    "input_blocks.1.1.transformer_blocks.0.attn1.to_k.weight": (320, 320),
    "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (320, 768),
    "input_hint_block.0.weight": (16, 3, 3, 3),
    "zero_convs.0.0.weight": (320, 320, 1, 1),
    "middle_block_out.0.weight": (1280, 1280, 1, 1),
    "time_embed.0.weight": (1280, 320),
}
DIFFUSERS = {
    "conv_in.weight": (320, 4, 3, 3),
    "controlnet_cond_embedding.conv_in.weight": (16, 3, 3, 3),
    "controlnet_down_blocks.0.weight": (320, 320, 1, 1),
    "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight": (640, 2048),
    "mid_block.resnets.0.conv1.weight": (1280, 1280, 3, 3),
}
LITE = "lllite_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q"
FILES = {
    "original": (ORIGINAL, "sd1"),
    "original with its prefix": ({f"control_model.{key}": shape for key, shape in ORIGINAL.items()}, "sd1"),
    "difference": (ORIGINAL | {"difference": ()}, "sd1"),
    "diffusers": (DIFFUSERS, "sdxl"),
    "union": (DIFFUSERS | {"task_embedding": (6, 320), "control_add_embedding.linear_1.weight": (1280, 1536)}, "sdxl"),
    "low-rank": (
        {
            "lora_controlnet": (),
            "input_hint_block.0.weight": (16, 3, 3, 3),
            "input_blocks.4.1.transformer_blocks.0.attn2.to_k.up": (640, 128),
            "input_blocks.4.1.transformer_blocks.0.attn2.to_k.down": (128, 2048),
        },
        "",
    ),
    "LLLite": ({f"{LITE}.down.0.weight": (32, 640), f"{LITE}.mid.0.weight": (32, 64)}, "sdxl"),
}


@pytest.mark.parametrize("layout", FILES)
def test_every_layout_is_known_with_its_base(layout):
    shapes, family = FILES[layout]
    found = recognise(small.header({key: torch.zeros(shape, device="meta") for key, shape in shapes.items()}))
    assert (found.kind, found.family) == ("controlnet", family)
    assert found.match.claimed == shapes.keys()
    assert layout.startswith(found.match.summary["layout"])


LIVE = lambda: small.controlnet().state_dict()  # noqa: E731


def original(live):
    return {f"control_model.{key}": tensor for key, tensor in layout.controlnet_to_original(live).items()}


def test_the_original_layout_is_diffusers_under_other_names():
    live = LIVE()
    told = original(live)
    assert recognise(small.header(told)).match.claimed == told.keys()
    assert "control_model.zero_convs.11.0.weight" in told
    assert "control_model.input_hint_block.14.weight" in told  # as in those that are published
    for tensors in (told, {key.removeprefix("control_model."): tensor for key, tensor in told.items()}, live):
        read = adapter.read(tensors, {}).state
        assert read.keys() == live.keys()
        assert all(torch.equal(read[key], live[key]) for key in live)


@torch.no_grad()
def test_a_difference_is_the_whole_less_the_base(model):
    live = LIVE()
    less = dict(live)
    for name, weight in model.tensors.items():
        path = name.removeprefix("unet.")
        key = path if path in live else f"{path}.weight"
        if name.startswith("unet.") and key in live:
            less[key] = live[key] - weight
    assert not torch.equal(less["conv_in.weight"], live["conv_in.weight"])
    made = adapter.read(original(less) | {"difference": torch.tensor(1.0)}, {}).control(model)
    for key, tensor in made.net.state_dict().items():
        assert torch.allclose(tensor, live[key], atol=1e-6), key


@pytest.mark.parametrize("key", ["task_embedding", "lora_controlnet", "control_add_embedding.linear_1.weight"])
def test_other_layouts_are_kept_and_said(key):
    with pytest.raises(Refusal, match="not drawn with yet"):
        adapter.read(LIVE() | {key: torch.ones(1)}, {})


def test_what_is_broken_or_for_another_base_is_said(model):
    broken = LIVE()
    broken["conv_in.weight"] = broken["conv_in.weight"] * float("nan")
    with pytest.raises(Refusal, match=r"not finite, in conv_in\.weight"):
        adapter.read(broken, {})
    with pytest.raises(Refusal, match="not known here"):
        adapter.read({"conv_in.weight": torch.ones(1)}, {})
    half = {key: tensor for key, tensor in LIVE().items() if "time_embedding" not in key}
    with pytest.raises(Refusal, match="made for another base"):
        adapter.read(half, {}).control(model)
    name = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight"
    with pytest.raises(Refusal, match=r"attn2\.to_k\.weight is 48×768, the base's 48×64"):
        adapter.read(LIVE() | {name: torch.ones(48, 768)}, {}).control(model)
