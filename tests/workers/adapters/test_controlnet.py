import pytest
import torch

from tests.workers import small
from workers.adapters.controlnet import adapter
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


def test_it_is_not_drawn_with():
    with pytest.raises(Refusal, match="not drawn with yet"):
        adapter.read({}, {})
