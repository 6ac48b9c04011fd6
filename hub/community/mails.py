"""Notifications by mail: at once or once a day, as each person chose for each kind, to addresses they confirmed."""

from __future__ import annotations

import logging
import smtplib
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core import signing
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from hub.accounts.mailing import language_of, wrapped
from hub.accounts.models import User
from hub.community import queries, saying
from hub.community.models import Notice
from hub.errors import NotFound

log = logging.getLogger(__name__)
NOW, DAILY, NEVER = "now", "daily", "never"
HOWS = {NOW: gettext_lazy("at once"), DAILY: gettext_lazy("once a day"), NEVER: gettext_lazy("not at all")}
KINDS = {
    Notice.Kind.COMMENT: gettext_lazy("Comments on your things"),
    Notice.Kind.ANSWER: gettext_lazy("Answers to you"),
    Notice.Kind.MENTION: gettext_lazy("Mentions of you"),
    Notice.Kind.REVIEW: gettext_lazy("Reviews of your models"),
    Notice.Kind.FOLLOW: gettext_lazy("People who follow you"),
    Notice.Kind.INVITE: gettext_lazy("Invitations to groups"),
    Notice.Kind.IMPORT: gettext_lazy("Imports that have ended"),
    Notice.Kind.DECISION: gettext_lazy("Moderators’ decisions"),
}
AT_ONCE = {Notice.Kind.INVITE, Notice.Kind.IMPORT, Notice.Kind.DECISION}  # unless somebody chose otherwise
ALL = "all"
_signer = signing.Signer(salt="mail", sep=".")
BATCH = 2000


def choice(user: User, kind: str) -> str:
    """How ``user`` wants to be mailed about notifications of ``kind``."""
    said = user.mail.get(kind)
    return said if said in HOWS else NOW if kind in AT_ONCE else DAILY


def choices_set(*, user: User, chosen: dict[str, str]) -> None:
    """Keep what ``user`` chose of `KINDS`; what is neither stays as it was."""
    kept = {kind: how for kind, how in chosen.items() if kind in KINDS and how in HOWS}
    user.mail = user.mail | kept
    user.save(update_fields=["mail"])


def stop_address(user: User, kind: str = ALL) -> str:
    """The signed address that ends mail about ``kind``; it needs no sign-in, and does nothing else."""
    return settings.PUBLIC_URL + reverse("community:mail-stop", args=[_signer.sign(f"{user.pk}-{kind}")])


def stop_of(token: str) -> tuple[User, str]:
    """Whom and what a signed address is about. Raises `NotFound` for one that the hub did not make."""
    try:
        number, _sep, kind = _signer.unsign(token).partition("-")
    except signing.BadSignature as wrong:
        raise NotFound(_("This address is not one of ours. Change your mail under Settings.")) from wrong
    user = User.objects.filter(pk=int(number)).first()
    if user is None:
        raise NotFound(_("There is no such account any more."))
    return user, kind


def mail_stop(token: str) -> None:
    """Send no more mail of that kind. Repeating changes nothing. Raises `NotFound`."""
    user, kind = stop_of(token)
    choices_set(user=user, chosen=dict.fromkeys(KINDS if kind == ALL else [kind], NEVER))


def mails_send(now: datetime | None = None) -> int:
    """Mail what is due; returns how many mails went out. A mail that the server refuses is tried the next time."""
    now = now or timezone.now()
    waiting: dict[int, list[Notice]] = defaultdict(list)
    notices = Notice.objects.filter(mailed_at=None).select_related(
        "user", "actor", "model", "picture", "prompt", "comment"
    )
    for notice in notices.order_by("id")[:BATCH]:
        waiting[notice.user_id].append(notice)
    confirmed = dict(
        EmailAddress.objects.filter(user__in=waiting, primary=True, verified=True).values_list("user_id", "email")
    )
    sent = 0
    for user_id, theirs in waiting.items():
        user, address = theirs[0].user, confirmed.get(user_id, "")
        reachable = bool(address) and user.is_active
        unwanted = [n for n in theirs if not reachable or _settled(n) or choice(user, n.kind) == NEVER]
        _claim(unwanted, now)
        left = [n for n in theirs if n not in unwanted]
        for notice in left:
            if choice(user, notice.kind) == NOW:
                sent += _send(user, address, [notice], now, kind=notice.kind)
        daily = [n for n in left if choice(user, n.kind) == DAILY]
        if daily and _due(user, now) and _send(user, address, daily, now, kind=ALL):
            User.objects.filter(pk=user.pk).update(mailed_at=now)
            sent += 1
    return sent


def _settled(notice: Notice) -> bool:
    """Whether there is nothing to tell any more: it was read, or what was said is gone."""
    return notice.read_at is not None or (notice.comment is not None and notice.comment.removed_at is not None)


def _due(user: User, now: datetime) -> bool:
    """Whether today's digest may go out: after its hour, once a day."""
    return now.hour >= settings.MAIL_DIGEST_HOUR and (user.mailed_at is None or user.mailed_at.date() < now.date())


def _claim(notices: Iterable[Notice], now: datetime | None) -> int:
    numbers = [notice.pk for notice in notices]
    rows = Notice.objects.filter(pk__in=numbers, mailed_at__isnull=now is not None)
    return rows.update(mailed_at=now) if numbers else 0


def _send(user: User, address: str, notices: list[Notice], now: datetime, *, kind: str) -> bool:
    """Whether it went out. The rows are claimed first, so that a second sender finds nothing, and let go on failure."""
    if _claim(notices, now) != len(notices):
        return False
    with translation.override(language_of(user)):
        mail = _written(user, address, notices, kind)
    try:
        mail.send()
    except (smtplib.SMTPException, OSError):
        log.warning("A mail of notifications did not go out; it is tried again.", exc_info=True)
        _claim(notices, None)
        return False
    return True


def _written(user: User, address: str, notices: list[Notice], kind: str) -> EmailMultiAlternatives:
    words = queries.words_of(notices)
    lines = []
    for notice in notices:
        sentence, *more = saying.sentence_of(notice).splitlines()
        where = settings.PUBLIC_URL + saying.address_of(notice)
        lines.append((sentence, more, where, Truncator(words.get(notice.pk, "")).chars(300)))
    n = len(lines)
    subject = lines[0][0] if n == 1 else ngettext("%(n)d notification", "%(n)d notifications", n) % {"n": n}
    stop = stop_address(user, kind)
    context = {
        "name": user.username, "lines": lines, "stop": stop,
        "what": KINDS[Notice.Kind(kind)] if kind != ALL else "",
        "settings": f"{settings.PUBLIC_URL}/settings#mail",
    }  # fmt: skip
    mail = EmailMultiAlternatives(
        settings.ACCOUNT_EMAIL_SUBJECT_PREFIX + Truncator(" ".join(subject.split())).chars(100),
        wrapped(render_to_string("community/mail.txt", context)), to=[address],
        headers={
            "List-Unsubscribe": f"<{stop}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Auto-Submitted": "auto-generated",
        },
    )  # fmt: skip
    mail.attach_alternative(render_to_string("community/mail.html", context), "text/html")
    return mail
