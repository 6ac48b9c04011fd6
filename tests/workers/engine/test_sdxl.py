"""SDXL's adapters through a whole picture: LoRAs under every trainer's names, inversions for both text encoders."""

import numpy as np
import pytest
import torch

from tests.workers.engine.test_draw import recipe
from workers.adapters import ADAPTERS, recognised
from workers.engine.draw import draw
from workers.plugins import Header, TensorInfo

# Live modules of every part, and what kohya's tools call them in Stability's names; @ is transformer_blocks.
_MODULES = {
    "unet.down_blocks.1.attentions.0.@.1.attn2.to_k": "unet_input_blocks_4_1_@_1_attn2_to_k",
    "unet.down_blocks.2.attentions.1.proj_in": "unet_input_blocks_8_1_proj_in",
    "unet.mid_block.attentions.0.@.2.ff.net.0.proj": "unet_middle_block_1_@_2_ff_net_0_proj",
    "unet.up_blocks.0.attentions.2.@.0.attn1.to_out.0": "unet_output_blocks_2_1_@_0_attn1_to_out_0",
    "unet.up_blocks.1.resnets.0.conv1": "unet_output_blocks_3_0_in_layers_2",
    "text_encoder.encoder.layers.0.self_attn.q_proj": "te1_text_model_encoder_layers_0_self_attn_q_proj",
    "text_encoder_2.encoder.layers.1.mlp.fc1": "te2_text_model_encoder_layers_1_mlp_fc1",
}
MODULES = {
    live.replace("@", "transformer_blocks"): theirs.replace("@", "transformer_blocks")
    for live, theirs in _MODULES.items()
}
TEXTS = {"text_encoder": "clip_l", "text_encoder_2": "clip_g"}


@pytest.fixture(name="model")
def sdxl_base(sdxl):
    return sdxl


def factors(model):
    """live module → (down, up)."""
    torch.manual_seed(4)
    found = {}
    for name in MODULES:
        out, read, *kernel = model.shapes[name]
        pair = torch.randn(4, read, *kernel) * 0.2, torch.randn(out, 4, *[1] * len(kernel)) * 0.2
        found[name] = pair
    return found


def stability(name):
    return f"lora_{MODULES[name]}", "lora_down", "lora_up"


def kohya(name):
    part, path = name.split(".", 1)
    start = {"unet": "lora_unet_", "text_encoder": "lora_te1_text_model_", "text_encoder_2": "lora_te2_text_model_"}
    return start[part] + path.replace(".", "_"), "lora_down", "lora_up"


def diffusers(name):
    part, path = name.split(".", 1)
    return f"{part}.{path}" if part == "unet" else f"{part}.text_model.{path}", "lora_A", "lora_B"


def lora(model, named):
    tensors = {}
    for name, (down, up) in factors(model).items():
        module, low, high = named(name)
        tensors |= {f"{module}.{low}.weight": down, f"{module}.{high}.weight": up}
    return tensors


@pytest.mark.parametrize("named", [stability, kohya, diffusers])
def test_a_lora_under_every_name_draws_what_its_weights_draw(model, named, monkeypatch):
    tensors = lora(model, named)
    # Which family its shapes tell needs true widths; whose it is does not.
    plug, _ = recognised(Header({key: TensorInfo("F32", tuple(t.shape), (0, 0)) for key, t in tensors.items()}))
    assert plug.slug == "locon"  # it changes a convolution
    edit = plug.read(tensors, {}).at(0.6)
    plain, mine = (draw(model, recipe(steps=2), edits) for edits in ([], [edit]))
    assert np.abs(plain.astype(int) - mine).max() > 5
    kept = {name: model.modules[name].weight.detach().clone() for name in MODULES}
    try:
        with torch.no_grad():
            for name, (down, up) in factors(model).items():
                delta = (up.flatten(1) @ down.flatten(1)).view(kept[name].shape)
                model.modules[name].weight += 0.6 * delta
        # Its words were read before, by encoders that had other weights.
        monkeypatch.setattr(model, "text_key", "changed for this test")
        assert np.abs(draw(model, recipe(steps=2), []).astype(int) - mine).max() <= 1
    finally:
        for name, weight in kept.items():
            model.modules[name].weight.detach().copy_(weight)
    monkeypatch.undo()
    assert np.array_equal(draw(model, recipe(steps=2), []), plain)


def test_an_inversion_speaks_to_both_encoders(model, monkeypatch):
    """A word with vectors of its own draws what a known word draws whose rows hold those vectors."""
    torch.manual_seed(6)
    tables = {name: model.text_encoders[name].get_input_embeddings().weight for name in TEXTS}
    vectors = {TEXTS[name]: torch.randn(1, table.shape[1]) * 0.5 for name, table in tables.items()}
    edit = ADAPTERS["textual_inversion"].read(vectors, {}).called("peach1")
    said = recipe(steps=2, prompt="a peach1, red")
    drawn = draw(model, said, [edit])
    cat = 2368
    kept = {name: table[cat].detach().clone() for name, table in tables.items()}
    plain = draw(model, recipe(steps=2, prompt="a cat, red"), [])
    try:
        for name, table in tables.items():
            table.detach()[cat] = vectors[TEXTS[name]][0]
        monkeypatch.setattr(model, "text_key", "changed for this test")
        assert np.array_equal(draw(model, recipe(steps=2, prompt="a cat, red"), []), drawn)
    finally:
        for name, table in tables.items():
            table.detach()[cat] = kept[name]
    assert not np.array_equal(plain, drawn)
    for side in ("clip_l", "clip_g"):
        one = vectors | {side: torch.zeros_like(vectors[side])}
        other = ADAPTERS["textual_inversion"].read(one, {}).called("peach1")
        assert not np.array_equal(draw(model, said, [other]), drawn), side
