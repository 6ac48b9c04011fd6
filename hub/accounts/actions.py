"""What people and their tokens go through: each use case told in order, with the ways it is refused beside it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from hub.accounts import queries, tokens
from hub.accounts.models import Token, User
from hub.errors import NotAllowed, NotFound, Refused

TOKENS_EACH = 100  # more is a program that makes tokens in a loop
LAST_USED_STEP = timedelta(minutes=1)  # a row written for every request would cost more than the request


class TokenNotFound(NotFound):
    pass


class TokenInvalid(Refused):
    code = "token-invalid"


class TokensTooMany(Refused):
    code, status = "tokens-too-many", HTTPStatus.CONFLICT


class AccountInvalid(Refused):
    code = "account-invalid"


class RoleNotYours(NotAllowed):
    pass


class LastAdmin(Refused):
    code, status = "last-admin", HTTPStatus.CONFLICT


@transaction.atomic
def token_create(
    *, user: User, name: str, scopes: Iterable[str], expires_at: datetime | None = None
) -> tuple[Token, str]:
    """A new token of ``user``: its row, and the token itself, which is not kept and cannot be shown again.

    expires_at: when it stops working; None for never. Raises `TokenInvalid`, `TokensTooMany`.
    """
    wanted = [scope for scope in Token.Scope.values if scope in set(scopes)]
    if not name.strip() or len(name.strip()) > 80:
        raise TokenInvalid(_("Give the token a name of 1 to 80 characters."))
    if not wanted or set(scopes) - set(Token.Scope.values):
        raise TokenInvalid(_("Choose one or more of the scopes %s.") % (", ".join(Token.Scope.values)))
    if expires_at is not None and expires_at <= timezone.now():
        raise TokenInvalid(_("The day it expires must lie ahead."))
    User.objects.select_for_update().get(pk=user.pk)  # two at once must not both be the hundredth
    if queries.token_list(user).count() >= TOKENS_EACH:
        raise TokensTooMany(_("You have %s tokens. Revoke one that you no longer use.") % TOKENS_EACH)
    token = tokens.make()
    row = Token.objects.create(
        user=user,
        name=name.strip(),
        start=token[: tokens.START],
        digest=tokens.digest(token),
        scopes=wanted,
        expires_at=expires_at,
    )
    return row, token


def token_revoke(*, user: User, id: int) -> None:
    """Stop a token of ``user`` from the next request on. Raises `TokenNotFound`, for other people's tokens too."""
    if not Token.objects.filter(pk=id, user=user, revoked_at=None).update(revoked_at=timezone.now()):
        raise TokenNotFound(_("You have no such token."))


def token_used(*, token: Token) -> None:
    """Note that ``token`` was used, at most once a minute."""
    now = timezone.now()
    if token.last_used_at is None or token.last_used_at <= now - LAST_USED_STEP:
        stale = Q(last_used_at=None) | Q(last_used_at__lte=now - LAST_USED_STEP)
        Token.objects.filter(stale, pk=token.pk).update(last_used_at=now)


def token_options_set(*, token: Token, options: dict[str, Any]) -> None:
    """Keep what the program behind ``token`` chose; it holds until it chooses anew."""
    Token.objects.filter(pk=token.pk).update(options=options)
    token.options = options


@transaction.atomic
def role_set(*, user: User, role: str, by: User | None) -> User:
    """Give ``user`` a role. ``by`` is the admin who does it, None for the operator at the command line.

    Raises `RoleNotYours` unless ``by`` is an admin, `LastAdmin` when nobody would be left to run the hub.
    """
    if by is not None and not by.is_admin:
        raise RoleNotYours(_("Only an admin gives roles."))
    if role not in User.Role.values:
        raise Refused(
            _("There is no role %(role)s: choose %(roles)s.")
            % {"role": f"{role!r}", "roles": ", ".join(User.Role.values)}
        )
    admins = list(User.objects.select_for_update().filter(role=User.Role.ADMIN, is_active=True).order_by("pk"))
    if role != User.Role.ADMIN and [admin.pk for admin in admins] == [user.pk]:
        raise LastAdmin(_("%s is the only admin. Make another one first.") % user.username)
    user.role = role
    user.save(update_fields=["role"])
    return user


@transaction.atomic
def admin_create(*, name: str, email: str, password: str) -> User:
    """An admin's account, for the operator at the command line; its address counts as confirmed.

    Raises `AccountInvalid` with the sentences of the name, the address or the password.
    """
    user = User(username=name, email=email.lower(), role=User.Role.ADMIN)
    try:
        user.full_clean(exclude=["password"])
        if not email:
            raise ValidationError("Give an e-mail address: passwords are reset through it.")
        validate_password(password, user)
    except ValidationError as error:
        raise AccountInvalid(" ".join(error.messages)) from error
    user.set_password(password)
    user.save()
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    return user


def levels_set(*, user: User, levels: int, blur: bool) -> None:
    """Show ``user`` the content levels of the mask ``levels``; ``blur``: in lists the stronger of them blurred."""
    User.objects.filter(pk=user.pk).update(levels=levels, blur=blur)
    user.levels, user.blur = levels, blur


def about_set(*, user: User, about: str) -> None:
    """What ``user``'s profile says of them: one line, control characters left out."""
    user.about = " ".join("".join(c for c in about if c.isprintable() or c.isspace()).split())[:300]
    user.save(update_fields=["about"])


@transaction.atomic
def person_close(*, user: User, by: User | None, closed: bool) -> User:
    """Close an account, or open it again: nobody signs in with it, its tokens and sessions end, what it published
    stays. Raises `RoleNotYours` unless ``by`` is an admin, `LastAdmin`."""
    if by is not None and not by.is_admin:
        raise RoleNotYours(_("Only an admin closes accounts."))
    admins = list(User.objects.select_for_update().filter(role=User.Role.ADMIN, is_active=True).order_by("pk"))
    if closed and [admin.pk for admin in admins] == [user.pk]:
        raise LastAdmin(_("%s is the only admin. Make another one first.") % user.username)
    user.is_active = not closed
    user.save(update_fields=["is_active"])
    return user


def quota_set(*, user: User, by: User | None, bytes: int | None) -> User:
    """Give a person or a group a quota of their own; None: the hub's. Raises `RoleNotYours`, `AccountInvalid`."""
    if by is not None and not by.is_admin:
        raise RoleNotYours(_("Only an admin gives quotas."))
    if bytes is not None and not 0 <= bytes < 2**60:
        raise AccountInvalid("A quota is a number of bytes, 0 or more.")
    user.quota_bytes = bytes
    user.save(update_fields=["quota_bytes"])
    return user
