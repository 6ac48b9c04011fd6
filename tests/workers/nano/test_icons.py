"""Pictures composed of icons: where they stand, and how large."""

import torch

from workers.nano import icons


def cornered(count):
    """Icons all white but for a black left third."""
    rgba = torch.full((count, 4, icons.SIZE, icons.SIZE), 255, dtype=torch.uint8)
    rgba[:, :3, :, : icons.SIZE // 3] = 0
    return rgba


def test_moved_icons_are_whole_of_every_size_and_hand():
    red = torch.tensor([icons.BACKGROUNDS["red"]], dtype=torch.float32).expand(64, -1)
    pictures = icons.compose_moved(cornered(64), red, torch.Generator().manual_seed(1))
    laid = (pictures[:, 1] - pictures[:, 1].amin() > 0.5) | (pictures[:, 0] < 0)  # what is not the ground
    sizes = laid.float().mean((1, 2)).sqrt()
    assert sizes.min() > icons.SIZES[0] - 0.03
    assert sizes.min() < 0.65
    assert sizes.max() > 0.9
    dark = (pictures[:, 0] < 0).float().cumsum(2)[:, :, -1].mean(1)
    assert torch.allclose(dark / icons.SIZE, sizes.square() / 3, atol=0.03), "no part of an icon is cut off"
    columns = torch.arange(icons.SIZE, dtype=torch.float32)
    middle = [(mask.float().sum(1) @ columns) / mask.sum((1, 2)) for mask in (pictures[:, 0] < 0, laid)]
    assert 16 < (middle[0] < middle[1]).sum() < 48, "half of them are mirrored"


def test_an_icon_as_drawn_stands_in_the_middle():
    white = torch.tensor([[255.0, 255.0, 255.0]])
    picture = icons.compose(cornered(1), white, torch.Generator().manual_seed(1), vary=0)
    dark = picture[0, 0] < 0
    assert torch.equal(dark, dark.flip(0))
    assert bool(dark[:, : icons.SIZE // 3].any())
    assert not bool(dark[:, icons.SIZE // 2 :].any())
