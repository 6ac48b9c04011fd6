"""What is done to prompts: kept, reworded, forked, shown by pictures, imported, run."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from functools import reduce
from http import HTTPStatus
from typing import Any

from django.contrib.postgres.search import SearchVector
from django.db import transaction
from django.db.models import F, Max, Value
from django.utils.translation import gettext as _
from msgspec.structs import replace

from hub.accounts.models import User
from hub.catalog import meanings
from hub.catalog.listings import WORD_LIMIT
from hub.catalog.models import Tag
from hub.catalog.words import one_line, tag_name, tidy, words_of
from hub.errors import NotFound, Refused
from hub.gallery import recipes
from hub.gallery.models import Picture
from hub.prompts import queries, templates
from hub.prompts.models import LICENCES, Example, Prompt, Wildcard, Word, Wording
from workers.messages import Recipe

TEXT_LIMIT, TAG_LIMIT, DOC_LIMIT = 6_000, 20, 20_000
PROMPTS_MOST, WILDCARDS_MOST, VALUES_MOST = 20_000, 200, 2_000
EMPTY = queries.EMPTY


class BadPrompt(Refused):
    code, status = "bad-prompt", HTTPStatus.UNPROCESSABLE_ENTITY


@transaction.atomic
def prompt_create(
    *, owner: User, fields: Mapping[str, Any], recipe: Recipe = EMPTY, picture: Picture | None = None
) -> Prompt:
    """Keep a prompt. ``fields``: title, prompt, negative, tags (a list), licence, private; what is missing is
    ``recipe``'s, whose parameters and stack are kept with it. picture: its first example. Raises `BadPrompt`."""
    if owner.prompts.count() >= PROMPTS_MOST:
        raise BadPrompt(
            _("You have %s prompts, which is as many as this hub keeps for one person.") % f"{PROMPTS_MOST:,}"
        )
    prompt = Prompt(owner=owner)
    _write(prompt, fields, recipe)
    if picture is not None:
        Example.objects.create(prompt=prompt, picture=picture)
    return prompt


@transaction.atomic
def prompt_edit(*, prompt_id: int, by: User, fields: Mapping[str, Any]) -> Prompt:
    """Change a prompt of one's own; the wording before stays readable. Raises `NotFound`, `BadPrompt`."""
    prompt = _mine(by, prompt_id)
    before = prompt.recipe
    _write(prompt, fields, recipes.read(before))
    if prompt.recipe != before:
        last = prompt.wordings.aggregate(last=Max("number"))["last"] or 0
        Wording.objects.create(prompt=prompt, number=last + 1, recipe=before)
    return prompt


@transaction.atomic
def prompt_fork(*, prompt_id: int, by: User) -> Prompt:
    """A copy of one's own to change, which says what it was made from. Raises `NotFound`."""
    source = queries.prompt_for(by, prompt_id)
    fields = {"title": source.title, "tags": [tag.name for tag in source.tags.all()], "licence": source.licence}
    prompt = prompt_create(owner=by, fields=fields | {"private": True}, recipe=recipes.read(source.recipe))
    prompt.made_from = source
    prompt.save(update_fields=["made_from"])
    return prompt


def prompt_delete(*, prompt_id: int, by: User) -> None:
    """Raises `NotFound` for another's; moderators may delete any."""
    prompt = Prompt.objects.filter(pk=prompt_id).first()
    if prompt is None or not (prompt.owner_id == by.pk or (by.is_moderator and not prompt.private)):
        raise NotFound(_("There is no such prompt."))
    prompt.delete()


@transaction.atomic
def example_add(*, prompt_id: int, picture_id: int, by: User) -> Example:
    """Show a picture that one may see beside a prompt of one's own."""
    prompt = _mine(by, prompt_id)
    picture, _recipe = queries.recipe_of_picture(by, picture_id)
    if prompt.examples.count() >= queries.EXAMPLES:
        raise BadPrompt(_("A prompt shows at most %s pictures. Take one out first.") % queries.EXAMPLES)
    return Example.objects.get_or_create(prompt=prompt, picture=picture)[0]


@transaction.atomic
def example_remove(*, prompt_id: int, picture_id: int, by: User) -> None:
    _mine(by, prompt_id).examples.filter(picture=picture_id).delete()


@transaction.atomic
def prompts_import(*, owner: User, rows: Iterable[Mapping[str, Any]], fields: Mapping[str, Any]) -> tuple[int, int]:
    """Add the rows of `imports.rows` or `queries.rows_of_sent` that the library does not have. Returns (added, here
    already)."""
    by_digest = {queries.digest(row["prompt"], row["negative"]): row for row in rows}
    here = queries.known(by_digest, owner)
    fresh = [row for digest, row in by_digest.items() if digest not in here]
    if owner.prompts.count() + len(fresh) > PROMPTS_MOST:
        raise BadPrompt(
            _("That would be more than %s prompts, which is as many as this hub keeps for you.") % f"{PROMPTS_MOST:,}"
        )
    for row in fresh:
        prompt_create(owner=owner, fields={**fields, **row}, recipe=row.get("recipe", EMPTY))
    return len(fresh), len(by_digest) - len(fresh)


