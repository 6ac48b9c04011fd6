"""`{% models_of person %}`: what a person published, as cards, for a profile; their drafts too when they look."""

from typing import Any

from django import template

from hub.accounts.models import User
from hub.accounts.queries import acts_for
from hub.catalog import queries
from hub.catalog.models import Model
from hub.catalog.serializers import card, model_url

register = template.Library()
SHOWN = 30  # the rest is one press away, in the list filtered by creator


@register.inclusion_tag("catalog/models_of.html", takes_context=True)
def models_of(context: template.Context, person: User) -> dict[str, Any]:
    """Cards of the newest models of ``person``, how many there are, and (for themselves) their drafts."""
    page = queries.model_list(queries.Wish(creator=person.username, sort="newest"), limit=SHOWN)
    unseen = [Model.Status.DRAFT, Model.Status.UNLISTED]
    drafts = Model.objects.filter(owner=person, status__in=unseen).order_by("-updated_at")
    user = context.get("user")
    own = isinstance(user, User) and acts_for(user, person, editing=False)
    return {
        "person": person,
        "cards": [card(version) for version in page.shown],
        "total": page.total,
        "drafts": [(model.name, model_url(model)) for model in drafts[:100]] if own else [],
    }
