"""A version's strip, the pictures made with it, and the loaded bar: parts that other apps' pages show."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from hub.catalog.models import Version
from hub.gallery import placeholders, queries, recipes
from hub.gallery.company import company_of
from hub.gallery.models import Picture
from hub.templatetags.weightroom import plate

register = template.Library()
MOST_PLATES = 12


@register.inclusion_tag("gallery/strip.html", takes_context=True)
def strip(context: dict[str, Any], version: Version, position: int = 0, weight: float | None = None) -> dict[str, Any]:
    """The effect strip of a version, which polls itself while it is being drawn."""
    return strip_context(context["request"], queries.strip_view(version, position=position, weight=weight))


def strip_context(request: Any, view: queries.StripView) -> dict[str, Any]:
    return {"request": request, "user": request.user, "view": view, "version": view.version}


@register.inclusion_tag("gallery/pictures.html", takes_context=True)
def pictures(context: dict[str, Any], version: Version) -> dict[str, Any]:
    """*Made with it*: the newest pictures of people that a version had a part in."""
    user = context["request"].user
    shown, beyond = queries.made_with(user, version)
    return {"version": version, "pictures": shown, "beyond": beyond, "user": user}


@register.inclusion_tag("gallery/company.html", takes_context=True)
def company(context: dict[str, Any], version: Version) -> dict[str, Any]:
    """*Stacks well with*, or of a base what is drawn on it, and what needs it."""
    return {"version": version, "company": company_of(context["request"].user, version)}


@register.simple_tag
def boards() -> list[dict[str, Any]]:
    """What *Drawn with* offers: a board's places, each with its prompts (families have boards of their own)."""
    return queries.board_places()


@register.simple_tag(takes_context=True)
def drawn_with(context: dict[str, Any], cards: list[dict[str, Any]], place: int | None) -> list[dict[str, Any]]:
    """``cards`` with the picture that each version drew at a place of its board, and the base's alone beside it.

    place: None leaves the covers. A card whose version drew nothing there says so, and shows no other picture.
    """
    if place is not None:
        return queries.drawn_with(context["request"].user, cards, place)
    covers = queries.blurhashes(card["version"].cover_sha256 for card in cards)
    return [card | {"blur": placeholders.svg(covers.get(card["version"].cover_sha256, ""))} for card in cards]


@register.filter
def blur(picture: Picture) -> SafeString:
    """What stands where a picture will be."""
    return placeholders.svg(picture.blurhash)


@register.filter
def picture_url(picture: Picture) -> str:
    return queries.picture_url(picture)


@register.filter
def tile_url(picture: Picture) -> str:
    return queries.tile_url(picture)


@register.filter
def picture_name(recipe: dict[str, Any]) -> str:
    """What a picture is, in words: its prompt and its stack. For ``alt`` texts."""
    read = recipes.read(recipe)
    prompt = read.prompt or _("No prompt")
    return f"{prompt}. {recipes.sentence(read)}."


@register.simple_tag
def loaded_bar(recipe: dict[str, Any]) -> SafeString:
    """A recipe at a glance: the base is the bar, each adapter a plate; its height is the weight, its shape the type.

    A negative weight is an outline. Twelve plates at most, then a count. The recipe in words is its name.
    """
    read = recipes.read(recipe)
    uses = [use for use in read.uses if use.weight]
    shown = uses[:MOST_PLATES]
    plates = []
    for number, use in enumerate(shown):
        height = round(5 + min(1.1, abs(use.weight)) * 20, 1)
        kind = plate(use.kind)
        plates.append(
            (
                "plate minus" if use.weight < 0 else "plate",
                kind,
                26 + 11 * number,
                round((28 - height) / 2, 1),
                4 if kind == "k-inversion" else 8,
                height,
                4 if kind == "k-hyper" else 2,
            )
        )
    drawn = format_html_join("", '<rect class="{} {}" x="{}" y="{}" width="{}" height="{}" rx="{}"/>', plates)
    end = 26 + 11 * len(shown) + 8
    rest = (
        format_html('<text x="{}" y="18" font-size="11">+{}</text>', end, len(uses) - len(shown))
        if len(uses) > len(shown)
        else ""
    )
    return format_html(
        '<svg class="loaded" viewBox="0 0 {} 28" height="28" preserveAspectRatio="xMinYMid meet" role="img" '
        'aria-label="{}"><path class="rod" d="M2 14h{}"/><rect class="hub" x="14" y="9" width="8" height="10" '
        'rx="1.5"/>{}{}</svg>',
        max(96, end + 26),
        recipes.sentence(read),
        max(90, end + 20),
        drawn,
        rest,
    )
