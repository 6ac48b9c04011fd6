import io

import numpy as np
import pytest
from PIL import Image

from workers import plots, sheet
from workers.errors import Refusal
from workers.messages import Recipe, Use

RECIPE = Recipe(
    base="0" * 64, base_family="sd1", prompt="a red cat", uses=(Use(kind="lora", sha256="1" * 64, weight=0.5),)
)


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("steps", "4, 8,12", ("4", "8", "12")),
        ("steps", "1-10 (+3)", ("1", "4", "7", "10")),
        ("steps", "3-1", ("3", "2", "1")),
        ("cfg", "1-7 [4]", ("1", "3", "5", "7")),
        ("cfg", "1.0-2.0 (+0.5)", ("1", "1.5", "2")),
        ("weight_1", "-1-1 (+0.5)", ("-1", "0", "0", "0", "1")),
        ("sampler", "Euler a, DPM++ 2M Karras", ("Euler a", "DPM++ 2M Karras")),
        ("prompt", 'red, "blue, bright"', ("red", "blue, bright")),
        ("size", "64x128, 128", ("64x128", "128")),
    ],
)
def test_values_are_written_as_in_a1111(name, text, values):
    if name == "weight_1":  # a stride in parts makes parts
        values = ("-1", "-0.5", "0", "0.5", "1")
    assert plots.axis(name, text).values == values


def test_it_works():
    axes = [plots.axis("cfg", "3, 5"), plots.axis("weight_1", "0, 1"), plots.axis("prompt", "red, blue")]
    cells = plots.cells(RECIPE, axes)
    assert len(cells) == 8
    # What costs most changes least: the stack first, then the words.
    assert [cell.recipe.uses[0].weight for cell in cells] == [0] * 4 + [1] * 4
    assert [cell.recipe.prompt for cell in cells[:4]] == ["a red cat"] * 2 + ["a blue cat"] * 2
    assert [cell.place for cell in cells[:2]] == [(0, 0, 0), (1, 0, 0)]
    assert cells[1].recipe.cfg == 5


def test_a_sampler_keeps_the_schedule_that_another_axis_sets():
    axes = [plots.axis("schedule", "Karras, Exponential"), plots.axis("sampler", "Euler, DPM++ 2M Karras")]
    assert {cell.recipe.schedule for cell in plots.cells(RECIPE, axes)} == {"Karras", "Exponential"}


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("mood", "good", "no axis"),
        ("steps", " , ", "no values"),
        ("steps", "1-1000", "more than"),
        ("cfg", "1-5 (+0)", "stride"),
    ],
)
def test_an_axis_that_is_none_is_refused(name, text, sentence):
    with pytest.raises(Refusal, match=sentence):
        plots.axis(name, text)


@pytest.mark.parametrize(
    ("axes", "sentence"),
    [
        ([("steps", "many")], "Steps cannot be many"),
        ([("prompt", "green, blue")], "does not say"),
        ([("weight_2", "1")], "no adapter 2"),
        ([("sampler", "none such")], "no sampler"),
        ([("steps", "1-50"), ("cfg", "1-9")], "450 pictures"),
        ([("steps", "1"), ("steps", "2")], "each another"),
        ([("checkpoint", "nano")], "SHA-256"),
    ],
)
def test_a_plot_that_cannot_be_drawn_is_refused(axes, sentence):
    with pytest.raises(Refusal, match=sentence):
        plots.cells(RECIPE, [plots.axis(*one) for one in axes])


def test_the_sheet_shows_every_cell_where_it_belongs():
    axes = [plots.axis("cfg", "3, 5, 7"), plots.axis("steps", "4, 8"), plots.axis("seed", "1, 2")]
    shade = {cell.place: 10 + 15 * n for n, cell in enumerate(plots.cells(RECIPE, axes))}
    pictures = {place: np.full((64, 64, 3), level, np.uint8) for place, level in shade.items()}
    drawn = sheet.drawn(axes, pictures)
    buffer = io.BytesIO()
    drawn.save(buffer, "PNG")
    seen = np.asarray(Image.open(buffer).convert("L"))
    areas = {level: int((seen == level).sum()) for level in shade.values()}
    assert min(areas.values()) >= 64 * 64
    # Letters have every shade: most pixels of one are its cell's.
    first, last = (np.median(np.argwhere(seen == shade[place]), axis=0) for place in ((0, 0, 0), (2, 1, 1)))
    assert (first + 64 < last).all()
