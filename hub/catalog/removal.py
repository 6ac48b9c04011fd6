"""A moderator's word on a whole model: made a draft that stays one, or taken down with a stone that tells why."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from hub.catalog.holding import settle_ask
from hub.catalog.listings import listing_refresh
from hub.catalog.models import File, Model, Version


def _locked(model_id: int) -> Model:
    return Model.objects.select_for_update(of=("self",)).select_related("owner").get(pk=model_id)


@transaction.atomic
def model_take_down(*, model_id: int, because: str) -> Model:
    """Leave nothing of a model but its name, hashes and ``because``, which everybody reads."""
    model = _locked(model_id)
    model.status, model.removed_at, model.removed_for = Model.Status.TAKEN_DOWN, timezone.now(), because
    model.save(update_fields=["status", "removed_at", "removed_for", "updated_at"])
    listing_refresh(model)
    _settle(model)
    return model


@transaction.atomic
def model_lock(*, model_id: int) -> Model:
    """Make a model a draft that its owner sees and cannot publish."""
    model = _locked(model_id)
    model.status, model.locked = Model.Status.DRAFT, True
    model.save(update_fields=["status", "locked", "updated_at"])
    listing_refresh(model)
    return model


@transaction.atomic
def model_restore(*, model_id: int) -> Model:
    """Undo either: a model with a published version is published again, listed or not as its owner chose."""
    model = _locked(model_id)
    if model.status == Model.Status.DELETED:
        return model
    model.locked, model.removed_at, model.removed_for = False, None, ""
    shown = model.versions.filter(status=Version.Status.PUBLISHED).exists()
    model.status = published_status(model) if shown else Model.Status.DRAFT
    model.save(update_fields=["status", "locked", "removed_at", "removed_for", "updated_at"])
    listing_refresh(model)
    _settle(model)
    return model


def _settle(model: Model) -> None:
    settle_ask(*File.objects.filter(version__model=model).values_list("blob_id", flat=True))


def published_status(model: Model) -> str:
    """What a published model is: in lists, or for those who have its link."""
    return Model.Status.UNLISTED if model.unlisted else Model.Status.PUBLISHED
