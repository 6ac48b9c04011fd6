"""What a prompt asks for beside its words: adapters that it names are found on this hub and put into the stack."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from msgspec.structs import replace

from hub.catalog.models import File
from hub.catalog.queries import files_by_sha256
from hub.gallery.resources import files_named, stem
from hub.prompts import templates
from hub.prompts.queries import wildcards_of
from hub.templatetags import weightroom
from hub.tryit.choices import written_out
from hub.tryit.stacks import BadRecipe, FileNotHere, misfit, use_of
from workers import blocks, prompts
from workers.messages import Recipe, Use
from workers.prompts import Extra

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from hub.accounts.models import User

# Kinds of adapters that a prompt calls by one word.
CALLED = {"hypernetwork": "hypernetwork", "textual_inversion": "textual_inversion"}


@dataclass(frozen=True)
class Named:
    """An adapter that a prompt names. ``state``: found, missing, or misfit; ``sentence`` says it to a person."""

    name: str
    kind: str
    weight: float
    state: str
    sentence: str
    file: File | None = None


@dataclass(frozen=True)
class Reading:
    """A prompt as it will be drawn. ``tokens`` of ``room``, as A1111 counts beside its box."""

    tokens: int = 0
    room: int = 0
    negative_tokens: int = 0
    negative_room: int = 0
    parts: list[dict[str, object]] = field(default_factory=list)
    changes: int = 0
    pictures: int = 1  # that the choices in the words make
    named: list[Named] = field(default_factory=list)
    offered: list[Named] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def words_settled(user: User | AnonymousUser, recipe: Recipe) -> Recipe:
    """The recipe with what its prompt names in its stack, and the tags out of the text.

    A tag's weight counts more than the stack's: it was written last. Raises `BadRecipe` for a prompt that cannot be
    drawn as written, `FileNotHere` for an adapter that this hub does not have for this base.
    """
    wanted = prompts.parse(recipe.prompt, recipe.dialect)
    unwanted = prompts.parse(recipe.negative, recipe.dialect, negative=True)
    base = files_by_sha256(user, [recipe.base]).get(recipe.base)
    if base is None:
        raise FileNotHere(_("The base %s is not on this hub.") % (recipe.base_name or recipe.base[:10])[:80])
    for prompt in (wanted, unwanted):
        if prompt.problems:
            raise BadRecipe(_(prompt.problems[0]))
    uses = list(recipe.uses)
    for named, extra in _found(user, base, [*wanted.extras, *unwanted.extras], uses):
        if isinstance(named, Named):
            if named.file is None or named.state != "found":
                raise FileNotHere(named.sentence)
            use = use_of(named.file, extra.weight)
            if extra.kind == "textual_inversion":
                use = replace(use, token=extra.name)
            uses.append(replace(use, text_weight=extra.text_weight, blocks=extra.blocks))
        elif extra.kind != "textual_inversion":  # its word is named, not its weight
            # A tag without block weights leaves those of the stack.
            of_blocks = extra.blocks or uses[named].blocks
            uses[named] = replace(uses[named], weight=extra.weight, text_weight=extra.text_weight, blocks=of_blocks)
    return replace(recipe, prompt=wanted.text, negative=unwanted.text, uses=tuple(uses))


def _found(
    user: User | AnonymousUser, base: File, extras: list[Extra], uses: list[Use]
) -> list[tuple[Named | int, Extra]]:
    """Each adapter that is named with its place in the stack, or with what this hub knows of it."""
    files = files_named(user, [extra.name for extra in extras])
    found: list[tuple[Named | int, Extra]] = []
    for extra in extras:
        here = [file for file in files.get(stem(extra.name), []) if _is_called(file, extra.kind)]
        places = [n for n, use in enumerate(uses) if use.sha256 in {file.blob_id for file in here} or _says(use, extra)]
        found.append((places[0] if places else _named(extra, here, base), extra))
    return found


def _says(use: Use, extra: Extra) -> bool:
    same_kind = CALLED.get(use.kind, "lora") == extra.kind
    return same_kind and stem(extra.name) in {stem(use.name), stem(use.token)} - {""}


def _is_called(file: File, kind: str) -> bool:
    """``<lora:…>`` calls every kind that changes weights, as A1111 does with LoCon, LoHa and the rest."""
    return file.adapter not in {"base", "vae"} and CALLED.get(file.adapter, "lora") == kind


def _named(extra: Extra, here: list[File], base: File) -> Named:
    fits = next((file for file in here if not misfit(base, file)), None)
    file = fits or next(iter(here), None)
    if file is None:
        state, sentence = "missing", _("The prompt names %s, which is not on this hub.") % extra.name[:80]
    elif fits is None:
        reason = misfit(base, file)
        state, sentence = (
            "misfit",
            _("The prompt names %(name)s. %(reason)s") % {"name": extra.name[:80], "reason": reason},
        )
    else:
        name = file.version.model.name
        said = {"name": name, "weight": weightroom.weight(extra.weight)}
        state, sentence = "found", _("%(name)s at %(weight)s") % said
    return Named(extra.name, extra.kind, extra.weight, state, sentence, file)


def reading(user: User | AnonymousUser, recipe: Recipe, base: File | None) -> Reading:
    """What will be drawn for a recipe's words: length, parts, what they name, what their writer may not have meant."""
    written = recipe
    refused, pictures = "", 0
    try:
        texts, negatives = written_out(user, recipe)
    except BadRecipe as told:
        refused = told.sentence
    else:
        pictures = len(texts) * len(negatives)
        # What is read of many is the longest.
        recipe = replace(recipe, prompt=max(texts, key=len), negative=max(negatives, key=len))
    wanted = prompts.parse(recipe.prompt, recipe.dialect)
    unwanted = prompts.parse(recipe.negative, recipe.dialect, negative=True)
    problems = [*filter(None, [refused]), *wanted.problems, *unwanted.problems]
    steps = max(1, min(recipe.steps, 150))
    lengths = [(0, 0), (0, 0)]
    for place, prompt in enumerate((wanted, unwanted)):
        try:
            lengths[place] = prompts.length(prompt, steps)
        except ValueError as error:
            problems.append(str(error))
    named: list[Named] = []
    if base is not None:
        for one, extra in _found(user, base, [*wanted.extras, *unwanted.extras], list(recipe.uses)):
            if isinstance(one, Named):
                named.append(one)
            else:
                sentence = _("%(name)s is in the stack; drawn at %(weight)s.")
                words = {"name": recipe.uses[one].name, "weight": weightroom.weight(extra.weight)}
                named.append(Named(extra.name, extra.kind, extra.weight, "found", sentence % words))
    problems += [one.sentence for one in named if one.state != "found"]
    strange = [_strange_blocks(extra, base) for extra in wanted.extras if extra.blocks and base is not None]
    return Reading(
        *lengths[0],
        *lengths[1],
        parts=[{"text": part.text, "weight": part.weight} for part in wanted.parts],
        changes=max(len(part.texts(steps)) for part in wanted.parts) - 1,
        pictures=pictures,
        named=named,
        offered=_offered(user, recipe, base) if base is not None else [],
        warnings=[
            *wanted.warnings,
            *unwanted.warnings,
            *filter(None, strange),
            *unfilled(user, f"{written.prompt}\n{written.negative}"),
        ],
        problems=problems,
    )


