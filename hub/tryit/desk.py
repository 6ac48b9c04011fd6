"""The try-it page's recipe while it is being written: what the form holds, with or without scripts."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.http import QueryDict
from django.utils.translation import gettext as _
from msgspec.structs import replace

from hub.catalog.listings import STEERING
from hub.catalog.models import File
from hub.catalog.queries import STACKED, adapters_for_tryit, bases_for_tryit, files_by_sha256, steering_for_tryit
from hub.gallery.queries import board_of
from hub.gallery.recipes import read
from hub.prompts import templates
from hub.tryit import drawn_by, samplers
from hub.tryit.choices import FIELDS
from hub.tryit.stacks import (
    MAX_PROMPT,
    MAX_STACK,
    SWITCH_AT,
    WHOLE,
    BadRecipe,
    accepted_file,
    drawn_on,
    misfit,
    use_of,
    worded,
)
from workers import blocks, plots, prompts
from workers.errors import Refusal
from workers.messages import Axis, Recipe, Use

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from hub.accounts.models import User
    from hub.tryit.models import Generation

NUMBERS: dict[str, type[int] | type[float]] = {
    "steps": int,
    "cfg": float,
    "seed": int,
    "width": int,
    "height": int,
    "clip_skip": int,
    "count": int,
}
SIDES = ("x", "y", "z")
MAX_BLOCKS = 500  # letters
KINDS = 5  # of bases that a first visit chooses from
_NO_ADAPTERS = {"base", "vae"}
# What few people change: left empty, it changes nothing.
NOISE: dict[str, type[int] | type[float]] = {"ensd": int, "variation_seed": int, "variation_strength": float}


@dataclass
class Row:
    """One adapter of the stack. ``reason`` says why it does not fit: then it stays, and is out of the picture."""

    file: File
    weight: float
    on: bool = True
    reason: str = ""
    hint: dict[str, str] = field(default_factory=lambda: dict(drawn_by.HINT))  # of kinds that read a picture
    text_weight: str = ""  # as it was typed, like the block weights
    blocks: str = ""

    @property
    def steers(self) -> bool:
        return self.file.adapter in STEERING

    @property
    def in_parts(self) -> bool:
        """Whether parts of it may have weights of their own: the text encoder's, and blocks of the UNet."""
        return self.file.adapter in STACKED and self.file.adapter not in WHOLE

    def use(self) -> Use:
        """As a part of a recipe. Raises `BadRecipe` for a number that is none."""
        use = use_of(self.file, self.weight)
        if self.steers:
            return replace(use, hint=drawn_by.hint(self.hint))
        if not self.in_parts:
            return use
        try:
            text = float(self.text_weight) if self.text_weight.strip() else None
        except ValueError as error:
            raise BadRecipe(_("The text weight of %s is not a number.") % self.name) from error
        try:
            return replace(use, text_weight=text, blocks=blocks.read(self.blocks) if self.blocks.strip() else ())
        except ValueError as error:
            raise BadRecipe(f"{self.name}: {error}") from error

    @property
    def name(self) -> str:
        return self.file.version.model.name

    @property
    def low(self) -> float:
        return min(self.file.version.weight_min, self.weight)

    @property
    def high(self) -> float:
        return max(self.file.version.weight_max, self.weight)

    @property
    def words(self) -> list[str]:
        return list(self.file.version.trigger_words[:4])


