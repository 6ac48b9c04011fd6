"""The measure of ControlNets: how well the lines of two pictures agree."""

import numpy as np
import pytest

from workers.nano.gates_kinds import agreement


def boxes(*corners):
    """A white picture with black boxes of 40 pixels, each at its corner."""
    pixels = np.full((128, 128, 3), 255, np.uint8)
    for top, left in corners:
        pixels[top : top + 40, left : left + 40] = 0
    return pixels


def test_the_same_lines_agree_wholly_in_whatever_colours():
    wanted = boxes((20, 20))
    assert agreement(wanted, wanted) == 1.0
    assert agreement(wanted, 255 - wanted) == 1.0
    assert agreement(wanted, boxes((21, 21))) == 1.0, "a pixel or two beside is near"


def test_lines_elsewhere_do_not_agree():
    assert agreement(boxes((20, 20)), boxes((70, 70))) == 0.0
    assert agreement(boxes((20, 20)), boxes()) == 0.0, "a picture without lines follows none"


def test_a_picture_of_more_lines_agrees_less():
    both = boxes((10, 10), (70, 70))
    assert agreement(boxes((10, 10)), both) == pytest.approx(2 / 3, abs=0.02)
    assert agreement(both, boxes((10, 10))) == pytest.approx(2 / 3, abs=0.02)
    noise = np.random.default_rng(1).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    assert agreement(boxes((10, 10)), noise) < 0.3
