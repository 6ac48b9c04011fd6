"""Pictures that a recipe is drawn by, in the try-it form: a ControlNet's hint in its row, and what a drawing starts
from. Every value is kept as it was typed, so that a refused form comes back as it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from hub.tryit.stacks import BadRecipe
from workers.hints import FILLS, MODES, PREPROCESSORS, RESIZES, Hint, Source

HINT = {
    "picture": "", "preprocessor": "none", "low": "", "high": "", "resize": "Crop and Resize", "mode": "Balanced",
    "start": "0", "end": "1",
}  # fmt: skip
SOURCE = {
    "picture": "", "denoising": "0.75", "resize": "Just Resize", "mask": "", "invert": "", "blur": "4", "fill": "fill",
    "only_masked": "", "padding": "32",
}  # fmt: skip
_WHOLE = {"blur", "padding"}
_FLAGS = {"invert", "only_masked"}
_NUMBERS = {"low", "high", "start", "end", "denoising", *_WHOLE}
CHOICES = {"preprocessors": list(PREPROCESSORS), "resizes": RESIZES, "modes": MODES, "fills": FILLS}


def fields(data: Mapping[str, Any], prefix: str, usual: Mapping[str, str]) -> dict[str, str]:
    """What the form says below ``prefix``; ``usual`` where it says nothing. A box that is not ticked is not sent."""
    there = f"{prefix}picture" in data
    said = {
        name: str(data.get(f"{prefix}{name}", "" if there and name in _FLAGS else value))[:80]
        for name, value in usual.items()
    }
    return {name: said[name].strip() for name in usual}


def shown(thing: Hint | Source) -> dict[str, str]:
    """A recipe's hint or source as the form shows it."""
    usual = HINT if isinstance(thing, Hint) else SOURCE
    values = {name: getattr(thing, name) for name in usual}
    return {
        name: ("on" if value else "")
        if isinstance(value, bool)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
        for name, value in values.items()
    }


def hint(said: Mapping[str, str]) -> Hint:
    """Raises `BadRecipe` for a number that is none."""
    preprocessor = said["preprocessor"] if said["preprocessor"] in PREPROCESSORS else "none"
    usual = dict(zip(("low", "high"), PREPROCESSORS[preprocessor], strict=True))  # type: ignore[index]
    return Hint(**_read(said, usual | {"start": 0.0, "end": 1.0}))


def source(said: Mapping[str, str]) -> Source | None:
    """None where no picture is given. Raises `BadRecipe` for a number that is none."""
    return Source(**_read(said, {"denoising": 0.75, "blur": 4, "padding": 32})) if said["picture"] else None


def _read(said: Mapping[str, str], usual: Mapping[str, float]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, text in said.items():
        if name in _FLAGS:
            values[name] = bool(text)
        elif name in _NUMBERS:
            try:
                values[name] = (int if name in _WHOLE else float)(text or usual[name])
            except ValueError as error:
                raise BadRecipe(_("%(name)s must be a number.") % {"name": name.capitalize()}) from error
        else:
            values[name] = text
    allowed = {"preprocessor": PREPROCESSORS, "resize": RESIZES, "mode": MODES, "fill": FILLS}
    for name, words in allowed.items():
        if name in values and values[name] not in words:
            raise BadRecipe(_("%(value)s is no choice here.") % {"value": values[name][:40]})
    return values
