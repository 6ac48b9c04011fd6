"""What a notification says: as a sentence in mails, as the same sentence with links on pages."""

from __future__ import annotations

from django.urls import reverse
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from hub.catalog.models import Model
from hub.catalog.serializers import model_url
from hub.community.models import Notice
from hub.community.queries import Target
from hub.gallery.models import Picture

Kind = Notice.Kind


def sentence_of(notice: Notice) -> str:
    """A notification in words; of the hub's own the first line says what, others more of it."""
    if notice.sentence:
        return notice.sentence
    return _phrase(notice) % {"who": _who(notice), "what": _what(notice)}


def linked(notice: Notice) -> SafeString:
    """What somebody did, with links to them and to the thing."""
    who = conditional_escape(_who(notice))
    if notice.actor:
        address = reverse("accounts:user-detail", args=[notice.actor.username])
        who = format_html('<a href="{}">{}</a>', address, who)
    what = format_html('<a href="{}">{}</a>', address_of(notice), _what(notice))
    return mark_safe(conditional_escape(_phrase(notice)) % {"who": who, "what": what})  # noqa: S308  each part is


def _phrase(notice: Notice) -> str:
    said = {
        Kind.COMMENT: _("%(who)s commented on %(what)s."),
        Kind.ANSWER: _("%(who)s answered you under %(what)s."),
        Kind.MENTION: _("%(who)s mentioned you under %(what)s."),
        Kind.REVIEW: _("%(who)s reviewed %(what)s."),
    }
    return said.get(Kind(notice.kind), _("%(who)s follows you."))


def _who(notice: Notice) -> str:
    return notice.actor.username if notice.actor else _("The hub")


def _what(notice: Notice) -> str:
    if notice.model:
        return notice.model.name
    if notice.prompt:
        return notice.prompt.title
    own = notice.picture is not None and notice.picture.owner_id == notice.user_id
    if notice.kind == Kind.COMMENT:
        return pgettext("somebody commented on …", "your picture") if own else _("a picture")
    return pgettext("under …", "your picture") if own else pgettext("under …", "a picture")


def page_of(target: Target) -> str:
    """The page of a thing that people speak of."""
    if isinstance(target, Model):
        return model_url(target)
    named = "gallery:picture-detail" if isinstance(target, Picture) else "prompts:prompt-detail"
    return reverse(named, args=[target.pk])


def address_of(notice: Notice) -> str:
    """The path of what a notification is about."""
    if notice.address:
        return notice.address
    if notice.target is None:
        return reverse("accounts:user-detail", args=[notice.actor.username]) if notice.actor else "/notifications"
    page = page_of(notice.target)
    if notice.comment_id:
        return f"{page}#comment-{notice.comment_id}"
    return f"{page}#reviews" if notice.kind == Kind.REVIEW else page
