import pytest
import torch
from lycoris.modules.lokr import LokrModule

from tests.workers.adapters import oracle

FORMS = {
    "larger factor low-rank": {"lora_dim": 2, "factor": 4},
    "both low-rank": {"lora_dim": 1, "factor": 8, "decompose_both": True},
    "both whole": {"lora_dim": 10_000, "factor": 4, "full_matrix": True},
    "with a core": {"lora_dim": 2, "factor": 4, "use_tucker": True},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", oracle.LAYERS)
def test_it_equals_lycoris(name, form):
    oracle.agrees("lokr", oracle.module(LokrModule, name, alpha=1, **FORMS[form]), name)


def test_its_base_is_known_by_both_factors():
    tensors = {
        "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lokr_w1": torch.zeros(8, 16),
        "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lokr_w2_a": torch.zeros(40, 4),
        "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lokr_w2_b": torch.zeros(4, 48),
    }
    from tests.workers import small
    from workers.adapters import recognised

    _, match = recognised(small.header(tensors))
    assert (match.base, match.summary["ranks"]) == ("sd1", [4])
