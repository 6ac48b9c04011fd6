"""``{a|b}`` and ``__wildcard__`` in a prompt that is to be drawn: one picture of each combination, as a plot's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from msgspec.structs import replace

from hub.prompts import templates
from hub.prompts.queries import wildcards_of
from hub.tryit.stacks import BadRecipe
from workers import plots, prompts
from workers.messages import Axis, Recipe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.contrib.auth.models import AnonymousUser

    from hub.accounts.models import User

FIELDS = {"wording": "prompt", "negative": "negative"}  # by the axis of a plot that says it


def written_out(user: User | AnonymousUser, recipe: Recipe) -> tuple[list[str], list[str]]:
    """All prompts and all negative prompts that a recipe's words make by ``user``'s lists; one of each where nothing is
    chosen. Raises `BadRecipe` where they are more than a plot draws, or are not understood."""
    lists = _lists_of(user, recipe.prompt, recipe.negative)
    try:
        prompt = templates.written_out(recipe.prompt, lists, most=plots.MOST_CELLS)
        negative = templates.written_out(recipe.negative, lists, most=plots.MOST_CELLS)
    except templates.TooMany as more:
        raise _too_many(more.count) from more
    except templates.NotRead as strange:
        raise _not_read(strange) from strange
    if len(prompt) * len(negative) > plots.MOST_CELLS:
        raise _too_many(len(prompt) * len(negative))
    return prompt, negative


def lines_written_out(user: User | AnonymousUser, lines: Sequence[str], *, most: int) -> list[str]:
    """All prompts that a comparison's lines make by ``user``'s lists, in order, none twice; each is a template that
    makes itself only. Raises `BadRecipe` where they are more than ``most``, or are not understood."""
    lists = _lists_of(user, *lines)
    try:
        texts = [text for line in lines for text in templates.written_out(line, lists, most=most)]
    except templates.TooMany as more:
        raise _too_many_rows(more.count, most) from more
    except templates.NotRead as strange:
        raise _not_read(strange) from strange
    texts = list(dict.fromkeys(texts))
    if len(texts) > most:
        raise _too_many_rows(len(texts), most)
    again = next((name for text in texts for name in templates.WILDCARD.findall(text) if name.lower() in lists), "")
    if again:
        raise BadRecipe(_("The list %s names itself, so its choices never end.") % again)
    return [templates.escaped(text) for text in texts]


def _too_many_rows(count: int, most: int) -> BadRecipe:
    if count >= templates.MANY:
        return BadRecipe(_("The choices make more prompts than are counted here; a comparison has %s at most.") % most)
    return BadRecipe(
        _("A comparison has %(most)s prompts at most; these make %(count)s.") % {"most": most, "count": f"{count:,}"}
    )


def _lists_of(user: User | AnonymousUser, *texts: str) -> Mapping[str, Sequence[str]]:
    """``user``'s lists where one of the texts names any."""
    if user.is_authenticated and any(map(templates.WILDCARD.search, texts)):
        return wildcards_of(user)
    return {}


def _not_read(strange: templates.NotRead) -> BadRecipe:
    said = _("“%s” is not understood here: write the choices out, as {a|b}, or put a \\ before the brace.")
    return BadRecipe(said % strange.args[0])


def _too_many(count: int) -> BadRecipe:
    most = plots.MOST_CELLS
    if count >= templates.MANY:
        return BadRecipe(
            _("The choices in the prompt make more pictures than are counted here; %s is the most.") % most
        )
    return BadRecipe(
        _("The choices in the prompt make %(count)s pictures; %(most)s is the most.")
        % {"count": f"{count:,}", "most": most}
    )


def chosen(user: User | AnonymousUser, recipe: Recipe, count: int) -> tuple[Recipe, list[Axis]]:
    """What is drawn of a recipe that somebody typed: as it stands where its words make one text, else with the axes
    that say the others. Then its own words stay the template that they were made from.

    count: pictures of each, their seeds counting up. Raises `BadRecipe`.
    """
    axes = []
    for (axis, name), texts in zip(FIELDS.items(), written_out(user, recipe), strict=True):
        if len(texts) == 1:
            recipe = replace(recipe, **{name: texts[0]})
        else:
            axes.append(Axis(name=axis, values=tuple(_settled(texts, recipe.dialect, negative=name == "negative"))))
    pictures = count
    for one in axes:
        pictures *= len(one.values)
    if axes and pictures > plots.MOST_CELLS:
        raise _too_many(pictures)
    return recipe, axes


def _settled(texts: Sequence[str], dialect: str, *, negative: bool) -> list[str]:
    """The texts without the adapters that they name, which must be the same in all."""
    read = [prompts.parse(text, dialect, negative=negative) for text in texts]
    for one in read:
        if one.problems:
            raise BadRecipe(_(one.problems[0]))
    if any(one.extras != read[0].extras for one in read):
        raise BadRecipe(
            _("A choice may not name an adapter: the stack is the same in all pictures. Plot the adapter's weight.")
        )
    return [one.text for one in read]


def seeds(recipe: Recipe, count: int) -> list[Axis]:
    """The axis that says ``count`` pictures of each combination; none for one. The recipe's seeds must be drawn."""
    if count == 1:
        return []
    name = "variation_seed" if recipe.variation_strength else "seed"
    return [Axis(name=name, values=tuple(str(getattr(recipe.number(n), name)) for n in range(count)))]
