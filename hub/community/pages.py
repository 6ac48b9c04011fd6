"""People's words as pages; the small parts (a like, a thread) are fragments of the pages that show them."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from hub.accounts.permissions import person
from hub.accounts.queries import user_by_name
from hub.catalog.serializers import card
from hub.community import actions, mails, queries, saying
from hub.community.models import TARGETS
from hub.community.saying import page_of
from hub.community.templatetags.community import discussion_context, follow_context, like_context, reviews_context
from hub.errors import NotFound, Refused

MAX_ID = 2**31


@login_required
@require_POST
def model_like(request: HttpRequest, model_id: int) -> HttpResponse:
    return _like(request, queries.target_for(request.user, model_id=model_id))


@login_required
@require_POST
def picture_like(request: HttpRequest, picture_id: int) -> HttpResponse:
    return _like(request, queries.target_for(request.user, picture_id=picture_id))


@login_required
@require_POST
def prompt_like(request: HttpRequest, prompt_id: int) -> HttpResponse:
    return _like(request, queries.target_for(request.user, prompt_id=prompt_id))


def _like(request: HttpRequest, target: Any) -> HttpResponse:
    count = actions.like_set(user=person(request), target=target, on=request.POST.get("on") == "1")
    if request.headers.get("HX-Request"):
        return render(request, "community/like.html", like_context(request.user, target, count))
    return redirect(page_of(target))


@login_required
@require_POST
def user_follow(request: HttpRequest, name: str) -> HttpResponse:
    followed = user_by_name(name)
    if followed is None:
        raise NotFound(_("Nobody here is called %(name)s.") % {"name": name[:96]})
    actions.follow_set(follower=person(request), followed=followed, on=request.POST.get("on") == "1")
    if request.headers.get("HX-Request"):
        return render(request, "community/follow.html", follow_context(request.user, followed))
    return redirect("accounts:user-detail", followed.username)


@login_required
@require_POST
def comment_create(request: HttpRequest, **target_id: int) -> HttpResponse:
    """Say something, or answer; a refusal comes back with the words still in the field."""
    target = queries.target_for(request.user, **target_id)
    text, parent = request.POST.get("text", ""), _number(request.POST.get("parent", ""))
    refused, comment = None, None
    try:
        comment = actions.comment_create(author=person(request), target=target, text=text, parent_id=parent)
    except Refused as error:
        refused = error
    if not request.headers.get("HX-Request"):
        if refused:
            raise refused
        return redirect(page_of(target) + (f"#comment-{comment.pk}" if comment else ""))
    context = discussion_context(request.user, target)
    if refused:
        context |= {"refused": refused.sentence, "text": text, "answering": parent}
    return render(request, "community/discussion.html", context, status=refused.status if refused else 200)


@login_required
@require_POST
def comment_remove(request: HttpRequest, comment_id: int) -> HttpResponse:
    comment = actions.comment_remove(comment_id=comment_id, by=person(request))
    if request.headers.get("HX-Request"):
        return render(request, "community/discussion.html", discussion_context(request.user, comment.target))
    return redirect(page_of(comment.target) + "#discussion")


@login_required
@require_POST
def review_write(request: HttpRequest, model_id: int) -> HttpResponse:
    model = queries.target_for(request.user, model_id=model_id)
    text, recommends = request.POST.get("text", ""), request.POST.get("recommends", "")
    refused = None
    try:
        if recommends not in {"yes", "no"}:
            raise actions.Unsaid(_("Say whether you recommend it."))
        actions.review_write(author=person(request), model=model, recommends=recommends == "yes", text=text)  # type: ignore[arg-type]
    except Refused as error:
        refused = error
    if not request.headers.get("HX-Request"):
        if refused:
            raise refused
        return redirect(page_of(model) + "#reviews")
    context = reviews_context(request.user, model)  # type: ignore[arg-type]
    if refused:
        context |= {"refused": refused.sentence, "text": text, "recommends": recommends}
    return render(request, "community/reviews.html", context, status=refused.status if refused else 200)


@login_required
@require_POST
def review_remove(request: HttpRequest, review_id: int) -> HttpResponse:
    review = actions.review_remove(review_id=review_id, by=person(request))
    if request.headers.get("HX-Request"):
        return render(request, "community/reviews.html", reviews_context(request.user, review.model))
    return redirect(page_of(review.model) + "#reviews")


# Collections


@require_safe
def collection_list(request: HttpRequest) -> HttpResponse:
    """One's own collections first, then everybody's public ones, newest change first."""
    mine = list(queries.collection_list(request.user, owner=person(request))) if request.user.is_authenticated else []
    others = [one for one in queries.collection_list(request.user)[:60] if one.owner_id != request.user.pk]
    return render(request, "community/collection_list.html", {"mine": mine, "others": others})


@login_required
@require_POST
def collection_create(request: HttpRequest) -> HttpResponse:
    fields = _collection_fields(request)
    collection = actions.collection_create(owner=person(request), **fields)
    return redirect("community:collection-detail", collection.pk)


@require_safe
def collection_detail(request: HttpRequest, collection_id: int) -> HttpResponse:
    collection = queries.collection_for(request.user, collection_id)
    pieces = queries.pieces(request.user, collection)
    versions = queries.shown_versions([piece.model.pk for piece in pieces if piece.model])
    found = [versions.get(piece.model.pk) if piece.model else None for piece in pieces]
    shown = [(piece, card(version) if version else None) for piece, version in zip(pieces, found, strict=True)]
    context = {"collection": collection, "shown": shown, "own": collection.owner_id == request.user.pk}
    return render(request, "community/collection_detail.html", context)


@login_required
@require_POST
def collection_edit(request: HttpRequest, collection_id: int) -> HttpResponse:
    actions.collection_edit(collection_id=collection_id, by=person(request), **_collection_fields(request))
    messages.success(request, _("Saved."))
    return redirect("community:collection-detail", collection_id)


def _collection_fields(request: HttpRequest) -> dict[str, Any]:
    given = request.POST
    return {
        "name": given.get("name", ""),
        "description": given.get("description", ""),
        "private": given.get("private") == "on",
    }


@login_required
@require_POST
def collection_delete(request: HttpRequest, collection_id: int) -> HttpResponse:
    actions.collection_delete(collection_id=collection_id, by=person(request))
    messages.success(request, _("The collection is gone. What was in it is still here."))
    return redirect("community:collection-list")


@login_required
@require_POST
def collection_add(request: HttpRequest) -> HttpResponse:
    """Put a model, a picture or a prompt into a collection, old or new."""
    given = request.POST
    named = {f"{kind}_id": _number(given.get(kind, "")) for kind in TARGETS}
    target = queries.target_for(request.user, **named)
    chosen = _number(given.get("collection", ""))
    collection = actions.collection_add(
        by=person(request), target=target, collection_id=chosen, name=given.get("name", "")
    )
    messages.success(request, _("It is in %(name)s now.") % {"name": collection.name})
    return redirect(page_of(target))


@login_required
@require_POST
def collection_remove(request: HttpRequest, collection_id: int, item_id: int) -> HttpResponse:
    actions.collection_remove(collection_id=collection_id, item_id=item_id, by=person(request))
    return redirect("community:collection-detail", collection_id)


@login_required
@require_POST
def collection_move(request: HttpRequest, collection_id: int, item_id: int) -> HttpResponse:
    steps = -1 if request.POST.get("to") == "earlier" else 1
    actions.collection_move(collection_id=collection_id, item_id=item_id, by=person(request), steps=steps)
    return redirect(reverse("community:collection-detail", args=[collection_id]) + f"#item-{item_id}")


@login_required
@never_cache
@require_safe
def notice_list(request: HttpRequest) -> HttpResponse:
    """What concerns one, and the newest of those whom one follows. Seen is what this page has shown."""
    user = person(request)
    notices = queries.notice_list(user)
    words = queries.words_of(notices)
    context = {
        "notices": [(notice, saying.linked(notice), words.get(notice.pk, "")) for notice in notices],
        "cards": [card(version) for version in queries.newest_of_followed(user)],
    }
    response = render(request, "community/notice_list.html", context)
    if notices:
        actions.notices_read(user=user, upto=notices[0].pk)
    return response


@login_required
@require_POST
def mail_set(request: HttpRequest) -> HttpResponse:
    """Which notifications come by mail, and when."""
    mails.choices_set(user=person(request), chosen={kind: request.POST.get(kind, "") for kind in mails.KINDS})
    messages.success(request, _("Saved."))
    return redirect(reverse("accounts:settings-edit") + "#mail")


@never_cache
@csrf_exempt  # mail programs send this by themselves (RFC 8058); the address is signed, and does nothing else
@require_http_methods(["GET", "HEAD", "POST"])
def mail_stop(request: HttpRequest, token: str) -> HttpResponse:
    """The end of a mail leads here: a page that asks, and one press, a person's or their mail program's."""
    _user, kind = mails.stop_of(token)
    done = request.method == "POST"
    if done:
        mails.mail_stop(token)
    what = mails.KINDS[mails.Notice.Kind(kind)] if kind != mails.ALL else ""
    return render(request, "community/mail_stop.html", {"done": done, "what": what})


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 11 and int(text) < MAX_ID else None
