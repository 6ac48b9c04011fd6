"""`{% models_of person %}`: what a person published, as cards, for a profile; their drafts too when they look.
`{% choices options name %}`: the choices of a filter."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from hub.accounts.levels import levels_of
from hub.accounts.models import User
from hub.accounts.queries import acts_for
from hub.catalog import queries
from hub.catalog.facets import Facet
from hub.catalog.models import Model
from hub.catalog.serializers import card, model_url
from hub.templatetags.weightroom import plate

register = template.Library()
SHOWN = 30  # the rest is one press away, in the list filtered by creator


@register.inclusion_tag("catalog/models_of.html", takes_context=True)
def models_of(context: template.Context, person: User) -> dict[str, Any]:
    """Cards of the newest models of ``person``, how many there are, and (for themselves) their drafts; for others of
    the levels that are shown to them."""
    user = context["request"].user
    own = isinstance(user, User) and acts_for(user, person, editing=False)
    wish = queries.Wish(creator=person.username, sort="newest", within=0 if own else levels_of(user))
    page = queries.model_list(wish, limit=SHOWN)
    unseen = [Model.Status.DRAFT, Model.Status.UNLISTED]
    drafts = Model.objects.filter(owner=person, status__in=unseen).order_by("-updated_at")
    return {
        "person": person,
        "cards": [card(version) for version in page.shown],
        "total": page.total,
        "beyond": not page.pairs and bool(queries.model_list(replace(wish, within=0), limit=1, count=False).pairs),
        "drafts": [(model.name, model_url(model)) for model in drafts[:100]] if own else [],
    }


ONE_OF = {"creator", "updated"}  # filters of which one choice is on at most
CHOICE = (
    '\n<label><input type="{}" name="{}" value="{}" id="{}-{}"{}{}><span{}>{}</span><span class="num">{}</span></label>'
)


@register.simple_tag
def choices(
    options: Iterable[Facet], name: str, single: bool = False, plates: bool = False, keyed: bool = False
) -> SafeString:
    """The choices of a filter with their counts; a list has seventy, and in a template each asks for a dozen names.

    single: one at most can be on. plates: each has its type's. keyed: its first choice is what the key F goes to.
    """
    kind = "radio" if single or name in ONE_OF else "checkbox"
    key, checked = SafeString(' data-key="f" data-key-focus'), SafeString(" checked")
    return format_html_join(
        "",
        CHOICE,
        (
            (
                kind,
                name,
                option.value,
                name,
                quote(option.value, safe=""),  # its own, wherever it stands: focus stays on it when the list comes anew
                key if keyed and place == 1 else "",
                checked if option.on else "",
                format_html(' class="kind {}"', plate(option.value)) if plates else "",
                option.label,
                "" if option.count is None else option.count,
            )
            for place, option in enumerate(options, 1)
        ),
    )
