import pytest
import torch

from tests.workers import small
from workers.inspection import recognise

FILES = {
    "diffusers": (
        {"adapter.conv_in.weight": (320, 192, 3, 3), "adapter.body.0.resnets.0.block1.weight": (320, 320, 3, 3)},
        "sd1",
    ),
    "original": ({"conv_in.weight": (320, 64, 3, 3), "body.0.block1.weight": (320, 320, 3, 3)}, "sd1"),
    "light": ({"body.0.in_conv.weight": (80, 192, 1, 1), "body.0.body.0.block1.weight": (80, 80, 3, 3)}, "sd1"),
    "SDXL's": ({"conv_in.weight": (320, 768, 3, 3), "body.0.resnets.0.block1.weight": (320, 320, 3, 3)}, "sdxl"),
}


@pytest.mark.parametrize("layout", FILES)
def test_every_layout_is_known_with_its_base(layout):
    shapes, family = FILES[layout]
    found = recognise(small.header({key: torch.zeros(shape, device="meta") for key, shape in shapes.items()}))
    assert (found.kind, found.family) == ("t2i_adapter", family)
    assert found.match.claimed == shapes.keys()
