import pytest
import torch
from lycoris.modules.glora import GLoRAModule

from tests.workers.adapters import oracle


@pytest.mark.parametrize("name", oracle.LAYERS)
def test_it_equals_lycoris(name):
    oracle.agrees("glora", oracle.module(GLoRAModule, name, lora_dim=4, alpha=2), name)


@pytest.mark.parametrize("name", oracle.MATRICES)
def test_older_files_swap_their_names(name):
    tensors = oracle.file(oracle.module(GLoRAModule, name, lora_dim=4, alpha=2))
    flat = oracle.flat(name)
    swapped = {
        f"{flat}.{new}.weight": tensors[f"{flat}.{old}.weight"]
        for new, old in {"a1": "a2", "a2": "a1", "b1": "b2", "b2": "b1"}.items()
    }
    base = oracle.layer(name).weight.detach()
    mine = oracle.read("glora", swapped | {f"{flat}.alpha": torch.tensor(2.0)}).delta(name, base)
    assert torch.equal(mine, oracle.read("glora", tensors).delta(name, base))
