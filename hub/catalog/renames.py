"""Names that models had. Who was given one goes on asking for it, so it leads to what the model is called now."""

from __future__ import annotations

from django.db.models import Q
from django.db.models.functions import Lower
from django.db.models.lookups import Exact

from hub.accounts.models import User
from hub.accounts.queries import groups_of
from hub.catalog.models import FormerName, Model
from hub.catalog.queries import Person, models_visible


def former_name_keep(*, model: Model, owner: User, slug: str) -> None:
    """``model`` was ``owner/slug`` until now; of several that were, the last one is meant."""
    same = Exact(Lower("slug"), slug.lower())
    FormerName.objects.filter(same, owner=owner).delete()
    FormerName.objects.create(model=model, owner=owner, slug=slug, shown=model.status != Model.Status.DRAFT)


def model_renamed(user: Person, owner: str, name: str) -> Model | None:
    """The model that was called ``owner/name``, as far as ``user`` may see it. What it was called before others saw
    it, only its owner may know."""
    same = [Exact(Lower("slug"), name.lower()), Exact(Lower("owner__username"), owner.lower())]
    known = Q(shown=True)
    if user.is_authenticated:
        known |= Q(model__owner=user.pk) | Q(model__owner__in=groups_of(user))
    named = FormerName.objects.filter(known, *same).values_list("model_id", flat=True).first()
    return models_visible(user).select_related("owner").filter(pk=named).first() if named else None
