"""Stacks side by side: the same prompts and seeds, one column a stack. The address holds it all, so it can be shared.

    /compare?base=3&stack=&stack=12:0.8&stack=12:0.8,14:0.5&prompt=cat&prompt=house&seed=1234&mode=slider

A stack is version numbers with weights; an empty one is the base alone. Choices in a prompt (``{a|b}``, ``__list__``)
are written out, a row each: lists are their owner's, and whoever opens the address shall see the same rows. What has
been drawn already is shown at once.
The first stack is the control: others are seen beside it, under a handle (``mode=slider``), while pointed at
(``mode=hover``), or as their difference to it (``difference=1``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from msgspec.structs import replace as changed

from hub.catalog.models import File
from hub.catalog.queries import adapters_for_tryit, bases_for_tryit
from hub.errors import Refused
from hub.gallery import recipes
from hub.gallery.models import Picture
from hub.gallery.queries import board_of, pictures_for
from hub.prompts import templates
from hub.templatetags import weightroom
from hub.templatetags.weightroom import about
from hub.tryit import samplers
from hub.tryit.choices import lines_written_out
from hub.tryit.models import Generation
from hub.tryit.queries import seconds_like
from hub.tryit.stacks import MAX_SEED, MAX_WEIGHT, BadRecipe, accepted_file, misfit, recipe_checked, use_of
from hub.tryit.wording import unfilled, words_settled
from workers.messages import Recipe, Use

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from hub.accounts.models import User

MOST_COLUMNS, MOST_PROMPTS, MOST_ADAPTERS, LONGEST_PROMPT = 4, 6, 6, 700
MODES = {
    "side": gettext_lazy("Side by side"),
    "slider": gettext_lazy("Slider"),
    "hover": gettext_lazy("Hover"),
}


@dataclass(frozen=True)
class Loaded:
    """An adapter in a column."""

    file: File
    weight: float

    @property
    def name(self) -> str:
        return self.file.version.model.name


@dataclass
class Column:
    """A stack. ``reason``: why it cannot be drawn on this base; then it stands, and the others go on."""

    adapters: list[Loaded] = field(default_factory=list)
    reason: str = ""
    bar: dict[str, Any] = field(default_factory=dict)  # the stack as `loaded_bar` draws it

    @property
    def text(self) -> str:
        return ",".join(f"{one.file.version_id}:{one.weight:g}" for one in self.adapters)

    @property
    def name(self) -> str:
        return ", ".join(f"{one.name} {weightroom.weight(one.weight)}" for one in self.adapters) or _("The base alone")


@dataclass
class Cell:
    """One picture of the table. ``state``: drawn, waiting, failed, missing, or out (its column cannot be drawn)."""

    state: str
    column: Column
    recipe: Recipe | None = None
    picture: Picture | None = None
    error: str = ""


@dataclass
class Comparison:
    base: File | None
    columns: list[Column]
    prompts: list[str]
    seed: int
    mode: str = "side"
    difference: bool = False
    written_out: bool = False  # its prompts are not those that were asked for: choices became rows
    refused: str = ""  # why its prompts make no rows; they stand as they were written
    notes: list[str] = field(default_factory=list)
    rows: list[tuple[str, list[Cell]]] = field(default_factory=list)

    @property
    def missing(self) -> list[Recipe]:
        """What has to be drawn yet, each picture once."""
        wanted = [c.recipe for _, cells in self.rows for c in cells if c.recipe and c.state in {"missing", "failed"}]
        return list({recipes.digest(recipe): recipe for recipe in wanted}.values())

    @property
    def drawn(self) -> int:
        return sum(cell.state == "drawn" for _, cells in self.rows for cell in cells)

    @property
    def total(self) -> int:
        return sum(cell.state != "out" for _, cells in self.rows for cell in cells)

    @property
    def open(self) -> bool:
        return any(cell.state == "waiting" for _, cells in self.rows for cell in cells)

    @property
    def address(self) -> str:
        """The query that opens this comparison again."""
        pairs: list[tuple[str, object]] = [("base", self.base.version_id)] if self.base else []
        pairs += [("stack", column.text) for column in self.columns]
        pairs += [("prompt", prompt) for prompt in self.prompts]
        pairs += [("seed", self.seed)]
        pairs += [("mode", self.mode)] if self.mode != "side" else []
        return urlencode([*pairs, ("difference", 1)] if self.difference else pairs)

    @property
    def layer(self) -> str:
        """How the control lies over the pictures of other columns; empty where it stands beside them only."""
        return "difference" if self.difference else self.mode.replace("side", "")

    @property
    def views(self) -> list[View]:
        """The modes, of which the one after the present one has the key ``m``, and the difference."""
        names = list(MODES)
        following = names[(names.index(self.mode) + 1) % len(names)]
        modes = [
            View(name, str(MODES[name]), replace(self, mode=name).address, name == self.mode, "m" * (name == following))
            for name in names
        ]
        other = replace(self, difference=not self.difference).address
        return [*modes, View("difference", _("Difference"), other, self.difference, "d")]

    @property
    def price(self) -> str:
        """How many pictures there are, how many are drawn, and about how long the rest takes, where that is known."""
        rest = [c.recipe for _row, cells in self.rows for c in cells if c.recipe and c.state != "drawn"]
        if not rest:
            return _("%(drawn)s of %(total)s are drawn.") % {"drawn": self.drawn, "total": self.total}
        words = ngettext("%(n)d picture", "%(n)d pictures", self.total) % {"n": self.total}
        if self.drawn:
            drawn = ngettext("%(n)d is drawn already", "%(n)d are drawn already", self.drawn) % {"n": self.drawn}
        else:
            drawn = _("none is drawn yet")
        seconds = _seconds(list({recipes.digest(recipe): recipe for recipe in rest}.values()))
        if seconds is None:
            return f"{words}, {drawn}."
        left = _("%(time)s for the rest") if self.drawn else "%(time)s"
        return f"{words}, {drawn}; {left % {'time': about(seconds)}}."


@dataclass(frozen=True)
class View:
    """One way to look at the same comparison. ``key``: what brings it."""

    name: str
    label: str
    address: str
    on: bool
    key: str


def _seconds(wanted: list[Recipe]) -> float | None:
    """Seconds that these take one after the other, as Try it estimates them; None where nothing was drawn yet."""
    steps: dict[tuple[str, int, int], float | None] = {}
    total = 0.0
    for recipe in wanted:
        kind = (recipe.base, recipe.width, recipe.height)
        if kind not in steps:
            steps[kind] = seconds_like(recipes.built(recipe) | {"steps": 1})
        total += (steps[kind] or 0) * recipe.steps
    return None if None in steps.values() else total


def read(user: User | AnonymousUser, params: QueryDict) -> Comparison:
    """The comparison that an address or the page's form asks for, with what is drawn of it.

    Versions that are gone are left out of their stacks; without prompts the base's board is drawn; without stacks the
    base stands alone beside nothing. Numbers that are none are the board's.
    """
    base = _base(user, params)
    columns = [_column(user, base, text) for text in params.getlist("stack")[:MOST_COLUMNS]] or [Column()]
    _form_changes(user, base, columns, params)
    board = board_of(base) if base else []
    given = [_bounded(line) for text in params.getlist("prompt") for line in templates.lines(text)]
    lines = given or [row.prompt for row in board][:MOST_PROMPTS]
    seed = params.get("seed", "")
    number = int(seed) if seed.isdecimal() and len(seed) < 11 else -1
    if not 0 <= number <= MAX_SEED:
        number = board[0].seed if board else 1234
    mode = params.get("mode", "")
    mode = mode if mode in MODES else "side"
    comparison = Comparison(base, columns, lines, number, mode, params.get("difference") == "1")
    try:
        comparison.prompts = [line[:LONGEST_PROMPT] for line in lines_written_out(user, lines, most=MOST_PROMPTS)]
        comparison.written_out = comparison.prompts != lines
    except BadRecipe as refused:
        comparison.refused = refused.sentence
    else:
        comparison.notes = unfilled(user, "\n".join(comparison.prompts))
    _fill(user, comparison)
    return comparison


def _bounded(line: str) -> str:
    """A choice may be as long as all the rows that it may make."""
    return line[: LONGEST_PROMPT * MOST_PROMPTS if templates.is_template(line) else LONGEST_PROMPT]


def _base(user: User | AnonymousUser, params: QueryDict) -> File | None:
    """The base asked for; else one that the first stack fits; else the first of the hub."""
    asked = params.get("base", "")
    if asked.isdecimal() and (file := accepted_file(user, int(asked))) and file.adapter == "base":
        return file
    bases = bases_for_tryit(user)
    for text in params.getlist("stack"):
        for one in _column(user, None, text).adapters:
            if fitting := next((base for base in bases if not misfit(base, one.file)), None):
                return fitting
    return bases[0] if bases else None


def _column(user: User | AnonymousUser, base: File | None, text: str) -> Column:
    column = Column()
    for part in text.split(",")[:MOST_ADAPTERS]:
        number, _colon, weight = part.partition(":")
        file = accepted_file(user, int(number)) if number.isdecimal() and len(number) < 19 else None
        if file is not None and file.adapter != "base":
            column.adapters.append(Loaded(file, _weight(weight, file.version.weight)))
    return _judged(base, column)


def _judged(base: File | None, column: Column) -> Column:
    column.reason = next((why for one in column.adapters if base and (why := misfit(base, one.file))), "")
    return column


def _weight(text: str, default: float) -> float:
    try:
        number = float(text)
    except ValueError:
        return default
    return round(number, 2) if abs(number) <= MAX_WEIGHT else default


def _form_changes(user: User | AnonymousUser, base: File | None, columns: list[Column], params: QueryDict) -> None:
    """What the page's form changes: weights ``w0-1``, an adapter put in ``add0``, and one button ``do``."""
    for number, column in enumerate(columns):
        column.adapters = [
            replace(one, weight=_weight(params.get(f"w{number}-{place}", ""), one.weight))
            for place, one in enumerate(column.adapters)
        ]
        added = params.get(f"add{number}", "")
        file = accepted_file(user, int(added)) if added.isdecimal() and len(added) < 19 else None
        there = {one.file.version_id for one in column.adapters}
        if file is not None and file.adapter != "base" and file.version_id not in there:
            column.adapters = [*column.adapters, Loaded(file, file.version.weight)][:MOST_ADAPTERS]
        _judged(base, column)
    done, _colon, place = params.get("do", "").partition(":")
    at, _dash, inner = place.partition("-")
    number = int(at) if at.isdecimal() and len(at) < 3 else len(columns)
    if done == "column" and len(columns) < MOST_COLUMNS:
        columns.append(Column(list(columns[-1].adapters), columns[-1].reason))
    elif number < len(columns) and done == "close" and len(columns) > 1:
        columns.pop(number)
    elif number < len(columns) and done == "take" and inner.isdecimal() and int(inner) < len(columns[number].adapters):
        columns[number].adapters.pop(int(inner))
        _judged(base, columns[number])