def unfilled(user: User | AnonymousUser, text: str) -> list[str]:
    """Wildcards that stand in the words still: nothing takes their place, and a template that was run would say so
    nowhere else. A sentence each."""
    if not templates.WILDCARD.search(text):
        return []
    names = templates.unknown(text, wildcards_of(user) if user.is_authenticated else {})
    said = _("There is no list named %(name)s: __%(name)s__ is drawn as these letters.")
    return [said % {"name": name} for name in names[: templates.MOST_FIELDS]]


def _strange_blocks(extra: Extra, base: File) -> str:
    """What is to be said of block weights that were written for another family's blocks."""
    known = blocks.OF_FAMILY.get(base.version.base.family, ())
    if len(extra.blocks) in known or blocks.written(extra.blocks) in blocks.PRESETS:
        return ""
    told = {"name": extra.name[:80], "count": len(extra.blocks), "known": " / ".join(map(str, known))}
    return _("%(name)s has %(count)s block weights, this base's LoRAs %(known)s: blocks of one name are meant.") % told


def _offered(user: User | AnonymousUser, recipe: Recipe, base: File) -> list[Named]:
    """Inversions that A1111 would find in the words themselves: they count here once they are in the stack."""
    words = re.findall(r"[\w.-]{4,60}", f"{recipe.prompt} {recipe.negative}")[:100]
    there = {use.sha256 for use in recipe.uses}
    return [
        Named(name, "textual_inversion", 1.0, "offered", file.version.model.name, file)
        for name, files in files_named(user, words).items()
        for file in files[:1]
        if file.adapter == "textual_inversion" and file.blob_id not in there and not misfit(base, file)
    ]


def summary(found: Reading, count: int = 1) -> str:
    """One line: ``9 of 75 tokens``, parts, changes and choices where there are any. count: pictures of each choice."""
    said = [_("%(tokens)s of %(room)s tokens") % {"tokens": found.tokens, "room": found.room}]
    if len(found.parts) > 1:
        said.append(_("%s prompts mixed") % len(found.parts))
    if found.changes:
        times = ngettext("the words change once", "the words change %(times)s times", found.changes)
        said.append(times % {"times": found.changes})
    if found.pictures > 1:
        made = found.pictures * count
        words = ngettext("%(n)d picture", "%(n)d pictures", made) % {"n": made}
        each = (
            _("%(choices)s choices × %(count)s = %(pictures)s") if count > 1 else _("%(pictures)s, one of each choice")
        )
        said.append(each % {"choices": found.pictures, "count": count, "pictures": words})
    return " · ".join(said)
