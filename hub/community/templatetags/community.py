"""Likes, follows, threads and collections: parts that other apps' pages show."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import reverse
from django.utils.safestring import SafeString

from hub.accounts import mailing
from hub.accounts.models import User
from hub.accounts.queries import acts_for
from hub.catalog import markdown
from hub.catalog.models import Model
from hub.catalog.queries import stat_of
from hub.community import mails, queries
from hub.community.models import Review

register = template.Library()


def like_context(user: Any, target: Any, count: int | None = None) -> dict[str, Any]:
    """count: how many like it, where that is known better than by the stored totals."""
    if count is None:
        count = stat_of(target).likes if isinstance(target, Model) else getattr(target, "likes", None)
        count = queries.likes_of(target) if count is None else count
    kind = queries.kind_of(target)
    address, on = reverse(f"community:{kind}-like", args=[target.pk]), queries.likes(user, target)
    return {"user": user, "address": address, "count": count, "on": on, "kind": kind, "target": target}


@register.inclusion_tag("community/like.html", takes_context=True)
def like(context: dict[str, Any], target: Any) -> dict[str, Any]:
    return like_context(context["request"].user, target)


def follow_context(user: Any, followed: User) -> dict[str, Any]:
    return {"user": user, "person": followed, "on": queries.follows(user, followed), "own": user == followed}


@register.inclusion_tag("community/follow.html", takes_context=True)
def follow(context: dict[str, Any], followed: User) -> dict[str, Any]:
    return follow_context(context["request"].user, followed)


def discussion_context(user: Any, target: Any, *, whole: bool = False) -> dict[str, Any]:
    """whole: not only the newest threads."""
    most = queries.ALL_SAID if whole else queries.THREADS
    threads = queries.threads(user, target, limit=most)
    return {
        "user": user,
        "threads": threads,
        "more": not whole and bool(threads) and queries.threads_of(target) > most,
        "people": queries.people_in(one.comment.text for thread in threads for one in (thread, *thread.answers)),
        "address": reverse("community:comment-create", kwargs={f"{queries.kind_of(target)}_id": target.pk}),
    }


@register.inclusion_tag("community/discussion.html", takes_context=True)
def discussion(context: dict[str, Any], target: Any) -> dict[str, Any]:
    """What people say under a model, a picture or a prompt."""
    request = context["request"]
    return discussion_context(request.user, target, whole="said" in request.GET) | {"request": request}


def reviews_context(user: Any, model: Model, *, whole: bool = False) -> dict[str, Any]:
    found, counted = queries.reviews(model, limit=queries.ALL_SAID if whole else queries.REVIEWS)
    mine = Review.objects.filter(model=model, author=user).first() if user.is_authenticated else None
    may = isinstance(user, User) and not acts_for(user, model.owner, editing=False)
    people = queries.people_in(review.text for review in found)
    return {
        "user": user, "model": model, "reviews": found, "counted": counted, "mine": mine, "may": may, "people": people,
        "more": not whole and counted["total"] > len(found),
    }  # fmt: skip


@register.inclusion_tag("community/reviews.html", takes_context=True)
def reviews(context: dict[str, Any], model: Model) -> dict[str, Any]:
    request = context["request"]
    return reviews_context(request.user, model, whole="said" in request.GET)


@register.inclusion_tag("community/collect.html", takes_context=True)
def collect(context: dict[str, Any], target: Any) -> dict[str, Any]:
    """Puts the thing into a collection of one's own."""
    user = context["request"].user
    return {
        "kind": queries.kind_of(target),
        "target": target,
        "collections": queries.collection_list(user, owner=user) if user.is_authenticated else [],
        "user": user,
    }


@register.inclusion_tag("community/collections_of.html", takes_context=True)
def collections_of(context: dict[str, Any], owner: User) -> dict[str, Any]:
    return {"collections": queries.collection_list(context["request"].user, owner=owner), "owner": owner}


@register.inclusion_tag("community/mail_choices.html", takes_context=True)
def mail_choices(context: dict[str, Any]) -> dict[str, Any]:
    """Which notifications come by mail, and when, for the settings page."""
    user = context["request"].user
    rows = [
        (kind, label, [(how, words, mails.choice(user, kind) == how) for how, words in mails.HOWS.items()])
        for kind, label in mails.KINDS.items()
    ]
    confirmed = user.emailaddress_set.filter(primary=True, verified=True).exists()
    return {
        "request": context["request"],
        "csrf_token": context.get("csrf_token"),
        "rows": rows,
        "confirmed": confirmed,
    }


@register.simple_tag(takes_context=True)
def notices_unread(context: dict[str, Any]) -> int:
    request = context.get("request")
    return queries.notices_unread(request.user) if request is not None and hasattr(request, "user") else 0


@register.filter
def said(text: str, people: dict[str, str]) -> SafeString:
    """What somebody said, as HTML; ``people``: whom its words call by name."""
    return markdown.said(text, people)


@register.filter
def quoted(text: str) -> str:
    """As mails quote: every line with its mark."""
    return mailing.quoted(text)
