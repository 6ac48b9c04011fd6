"""Taking what is one's own along, and deleting one's account."""

from __future__ import annotations

import logging
import secrets
import tempfile
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from botocore.exceptions import BotoCoreError, ClientError
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from hub import storage
from hub.accounts.models import Membership, Token, User
from hub.catalog.actions import model_delete, version_unpublish
from hub.catalog.models import Model, Version
from hub.community.models import Collection, Comment, Follow, Like, Notice, Review
from hub.errors import Refused
from hub.gallery.models import Picture, SentPicture
from hub.hooks.models import Hook
from hub.imports.models import Import
from hub.leaving import queries
from hub.leaving.models import Departure, Export
from hub.prompts.models import Prompt, Wildcard
from hub.tryit.models import Generation
from hub.uploads.actions import upload_abort
from hub.uploads.models import Upload

log = logging.getLogger(__name__)
KEPT, PAUSE = timedelta(days=7), timedelta(hours=1)
IN_MEMORY, ATTEMPTS, AT_ONCE = 8_000_000, 3, 50


class ExportTooSoon(Refused):
    code, status = "export-too-soon", HTTPStatus.TOO_MANY_REQUESTS


class NotConfirmed(Refused):
    code, status = "not-confirmed", HTTPStatus.UNPROCESSABLE_ENTITY


class StillNeeded(Refused):
    code, status = "still-needed", HTTPStatus.CONFLICT


# An export


@transaction.atomic
def export_start(*, owner: User) -> Export:
    """Ask for everything of ``owner`` as a zip; one that is being made is found again. Raises `ExportTooSoon`."""
    User.objects.select_for_update().get(pk=owner.pk)
    last = owner.exports.exclude(status=Export.Status.GONE).first()
    if last and last.status == Export.Status.WAITING:
        return last
    if last and last.status == Export.Status.READY and last.created_at > timezone.now() - PAUSE:
        raise ExportTooSoon(_("You made one within the last hour. Take that one, or wait a little."))
    return Export.objects.create(owner=owner)


def export_make(export: Export) -> None:
    """Write the zip and put it into the store. A repeat writes the same again; what fails is asked for again."""
    Export.objects.filter(pk=export.pk).update(attempt=F("attempt") + 1)
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
        queries.write(export.owner, file, f"{timezone.now():%-d %b %Y, %H:%M} UTC")
        size = file.tell()
        file.seek(0)
        storage.export_put(export.key, file)
    Export.objects.filter(pk=export.pk, status=Export.Status.WAITING).update(
        status=Export.Status.READY, size=size, finished_at=timezone.now()
    )


def exports_sweep() -> None:
    """Make what was asked for, and let go of what nobody fetched within `KEPT`."""
    for export in (
        Export.objects.select_related("owner").filter(status=Export.Status.WAITING).order_by("created_at")[:5]
    ):
        if export.attempt >= ATTEMPTS:
            Export.objects.filter(pk=export.pk).update(status=Export.Status.FAILED, finished_at=timezone.now())
            continue
        try:
            export_make(export)
        except (BotoCoreError, ClientError, OSError):
            log.warning("Export %s could not be written; it is tried again.", export.pk, exc_info=True)
    for export in Export.objects.filter(status=Export.Status.READY, finished_at__lt=timezone.now() - KEPT)[:100]:
        _dropped(export)


def _dropped(export: Export) -> None:
    try:
        storage.export_drop(export.key)
    except (BotoCoreError, ClientError):
        return
    Export.objects.filter(pk=export.pk).update(status=Export.Status.GONE)


# Going


@transaction.atomic
def account_delete(*, user: User, name: str, password: str, keep_models: bool, keep_words: bool) -> Departure:
    """Close an account for good and have the background worker empty it.

    name, password: as its owner types them once more. Raises `NotConfirmed`, and `StillNeeded` for the only admin of
    the hub or the only owner of a group.
    """
    user = User.objects.select_for_update().get(pk=user.pk)
    if name.strip() != user.username:
        raise NotConfirmed(_("Type your name as it is written here."))
    if user.has_usable_password() and not user.check_password(password):
        raise NotConfirmed(_("That is not your password."))
    _needed_no_more(user)
    user.is_active, user.role = False, User.Role.MEMBER
    user.save(update_fields=["is_active", "role"])
    Token.objects.filter(user=user, revoked_at=None).update(revoked_at=timezone.now())
    return Departure.objects.create(user=user, keep_models=keep_models, keep_words=keep_words)


