import pytest
import torch

from tests.workers import small
from workers.adapters.t2i_adapter import adapter
from workers.errors import Refusal
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


def as_published(live):
    """The authors' own names of diffusers' tensors."""
    told = {}
    for key, tensor in live.items():
        _, _, level, *rest = key.split(".") if ".body." in key else ("", "", 0, key.removeprefix("adapter."))
        if rest[0] == "resnets" and "out_conv" not in str(live.keys()):
            told[f"body.{2 * int(level) + int(rest[1])}.{rest[2]}.{rest[3]}"] = tensor
        elif rest[0] == "resnets":
            told[f"body.{level}.body.{rest[1]}.{rest[2]}.{rest[3]}"] = tensor
        elif ".in_conv." in key and "out_conv" not in str(live.keys()):
            told[f"body.{2 * int(level)}.in_conv.{rest[1]}"] = tensor
        else:
            told[key.removeprefix("adapter.")] = tensor
    return told


@pytest.mark.parametrize("kind", ["full_adapter", "light_adapter"])
@torch.no_grad()
def test_every_layout_sees_what_diffusers_sees(model, kind):
    net = small.t2i(kind, (48, 96, 144, 144) if kind == "full_adapter" else (48, 96, 144))
    picture = torch.rand(1, 3, 64, 64)
    theirs = net(picture)
    for tensors in (net.state_dict(), as_published(net.state_dict())):
        assert recognise(small.header(tensors)).match.claimed == tensors.keys()
        mine = adapter.read(tensors, {}).control(model).seen(picture)
        assert len(mine) == 4
        assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(mine, theirs, strict=True))


def test_another_base_s_is_said(model):
    with pytest.raises(Refusal, match=r"its levels are \[32, 64, 64, 64\] wide"):
        adapter.read(small.t2i(channels=(32, 64, 64, 64)).state_dict(), {}).control(model)
    with pytest.raises(Refusal, match="no layer that reads a hint"):
        adapter.read({"body.0.resnets.0.block1.weight": torch.ones(1)}, {})