def _fill(user: User | AnonymousUser, comparison: Comparison) -> None:
    """Every cell: its recipe, and how far it is."""
    base = comparison.base
    if base is None:
        return
    plain = Recipe(base=base.blob_id, base_family=base.version.base.family, base_name=base.version.model.name)
    for column in comparison.columns:
        column.bar = recipes.built(changed(plain, uses=_uses(column)))
    rows = [
        (prompt, [_cell(user, comparison, prompt, column) for column in comparison.columns])
        for prompt in (templates.filled(line, ()) for line in comparison.prompts if not comparison.refused)
    ]
    digests = {recipes.digest(cell.recipe): cell for _, cells in rows for cell in cells if cell.recipe}
    found = pictures_for(user).filter(recipe_digest__in=digests).order_by("-visible", "id")
    pictures: dict[str, Picture] = {}
    for picture in found:
        pictures.setdefault(picture.recipe_digest, picture)
    latest: dict[str, Generation] = {}
    if user.is_authenticated:
        mine = Generation.objects.filter(owner=user.pk, recipe_digest__in=digests)
        latest = {one.recipe_digest: one for one in mine.order_by("created_at")}
    for _prompt, cells in rows:
        for cell in cells:
            _settle(cell, pictures, latest)
    comparison.rows = rows