def _needed_no_more(user: User) -> None:
    admins = User.objects.filter(role=User.Role.ADMIN, is_active=True)
    if user.is_admin and not admins.exclude(pk=user.pk).exists():
        raise StillNeeded(_("You are the only admin. Make another one first."))
    owner = Membership.Role.OWNER
    for mine in Membership.objects.filter(person=user, role=owner, accepted_at__isnull=False).select_related("group"):
        others = Membership.objects.filter(
            group=mine.group, role=owner, accepted_at__isnull=False, person__is_active=True
        )
        if not others.exclude(person=user).exists():
            raise StillNeeded(
                _("You are the only owner of the group %s. Make somebody else one first.") % mine.group.username
            )


def departures_go_on() -> None:
    """Empty accounts that were deleted, a piece at a time; what is cut off is gone on with."""
    for departure in Departure.objects.select_related("user").filter(done_at=None).order_by("pk")[:5]:
        try:
            if _emptied(departure.user, departure):
                Departure.objects.filter(pk=departure.pk).update(done_at=timezone.now())
        except (Refused, BotoCoreError, ClientError):
            log.warning("The account %s could not be emptied yet.", departure.user_id, exc_info=True)


def _emptied(user: User, departure: Departure) -> bool:
    """Whether nothing is left to do; a call does `AT_ONCE` models at most."""
    for upload in Upload.objects.filter(owner=user).exclude(status__in=[Upload.Status.ACCEPTED, Upload.Status.ABORTED]):
        upload_abort(owner=user, id=upload.pk)
    models = Model.objects.filter(owner=user).exclude(status=Model.Status.DELETED)
    shown = Q(status__in=[Model.Status.PUBLISHED, Model.Status.TAKEN_DOWN])
    going = models.exclude(shown) if departure.keep_models else models.exclude(status=Model.Status.TAKEN_DOWN)
    for model in going.order_by("pk")[:AT_ONCE]:
        model_delete(model=model, by=user)
    if going.exists():
        return False
    for version in Version.objects.filter(model__owner=user, status=Version.Status.DRAFT).select_related("model"):
        version_unpublish(version=version, by=user)  # a clock of theirs publishes nothing any more
        Version.objects.filter(pk=version.pk).update(publish_at=None, publish_when_ready=False)
    with transaction.atomic():
        _rows_gone(user, departure)
        _nameless(user)
    for export in user.exports.filter(status=Export.Status.READY):
        _dropped(export)
    return True


def _rows_gone(user: User, departure: Departure) -> None:
    comments: dict[str, Any] = {"author": None}
    if not departure.keep_words:
        comments |= {"text": "", "removed_at": timezone.now()}
    Comment.objects.filter(author=user).update(**comments)
    Picture.objects.filter(owner=user).update(visible=False, owner=None)
    mine = [
        Review.objects.filter(author=user), Like.objects.filter(user=user), Notice.objects.filter(user=user),
        Notice.objects.filter(actor=user), Follow.objects.filter(Q(follower=user) | Q(followed=user)),
        Collection.objects.filter(owner=user), Prompt.objects.filter(owner=user), Wildcard.objects.filter(owner=user),
        Hook.objects.filter(owner=user), Token.objects.filter(user=user), Membership.objects.filter(person=user),
        Generation.objects.filter(owner=user), SentPicture.objects.filter(owner=user),
        Import.objects.filter(owner=user), EmailAddress.objects.filter(user=user),
        Authenticator.objects.filter(user=user),
    ]  # fmt: skip
    for rows in mine:
        rows.delete()


def _nameless(user: User) -> None:
    """The row stays, since models and the log point at it; nothing in it tells whose it was."""
    name = f"gone-{user.pk}"
    if User.objects.filter(username__iexact=name).exclude(pk=user.pk).exists():
        name = f"{name}-{secrets.token_hex(3)}"
    told: dict[str, Any] = {"username": name, "email": "", "about": "", "mail": {}, "is_active": False}
    told |= {"levels": None, "blur": None}
    User.objects.filter(pk=user.pk).update(**told, password=make_password(None))
