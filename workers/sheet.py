"""The contact sheet of a plot: its pictures in rows and columns, what was changed written beside them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from workers.messages import Axis
from workers.plots import AXES, WORDINGS

GAP, LETTERS = 8, 14
# Very large plots are shown smaller: a sheet is for looking at, every picture is kept beside it.
LARGEST = 4096
PAPER, INK = (255, 255, 255), (20, 20, 20)


def drawn(axes: list[Axis], pictures: dict[tuple[int, int, int], np.ndarray]) -> Image.Image:
    """The sheet: x from left to right, y downwards, one such table below the other for z.

    pictures: place → uint8 [h, w, 3]; cells without one stay empty.
    """
    columns, rows, tables = (len(axes[n].values) if n < len(axes) else 1 for n in range(3))
    height, width = (max(picture.shape[side] for picture in pictures.values()) for side in (0, 1))
    font = ImageFont.load_default(LETTERS)
    left = max((int(font.getlength(text)) for text in _texts(axes, 1)), default=0) + 2 * GAP if len(axes) > 1 else GAP
    top, title = LETTERS + 2 * GAP, LETTERS + 2 * GAP if len(axes) > 2 else 0
    table = title + top + rows * (height + GAP)
    sheet = Image.new("RGB", (left + columns * (width + GAP), tables * table + GAP), PAPER)
    pen = ImageDraw.Draw(sheet)
    for z in range(tables):
        above = z * table
        if title:
            pen.text((GAP, above + GAP), _texts(axes, 2)[z], INK, font)
        for x in range(columns):
            label = _short(_texts(axes, 0)[x], width, font)
            pen.text((left + x * (width + GAP), above + title + GAP), label, INK, font)
        for y in range(rows):
            at = above + title + top + y * (height + GAP)
            if len(axes) > 1:
                pen.text((GAP, at + GAP), _texts(axes, 1)[y], INK, font)
            for x in range(columns):
                if (picture := pictures.get((x, y, z))) is not None:
                    sheet.paste(Image.fromarray(picture), (left + x * (width + GAP), at))
    sheet.thumbnail((LARGEST, LARGEST))
    return sheet


def _texts(axes: list[Axis], number: int) -> list[str]:
    if number >= len(axes):
        return [""]
    axis = axes[number]
    if axis.name in WORDINGS:
        return [text[:60] for text in _differing(axis.values)]
    return [f"{AXES[axis.name].label}: {value}"[:60] for value in axis.values]


def _differing(values: Sequence[str]) -> list[str]:
    """Whole prompts without the words that all begin and end with."""
    words = [value.split() for value in values]
    shortest = min(map(len, words))

    def alike(ends: list[list[str]]) -> int:
        return next((n for n in range(shortest) if len({end[n] for end in ends}) > 1), shortest)

    before = alike(words)
    after = min(alike([one[::-1] for one in words]), shortest - before)
    return [" ".join(one[before : len(one) - after]).strip(" ,") or "–" for one in words]


def _short(text: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """``text``, its beginning left out as far as it does not fit."""
    while len(text) > 1 and font.getlength(text) > width:
        text = text[1:]
    return text
