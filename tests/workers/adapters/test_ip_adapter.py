import pytest
import torch

from tests.workers import small
from workers.inspection import recognise


@pytest.mark.parametrize(("width", "family"), [(768, "sd1"), (2048, "sdxl")])
def test_it_is_known_with_its_base(width, family):
    shapes = {"image_proj.latents": (1, 16, 768), "ip_adapter.1.to_k_ip.weight": (320, width)}
    shapes |= {"ip_adapter.1.to_v_ip.weight": (320, width), "ip_adapter.0.to_q_lora.down.weight": (128, 320)}
    found = recognise(small.header({key: torch.zeros(shape, device="meta") for key, shape in shapes.items()}))
    assert (found.kind, found.family) == ("ip_adapter", family)
    assert found.match.claimed == shapes.keys()
    assert found.match.summary == {"attentions": 1, "plus": True, "face": True}