@dataclass
class Desk:
    """A recipe in the making. Numbers are kept as they were typed, so that a refused form comes back as it was."""

    base: File | None = None
    rows: list[Row] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    source: dict[str, str] = field(default_factory=lambda: dict(drawn_by.SOURCE))
    vae: File | None = None
    refiner: File | None = None

    def recipe(self) -> Recipe:
        """What the form asks for; rows that are off or do not fit stay out. Raises `BadRecipe`."""
        if self.base is None:
            raise BadRecipe(_("There is no base to draw on yet. Upload one, or run the demo content."))
        numbers: dict[str, Any] = {}
        for name, kind in (NUMBERS | NOISE).items():
            try:
                numbers[name] = kind(self.fields.get(name, "") or ("0" if name in NOISE else ""))
            except ValueError as error:
                label = name.replace("_", " ")
                raise BadRecipe(_("%(name)s must be a number.") % {"name": label.capitalize()}) from error
        numbers.pop("count")
        return Recipe(
            base=self.base.blob_id,
            base_family=self.base.version.base.family,
            base_name=self.base.version.model.name,
            uses=tuple(row.use() for row in self.rows if row.on and not row.reason),
            vae=self.vae.blob_id if self.vae else "",
            vae_name=self.vae.version.model.name if self.vae else "",
            refiner=self.refiner.blob_id if self.refiner else "",
            refiner_name=self.refiner.version.model.name if self.refiner else "",
            refiner_switch_at=self._switch_at(),
            source=drawn_by.source(self.source),
            prompt=self.fields.get("prompt", ""),
            negative=self.fields.get("negative", ""),
            sampler=self.fields.get("sampler", ""),
            schedule=self.fields.get("schedule", "Automatic"),
            rng="GPU" if self.fields.get("rng") == "GPU" else "CPU",
            discard_penultimate=self.fields.get("discard_penultimate") in {"on", "True"},
            **self._language(),
            **numbers,
        )

    def _switch_at(self) -> float:
        try:
            return float(self.fields.get("refiner_switch_at") or SWITCH_AT)
        except ValueError as error:
            raise BadRecipe(_("%(name)s must be a number.") % {"name": _("Where the refiner begins")}) from error

    def draft(self) -> Recipe:
        """As much of the recipe as its words need, whatever stands in the other fields."""
        steps = self.fields.get("steps", "")
        return Recipe(
            base=self.base.blob_id if self.base else "",
            base_family="",
            uses=tuple(use_of(row.file, row.weight) for row in self.rows if row.on and not row.reason),
            prompt=self.fields.get("prompt", "")[:MAX_PROMPT],
            negative=self.fields.get("negative", "")[:MAX_PROMPT],
            steps=int(steps) if steps.isdecimal() and len(steps) < 4 else 20,
            **self._language(),
        )

    @property
    def plot(self) -> list[Axis]:
        """The axes of a plot, where one is asked for. Raises `BadRecipe`."""
        asked = [(self.fields.get(f"{side}_axis", ""), self.fields.get(f"{side}_values", "")) for side in SIDES]
        try:
            return [plots.axis(name, values) for name, values in asked if name]
        except Refusal as refused:
            raise BadRecipe(refused.sentence) from refused

    @property
    def sides(self) -> list[dict[str, str]]:
        """X, Y and Z as the form shows them."""
        return [
            {"side": side, "axis": self.fields.get(f"{side}_axis", ""), "values": self.fields.get(f"{side}_values", "")}
            for side in SIDES
        ]

    def _language(self) -> dict[str, Any]:
        wanted = {"dialect": prompts.DIALECTS, "emphasis": prompts.EMPHASES}
        return {name: self.fields[name] for name, known in wanted.items() if self.fields.get(name) in known}

    @property
    def count(self) -> int:
        with contextlib.suppress(ValueError):
            return int(self.fields.get("count", "1"))
        raise BadRecipe(_("Count must be a number."))

    @property
    def bar(self) -> dict[str, Any] | None:
        """The stack as `loaded_bar` draws it."""
        if self.base is None:
            return None
        uses = [
            {"kind": row.file.adapter, "sha256": row.file.blob_id, "weight": row.weight, "name": row.name}
            for row in self.rows
            if row.on and not row.reason
        ]
        names = {"base_family": self.base.version.base.family, "base_name": self.base.version.model.name}
        return {"base": self.base.blob_id, "uses": uses, **names}

    def fit(self) -> Desk:
        """Say of each row whether it fits the base."""
        stays = _("It stays out of the picture until you change the base.")
        for row in self.rows:
            reason = misfit(self.base, row.file) if self.base else ""
            row.reason = f"{reason} {stays}" if reason else ""
        return self

    def add(self, user: User | AnonymousUser, version_id: str) -> None:
        """Put a version on the stack, at the weight its creator recommends."""
        file = accepted_file(user, int(version_id)) if version_id.isdecimal() else None
        if file is None or file.adapter in _NO_ADAPTERS:
            self.notes.append(_("That adapter is not on this hub."))
        elif any(row.file.version_id == file.version_id for row in self.rows):
            self.notes.append(_("Already in the stack: %s.") % file.version.model.name)
        elif len(self.rows) >= MAX_STACK:
            self.notes.append(_("A stack may have %s adapters.") % MAX_STACK)
        else:
            self.rows.append(Row(file, file.version.weight))

    def add_called(self, user: User | AnonymousUser, said: str) -> None:
        """`add` for what stands in the search field: an offered line, which ends in ``#`` and a number, or a name."""
        _name, _mark, number = said.strip().rpartition("#")
        if not number.isdecimal() and self.base is not None and said.strip():
            named = adapters_for_tryit(user, self.base.version.base.family, said, most=1)
            number = str(named[0].version_id) if named else ""
        self.add(user, number)

    def add_style(self, text: str, negative: str) -> None:
        """Put a style into the prompts, as A1111 does: around them where it says ``{prompt}``, else after them."""
        for name, style in (("prompt", text), ("negative", negative)):
            now = self.fields.get(name, "").strip()
            if "{prompt}" in style:
                self.fields[name] = style.replace("{prompt}", now)
            elif style and style not in now:
                self.fields[name] = ", ".join(filter(None, [now.rstrip(", "), style]))

    def base_changed(self, user: User | AnonymousUser, was: str) -> None:
        """Another base was chosen: what stood at the old one's own values takes the new one's (its size above all)."""
        before = accepted_file(user, int(was)) if was.isdecimal() else None
        if before is None or self.base is None or before.version_id == self.base.version_id:
            return
        old, new = _defaults(before), _defaults(self.base)
        for group in (("width", "height"), ("cfg",), ("steps",)):
            if all(self.fields.get(name) == old[name] for name in group):
                self.fields |= {name: new[name] for name in group}

    def add_word(self, place: str) -> None:
        """Put a row's trigger word into the prompt: ``place`` is ``row-word``, both counted from 0."""
        row, _dash, word = place.partition("-")
        with contextlib.suppress(ValueError, IndexError):
            text = self.rows[int(row)].words[int(word)]
            prompt = self.fields.get("prompt", "")
            if text not in prompt:
                self.fields["prompt"] = worded(self.rows[int(row)].file, prompt, [text])

    def refiners(self, bases: Sequence[File]) -> list[File]:
        """Those of ``bases`` that can draw on what the desk's own left."""
        mine = self.base
        return [file for file in bases if mine and file.pk != mine.pk and drawn_on(file) == drawn_on(mine)]

    def rest(self, user: User | AnonymousUser) -> list[File]:
        """Adapters that may be added."""
        if self.base is None:
            return []
        there = {row.file.version_id for row in self.rows}
        base = self.base
        family = base.version.base.family
        files = [*adapters_for_tryit(user, family), *steering_for_tryit(user, family)]
        return [file for file in files if file.version_id not in there and not misfit(base, file)]