def prompt_run(prompt: Prompt) -> None:
    """Note that somebody took a prompt to the drawing page."""
    Prompt.objects.filter(pk=prompt.pk).update(runs=F("runs") + 1)


@transaction.atomic
def wildcard_set(*, owner: User, name: str, values: str) -> Wildcard:
    """Keep the lines of ``values`` under ``name``; no lines delete it. Raises `BadPrompt`."""
    name = name.strip().strip("_").lower()
    if not templates.WILDCARD.fullmatch(f"__{name}__"):
        raise BadPrompt(_("A wildcard's name has letters, digits, hyphens and slashes, at most 60."))
    lines = [one_line(line, 300) for line in values.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if len(lines) > VALUES_MOST:
        raise BadPrompt(
            _("A wildcard has at most %(most)s lines; this one has %(has)s.")
            % {"most": f"{VALUES_MOST:,}", "has": f"{len(lines):,}"}
        )
    if not lines:
        Wildcard.objects.filter(owner=owner, name=name).delete()
        return Wildcard(owner=owner, name=name, values=[])
    if owner.wildcards.exclude(name=name).count() >= WILDCARDS_MOST:
        raise BadPrompt(_("You have %s wildcards, which is as many as this hub keeps for one person.") % WILDCARDS_MOST)
    return Wildcard.objects.update_or_create(owner=owner, name=name, defaults={"values": lines})[0]


def _mine(user: User, prompt_id: int) -> Prompt:
    prompt = Prompt.objects.select_for_update().filter(pk=prompt_id, owner=user).first()
    if prompt is None:
        raise NotFound(_("There is no such prompt."))
    return prompt


def _write(prompt: Prompt, fields: Mapping[str, Any], recipe: Recipe) -> None:
    """Set and save what ``fields`` say, and what lists and search read of it."""
    text = _text(fields.get("prompt", recipe.prompt), _("A prompt"))
    negative = _text(fields.get("negative", recipe.negative), _("The negative prompt"))
    if not text and not negative:
        raise BadPrompt(_("A prompt needs words."))
    recipe = replace(recipe, prompt=text, negative=negative)
    prompt.recipe = recipes.built(recipe)
    prompt.title = one_line(str(fields.get("title", prompt.title)), 120) or one_line(text or negative, 60)
    prompt.licence = str(fields.get("licence", prompt.licence))
    if prompt.licence not in LICENCES:
        raise BadPrompt(_("The licence is one of %s.") % (", ".join(LICENCES)))
    prompt.private = prompt.locked or bool(fields.get("private", prompt.private))
    prompt.template = templates.is_template(text) or templates.is_template(negative)
    prompt.stacked, prompt.family = bool(recipe.uses), recipe.base_family
    prompt.digest = queries.digest(text, negative)
    prompt.save()
    if "tags" in fields:
        names = list(dict.fromkeys(filter(None, (tag_name(str(name)) for name in fields["tags"]))))
        if len(names) > TAG_LIMIT:
            raise BadPrompt(
                _("A prompt carries at most %(most)s tags; this is %(has)s.") % {"most": TAG_LIMIT, "has": len(names)}
            )
        Tag.objects.bulk_create((Tag(name=name) for name in names), ignore_conflicts=True)
        prompt.tags.set(Tag.objects.filter(name__in=names))
    parts = {
        "A": prompt.title,
        "B": " ".join(prompt.tags.values_list("name", flat=True)),
        "C": text,
        "D": f"{prompt.owner.username} {' '.join(use.name for use in recipe.uses)}",
    }
    words = {weight: words_of(part[:DOC_LIMIT]) for weight, part in parts.items()}
    vectors: list[Any] = [
        SearchVector(Value(" ".join(found)), weight=weight, config="simple") for weight, found in words.items()
    ]
    known = {word for found in words.values() for word in found if len(word) <= WORD_LIMIT}
    Word.objects.bulk_create((Word(word=word) for word in sorted(known)), ignore_conflicts=True)
    Prompt.objects.filter(pk=prompt.pk).update(doc=reduce(operator.add, vectors))
    meanings.forget("prompts", prompt.pk)


def _text(text: str, what: str) -> str:
    text = tidy(str(text), TEXT_LIMIT + 1)
    if len(text) > TEXT_LIMIT:
        raise BadPrompt(_("%(what)s may have %(most)s characters.") % {"what": what, "most": f"{TEXT_LIMIT:,}"})
    return text
