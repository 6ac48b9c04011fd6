"""Somebody says that something is wrong: a report, and the case that it opens or joins."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from http import HTTPStatus

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.catalog.words import tidy
from hub.errors import Refused
from hub.hooks.actions import announce
from hub.hooks.models import Hook
from hub.moderation import things
from hub.moderation.models import Case, Report

WORDS_LIMIT = 2000
MUCH_MORE = 5  # times as many reports as a stranger may somebody with an account send


class ReportsClosed(Refused):
    code, status = "reports-closed", HTTPStatus.UNAUTHORIZED


class TooManyReports(Refused):
    code, status = "too-many-reports", HTTPStatus.TOO_MANY_REQUESTS


class BadReport(Refused):
    code, status = "bad-report", HTTPStatus.UNPROCESSABLE_ENTITY


def report_file(
    *, by: User | AnonymousUser, address: str, kind: str, id: int, reason: str, words: str = ""
) -> tuple[Report, bool]:
    """Take a report of a thing that ``by`` may see; True where it opens a case. A second one of the same person about
    the same thing takes the first one's place.

    address: of the network, of which a keyed digest is kept. Raises `NotFound`, `BadReport`, `ReportsClosed`,
    `TooManyReports`.
    """
    signed_in = isinstance(by, User)
    if not signed_in and not settings.REPORTS_OPEN:
        raise ReportsClosed(_("Sign in to report something here."))
    thing = things.find(kind, id, seen_by=by)
    if reason not in Report.Reason.values:
        raise BadReport(_("Say what is wrong: choose one of the reasons."))
    words = tidy(words, WORDS_LIMIT)
    if reason == Report.Reason.OTHER and len(words) < 3:
        raise BadReport(_("Say in a sentence what is wrong."))
    who = _who(by, address)
    lately = timezone.now() - timedelta(hours=1)
    most = settings.REPORTS_PER_HOUR * (MUCH_MORE if signed_in else 1)
    if Report.objects.filter(who=who, created_at__gt=lately).count() >= most:
        raise TooManyReports(_("That is many reports in an hour. The moderators have those; try again later."))
    with transaction.atomic():
        case, opened = _case(thing)
        report, made = Report.objects.update_or_create(
            case=case, who=who, defaults={"reason": reason, "words": words, "by": by if isinstance(by, User) else None}
        )
        if made:
            announce(Hook.Kind.REPORT_FILED, report.pk)
    return report, opened


def _who(by: User | AnonymousUser, address: str) -> str:
    """A keyed digest: it tells one sender from another, and nobody who they are."""
    said = f"user {by.pk}" if isinstance(by, User) else f"address {address}"
    return hmac.new(settings.SECRET_KEY.encode(), f"report {said}".encode(), hashlib.sha256).hexdigest()


def _case(thing: things.Thing) -> tuple[Case, bool]:
    """The open case of a thing, made where there is none."""
    open_ones = Case.objects.filter(kind=thing.kind, thing=thing.id, decided_at=None)
    if (found := open_ones.first()) is not None:
        return found, False
    with translation.override(settings.LANGUAGE_CODE):  # a case is in one language, whoever reports
        title = things.find(thing.kind, thing.id).title[:200]
    try:
        with transaction.atomic():
            made = Case.objects.create(
                kind=thing.kind, thing=thing.id, title=title, words=thing.words, owner=thing.owner,
                sha256=thing.sha256,
            )  # fmt: skip
            return made, True
    except IntegrityError:  # somebody else reported it this very moment
        return open_ones.get(), False