def from_form(user: User | AnonymousUser, data: QueryDict) -> Desk:
    """The recipe as the form sent it: ``base`` and ``use`` are version numbers; ``on`` names the rows that are on."""
    desk = Desk(fields=_fields(data), base=_base(user, data.get("base", "")))
    weights, on = data.getlist("weight"), set(data.getlist("on"))
    for number, version_id in enumerate(data.getlist("use")[:MAX_STACK]):
        file = accepted_file(user, int(version_id)) if version_id.isdecimal() else None
        if file is None or file.adapter in _NO_ADAPTERS:
            desk.notes.append(_("An adapter of the stack is no longer on this hub; it was left out."))
            continue
        try:
            weight = float(weights[number])
        except (ValueError, IndexError):
            weight = file.version.weight
            desk.notes.append(_("The weight of %s was not a number.") % file.version.model.name)
        hint = drawn_by.fields(data, f"h{version_id}_", drawn_by.HINT)
        parts = {name: data.get(f"u{version_id}_{name}", "")[:MAX_BLOCKS] for name in ("text_weight", "blocks")}
        desk.rows.append(Row(file, weight, on=version_id in on, hint=hint, **parts))
    desk.source = drawn_by.fields(data, "source_", drawn_by.SOURCE)
    if (chosen := data.get("vae", "")).isdecimal():
        file = accepted_file(user, int(chosen))
        desk.vae = file if file is not None and file.adapter == "vae" else None
    if (chosen := data.get("refiner", "")).isdecimal():
        file = accepted_file(user, int(chosen))
        desk.refiner = file if file is not None and file.adapter == "base" else None
    return desk.fit()


