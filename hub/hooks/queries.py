"""A person's hooks, and what they were told."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.errors import NotFound
from hub.hooks.models import Delivery, Hook

SHOWN = 50


def hook_list(user: User) -> QuerySet[Hook]:
    return user.hooks.all()


def hook_mine(user: User, hook_id: int) -> Hook:
    """Raises `NotFound`, for other people's too."""
    hook = user.hooks.filter(pk=hook_id).first()
    if hook is None:
        raise NotFound(_("You have no such webhook."))
    return hook


def deliveries(hook: Hook) -> list[Delivery]:
    """The last tellings, newest first."""
    return list(hook.deliveries.all()[:SHOWN])


def delivery_mine(user: User, delivery_id: UUID) -> Delivery:
    """Raises `NotFound`, for other people's too."""
    found = Delivery.objects.select_related("hook__owner").filter(pk=delivery_id, hook__owner=user).first()
    if found is None:
        raise NotFound(_("You have no such delivery."))
    return found


def kinds_for(user: User) -> list[tuple[str, str]]:
    """Events that a person may be told of."""
    moderators = {Hook.Kind.REPORT_FILED}
    return [(kind.value, str(kind.label)) for kind in Hook.Kind if kind not in moderators or user.is_moderator]
