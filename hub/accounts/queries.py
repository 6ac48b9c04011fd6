"""Questions about people and their tokens; nothing here changes anything."""

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from hub.accounts import tokens
from hub.accounts.models import Membership, Token, User


def token_known(token: str) -> Token | None:
    """The row of ``token`` with its user, even when revoked or expired; None for anything that was never issued."""
    if not tokens.well_formed(token):
        return None
    return Token.objects.select_related("user").filter(digest=tokens.digest(token)).first()


def token_holder(token: str) -> User | None:
    """Who may act with ``token`` now: None when it is unknown, revoked, expired, or its account is closed."""
    known = token_known(token)
    return known.user if known and known.problem() is None else None


def token_list(user: User) -> QuerySet[Token]:
    """The tokens of ``user`` that were not revoked, newest first; expired ones stay until they are removed."""
    return user.tokens.filter(revoked_at=None)


def token_live(user: User) -> int:
    """How many tokens of ``user`` work now."""
    return token_list(user).filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now())).count()


def user_by_name(name: str) -> User | None:
    """The open account called ``name``, whatever the case; None where there is none."""
    return User.objects.filter(username__iexact=name, is_active=True).first()


def quota_of(user: User) -> int:
    """Bytes that ``user``, a person or a group, may keep here."""
    if user.quota_bytes is not None:
        return user.quota_bytes
    return settings.GROUP_QUOTA_BYTES if user.is_group else settings.MEMBER_QUOTA_BYTES


EDIT = (Membership.Role.OWNER, Membership.Role.EDITOR)


def groups_of(user: User, *, editing: bool = False) -> QuerySet[Membership, int]:
    """The numbers of the groups that ``user`` belongs to; ``editing``: of those for which they may change things."""
    rows = Membership.objects.filter(person=user.pk, accepted_at__isnull=False)
    return (rows.filter(role__in=EDIT) if editing else rows).values_list("group_id", flat=True)


def role_in(user: User, group: User) -> str:
    """The role of ``user`` in a group; empty where they have none."""
    rows = Membership.objects.filter(person=user.pk, group=group, accepted_at__isnull=False)
    return rows.values_list("role", flat=True).first() or ""


def acts_for(user: User, owner: User | int, *, editing: bool = True) -> bool:
    """Whether ``user`` may act for ``owner``: themselves, or a group of theirs."""
    owner_id = owner.pk if isinstance(owner, User) else owner
    if owner_id == user.pk:
        return True
    if isinstance(owner, User) and not owner.is_group:
        return False
    return owner_id in set(groups_of(user, editing=editing))


def is_member(user: User, name: str) -> bool:
    """Whether ``name`` is the user's own, or that of a group they belong to; in any case."""
    if name.lower() == user.username.lower():
        return True
    return bool(name) and User.objects.filter(pk__in=groups_of(user), username__iexact=name).exists()


def owners_for(user: User) -> list[User]:
    """Whom ``user`` may publish as: themselves, then their groups by name."""
    groups = User.objects.filter(pk__in=groups_of(user, editing=True), is_active=True)
    return [user, *groups.order_by("username")]