def from_recipe(user: User | AnonymousUser, recipe: Recipe, count: int = 1) -> Desk:
    """A recipe opened again: files that are gone are said, the rest is as it was."""
    named = [recipe.base, recipe.vae, recipe.refiner, *(use.sha256 for use in recipe.uses)]
    files = files_by_sha256(user, list(filter(None, named)))
    desk = Desk(base=files.get(recipe.base), vae=files.get(recipe.vae), refiner=files.get(recipe.refiner))
    if recipe.refiner_name and desk.refiner is None:
        desk.notes.append(_("Uses the refiner %s, which is not on this hub; it goes without.") % recipe.refiner_name)
    if recipe.vae_name and desk.vae is None:
        desk.notes.append(_("Uses the VAE %s, which is not on this hub; the base's own stands in.") % recipe.vae_name)
    if recipe.source is not None:
        desk.source = drawn_by.shown(recipe.source)
    if desk.base is None:
        desk.base = _base(user, "")
        desk.notes.append(_base_note(recipe))
    for use in recipe.uses:
        if file := files.get(use.sha256):
            hint = drawn_by.shown(use.hint) if use.hint else dict(drawn_by.HINT)
            text = "" if use.text_weight in (None, use.weight) else f"{use.text_weight:g}"
            desk.rows.append(
                Row(
                    file,
                    use.weight,
                    hint=hint,
                    text_weight=text,
                    blocks=blocks.written(use.blocks),
                )
            )
        else:
            desk.notes.append(
                _("Uses %s, which is not on this hub. It can be drawn without it.") % (use.name or use.kind)
            )
    names = ("prompt", "negative", "sampler", "schedule", "steps", "cfg", "seed", "width", "height", "clip_skip")
    others = ("dialect", "emphasis", "rng", "discard_penultimate", "refiner_switch_at", *NOISE)
    desk.fields = {name: _plain(getattr(recipe, name)) for name in (*names, *others)} | {"count": str(count)}
    # What was drawn as it stood is drawn so again.
    desk.fields |= {name: templates.escaped(desk.fields[name]) for name in ("prompt", "negative")}
    return desk.fit()


def _base_note(recipe: Recipe) -> str:
    if recipe.base:
        return _("The base %s is not on this hub any more; another stands in its place.") % recipe.base_name
    if recipe.base_name:
        return _("It was drawn on %s, which is not on this hub; another base stands in its place.") % recipe.base_name
    return _("It does not say which base it was drawn on; another stands in its place.")


def from_sent(user: User | AnonymousUser, recipe: Recipe) -> Desk:
    """The recipe that a sent picture carries: what it does not say, or says in a way that is not drawn here, is the
    base's own, and said."""
    desk = from_recipe(user, recipe)
    usual = _defaults(desk.base)
    silent = ("steps", "cfg", "seed", "width", "height")
    desk.fields |= {name: usual[name] for name in silent if not getattr(recipe, name)}
    if not samplers.known(recipe.sampler, recipe.schedule or "Automatic"):
        desk.fields |= {"sampler": usual["sampler"], "schedule": usual["schedule"]}
        if recipe.sampler:
            desk.notes.append(_("The sampler %s is not known here; another stands in its place.") % recipe.sampler)
    for side in ("width", "height"):
        if (odd := int(desk.fields[side]) % 8) and int(desk.fields[side]) > 64:
            desk.fields[side] = str(int(desk.fields[side]) - odd)
    return desk.fit()


def from_generation(user: User | AnonymousUser, generation: Generation) -> Desk:
    """What was asked for once, opened again; a plot with its axes."""
    desk = from_recipe(user, read(generation.recipe), 1 if generation.plot else generation.count)
    typed = {axis["name"] for axis in generation.plot} & FIELDS.keys()
    desk.fields |= {FIELDS[axis]: generation.recipe[FIELDS[axis]] for axis in typed}
    for side, axis in zip(SIDES, [axis for axis in generation.plot if axis["name"] not in typed], strict=False):
        desk.fields |= {f"{side}_axis": axis["name"], f"{side}_values": plots.written(axis["values"])}
    return desk


