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
from hub.catalog.models import Model
from hub.catalog.serializers import model_url
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
    notices = Notice.objects.filter(mailed_at=None).select_related("user", "actor", "model", "picture", "comment")
    for notice in notices.order_by("id")[:BATCH]:
        waiting[notice.user_id].append(notice)
    confirmed = dict(
        EmailAddress.objects.filter(user__in=waiting, primary=True, verified=True).values_list("user_id", "email")
    )
    sent = 0
    for user_id, theirs in waiting.items():
        user, address = theirs[0].user, confirmed.get(user_id, "")
        unwanted = [
            n for n in theirs if not address or not user.is_active or n.read_at or choice(user, n.kind) == NEVER
        ]
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
    lines = [(sentence_of(notice), settings.PUBLIC_URL + address_of(notice), quote_of(notice)) for notice in notices]
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


def sentence_of(notice: Notice) -> str:
    """A notification as a sentence."""
    if notice.sentence:
        return notice.sentence
    who = notice.actor.username if notice.actor else _("The hub")
    what = notice.model.name if notice.model else _("your picture")
    said = {
        Notice.Kind.COMMENT: _("%(who)s commented on %(what)s."),
        Notice.Kind.ANSWER: _("%(who)s answered you under %(what)s."),
        Notice.Kind.MENTION: _("%(who)s mentioned you under %(what)s."),
        Notice.Kind.REVIEW: _("%(who)s reviewed %(what)s."),
    }.get(Notice.Kind(notice.kind), _("%(who)s follows you."))
    return said % {"who": who, "what": what}


def address_of(notice: Notice) -> str:
    """The path of what a notification is about."""
    if notice.address:
        return notice.address
    if notice.target is None:
        return reverse("accounts:user-detail", args=[notice.actor.username]) if notice.actor else "/notifications"
    page = (
        model_url(notice.target)
        if isinstance(notice.target, Model)
        else reverse("gallery:picture-detail", args=[notice.target.pk])
    )
    return f"{page}#comment-{notice.comment_id}" if notice.comment_id else page


def quote_of(notice: Notice) -> str:
    return Truncator(notice.comment.text).chars(300) if notice.comment else ""