def _uses(column: Column) -> tuple[Use, ...]:
    return tuple(use_of(one.file, one.weight) for one in column.adapters)


def _cell(user: User | AnonymousUser, comparison: Comparison, prompt: str, column: Column) -> Cell:
    assert comparison.base is not None
    if column.reason:
        return Cell("out", column)
    asked = board_recipe_of(comparison.base, prompt, comparison.seed)
    asked = changed(asked, uses=_uses(column))
    try:
        return Cell("missing", column, recipe_checked(user, words_settled(user, asked)))
    except Refused as refused:
        return Cell("out", column, error=refused.sentence)


def board_recipe_of(base: File, prompt: str, seed: int) -> Recipe:
    """``prompt`` on ``base`` with the settings of its board, or usual ones where its family has none."""
    board = board_of(base)
    plain = Recipe(base=base.blob_id, base_family=base.version.base.family, prompt=prompt, seed=seed)
    if not board:
        return plain
    like = next((row for row in board if row.prompt == prompt), board[0])
    name = samplers.split(like.sampler, "Automatic")
    return changed(
        plain, negative=like.negative, sampler=name.sampler, schedule=name.schedule, steps=like.steps, cfg=like.cfg,
        width=like.width, height=like.height,
    )  # fmt: skip


def _settle(cell: Cell, pictures: dict[str, Picture], latest: dict[str, Generation]) -> None:
    if cell.recipe is None:
        return
    digest = recipes.digest(cell.recipe)
    if picture := pictures.get(digest):
        cell.state, cell.picture = "drawn", picture
    elif (asked := latest.get(digest)) and asked.is_open:
        cell.state = "waiting"
    elif asked and asked.status == Generation.Status.FAILED:
        cell.state, cell.error = "failed", asked.error


def choices(user: User | AnonymousUser, base: File | None) -> Iterable[File]:
    """Adapters that may be put into a column."""
    if base is None:
        return []
    return [file for file in adapters_for_tryit(user, base.version.base.family) if not misfit(base, file)]