def first_visit(user: User | AnonymousUser, base_version: str = "") -> Desk:
    """Not blank: a base, an adapter that fits it at its recommended weight, and a prompt of the board with its word."""
    base = _base(user, base_version)
    desk = Desk(base=base, fields=_defaults(base))
    if base is not None:
        adapters = [file for file in desk.rest(user) if file.adapter not in STEERING]  # these need a picture first
        if adapters:
            first = min(adapters, key=lambda file: (file.adapter != "lora", file.version_id))
            desk.rows.append(Row(first, first.version.weight if first.version.weight != 1 else 0.8))
            desk.add_word("0-0")
    return desk.fit()


def for_version(user: User | AnonymousUser, version_id: str) -> Desk:
    """*Try it* of a model page: its version on a base that fits; or the version itself where it is a base."""
    file = accepted_file(user, int(version_id)) if version_id.isdecimal() else None
    if file is None:
        desk = first_visit(user)
        desk.notes.append(_("That version is not on this hub, or cannot be drawn with."))
        return desk
    base = (
        file
        if file.adapter == "base"
        else next((base for base in bases_for_tryit(user) if not misfit(base, file)), None)
    )
    desk = Desk(base=base, fields=_defaults(base))
    if base is None:
        desk.base = _base(user, "")
        desk.fields = _defaults(desk.base)
        desk.notes.append(_("No base for %s is installed here.") % file.version.base.name)
    if file.adapter != "base":
        desk.rows.append(Row(file, file.version.weight))
        desk.add_word("0-0")
    return desk.fit()


def for_versions(user: User | AnonymousUser, version_ids: Sequence[str]) -> Desk:
    """*Try it* with a stack: as `for_version` of the first, with the others beside it."""
    desk = for_version(user, version_ids[0])
    for number in version_ids[1:MAX_STACK]:
        file = accepted_file(user, int(number)) if number.isdecimal() else None
        if file is not None and file.adapter != "base" and all(row.file.pk != file.pk for row in desk.rows):
            desk.rows.append(Row(file, file.version.weight))
            desk.add_word(f"{len(desk.rows) - 1}-0")
    return desk.fit()


def _base(user: User | AnonymousUser, version_id: str) -> File | None:
    if version_id.isdecimal():
        file = accepted_file(user, int(version_id))
        if file is not None and file.adapter == "base":
            return file
    bases: dict[tuple[str, str], File] = {}
    for file in bases_for_tryit(user):
        bases.setdefault(drawn_on(file), file)
    if len(bases) < 2:
        return next(iter(bases.values()), None)
    # The kind of base that most adapters are for, as far as the newest of them tell.
    return max(list(bases.values())[:KINDS], key=lambda base: len(_fitting(user, base)))


def _fitting(user: User | AnonymousUser, base: File) -> list[File]:
    adapters = adapters_for_tryit(user, base.version.base.family, most=20)
    return [file for file in adapters if drawn_on(file) == drawn_on(base)]


def _defaults(base: File | None) -> dict[str, str]:
    board = board_of(base) if base is not None else []
    fields = {"steps": "20", "cfg": "7", "seed": "-1", "width": "512", "height": "512", "clip_skip": "1", "count": "1"}
    fields |= {"sampler": "Euler a", "schedule": "Automatic", "prompt": "", "negative": ""}
    fields |= {"dialect": "a1111", "emphasis": "Original"}
    if board:
        row = board[0]
        name = samplers.split(row.sampler, "Automatic")
        fields |= {"sampler": name.sampler, "schedule": name.schedule, "prompt": row.prompt, "negative": row.negative}
        fields |= {"steps": str(row.steps), "cfg": f"{row.cfg:g}", "width": str(row.width), "height": str(row.height)}
    return fields


def _fields(data: Mapping[str, Any]) -> dict[str, str]:
    names = ("prompt", "negative", "sampler", "schedule", "dialect", "emphasis", *NUMBERS)
    names += (
        "rng",
        "discard_penultimate",
        "refiner_switch_at",
        *NOISE,
        *(f"{side}_{part}" for side in SIDES for part in ("axis", "values")),
    )
    # A form's line ends are CR LF; a prompt's are LF.
    return {name: str(data.get(name, "")).replace("\r\n", "\n")[: MAX_PROMPT + 1] for name in names}


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
