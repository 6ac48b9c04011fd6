"""Questions about people and their tokens; nothing here changes anything."""

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from hub.accounts import tokens
from hub.accounts.models import Token, User


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
    """Bytes that ``user`` may keep here."""
    return user.quota_bytes if user.quota_bytes is not None else settings.MEMBER_QUOTA_BYTES
