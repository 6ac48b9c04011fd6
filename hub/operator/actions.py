"""What admins do to accounts, each with a line in the audit log, in one transaction."""

from __future__ import annotations

from django.db import transaction

from hub.accounts import actions as accounts
from hub.accounts.models import User
from hub.accounts.queries import quota_of
from hub.catalog.words import tidy
from hub.moderation.actions import reason_checked
from hub.moderation.chain import entry_add
from hub.moderation.models import Entry
from hub.operator import queries
from hub.templatetags.weightroom import size

GIB = 1024**3


def _log(by: User, action: str, user: User, *, before: str, after: str, reason: str = "") -> None:
    entry_add(
        actor=by, action=action, subject=user.username, owner=user.username, before=before[:12], after=after[:12],
        reason=tidy(reason, 1000), about=f"person {user.pk}",
    )  # fmt: skip


@transaction.atomic
def person_role(*, by: User, user_id: int, role: str) -> User:
    """Raises `NotFound`, `RoleNotYours`, `LastAdmin`."""
    user = queries.person_of(by, user_id)
    before = user.role
    accounts.role_set(user=user, role=role, by=by)
    if role != before:
        _log(by, Entry.Action.ROLE_SET, user, before=before, after=role)
    return user


@transaction.atomic
def person_close(*, by: User, user_id: int, closed: bool, reason: str) -> User:
    """Close an account or open it again, with a reason. Raises `NotFound`, `NoReason`, `LastAdmin`."""
    user = queries.person_of(by, user_id)
    reason = reason_checked(reason)
    before = "open" if user.is_active else "closed"
    accounts.person_close(user=user, by=by, closed=closed)
    action = Entry.Action.BANNED if closed else Entry.Action.ADMITTED
    _log(by, action, user, before=before, after="closed" if closed else "open", reason=reason)
    return user


@transaction.atomic
def person_quota(*, by: User, user_id: int, gib: float | None) -> User:
    """A quota in GiB; None: the hub's. Raises `NotFound`, `AccountInvalid`."""
    user = queries.person_of(by, user_id)
    before = size(quota_of(user))
    accounts.quota_set(user=user, by=by, bytes=None if gib is None else round(gib * GIB))
    _log(by, Entry.Action.QUOTA_SET, user, before=before, after=size(quota_of(user)))
    return user
