"""What people do with each other's things: like, follow, comment, review, collect."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.accounts.queries import EDIT, acts_for, user_by_name
from hub.catalog.actions import likes_count, totals_set
from hub.catalog.markdown import names_in
from hub.catalog.models import Model
from hub.catalog.words import one_line, tidy
from hub.community import queries
from hub.community.models import Collection, CollectionItem, Comment, Follow, Like, Notice, Review
from hub.community.queries import Target
from hub.errors import NotAllowed, NotFound, Refused
from hub.gallery.models import Picture

COMMENT_LIMIT, REVIEW_LIMIT = 5_000, 5_000
MENTIONS_MOST = 10
COMMENTS_A_MINUTE = 6
ITEMS_MOST, COLLECTIONS_MOST = 1_000, 500


class Unsaid(Refused):
    code, status = "unsaid", HTTPStatus.UNPROCESSABLE_ENTITY


class TooFast(Refused):
    code, status = "too-fast", HTTPStatus.TOO_MANY_REQUESTS


class OwnWork(Refused):
    code, status = "own-work", HTTPStatus.CONFLICT


class NameTaken(Refused):
    code, status = "name-taken", HTTPStatus.CONFLICT


class Full(Refused):
    code, status = "full", HTTPStatus.CONFLICT


def about(target: Target) -> dict[str, Any]:
    return {queries.kind_of(target): target}


@transaction.atomic
def like_set(*, user: User, target: Target, on: bool) -> int:
    """Like ``target``, or no longer; saying the same twice changes nothing. Returns how many like it now."""
    if on:
        Like.objects.get_or_create(user=user, **about(target))
    else:
        Like.objects.filter(user=user, **about(target)).delete()
    likes = queries.likes_of(target)
    if isinstance(target, Model):
        likes_count(model_id=target.pk, likes=likes)
    elif isinstance(target, Picture):
        Picture.objects.filter(pk=target.pk).update(likes=likes)
    return likes


@transaction.atomic
def follow_set(*, follower: User, followed: User, on: bool) -> None:
    """Follow somebody, or no longer. Raises `OwnWork` for oneself."""
    if follower.pk == followed.pk:
        raise OwnWork(_("You need not follow yourself."))
    if not on:
        Follow.objects.filter(follower=follower, followed=followed).delete()
        return
    Follow.objects.get_or_create(follower=follower, followed=followed)
    # Off and on again tells them once.
    Notice.objects.get_or_create(user=followed, actor=follower, kind=Notice.Kind.FOLLOW)


@transaction.atomic
def comment_create(*, author: User, target: Target, text: str, parent_id: int | None = None) -> Comment:
    """Say something under a model, a picture or a prompt, or answer a comment there.

    The thing's owner, the comment's author and everybody called by ``@name`` who may see the thing are told, once each.
    Raises `Unsaid`, `TooFast`, `NotFound` for a parent that is not there.
    """
    text = _said(text, COMMENT_LIMIT, _("Write something first."))
    lately = timezone.now() - timedelta(minutes=1)
    if Comment.objects.filter(author=author, created_at__gt=lately).count() >= COMMENTS_A_MINUTE:
        raise TooFast(_("That is many comments in a minute. Wait a little; your words are still in the field."))
    parent = None
    if parent_id is not None:
        parent = Comment.objects.select_related("parent", "author").filter(pk=parent_id, **about(target)).first()
        if parent is None or parent.removed_at:
            raise NotFound(_("The comment that you answer is not there any more."))
    comment = Comment.objects.create(
        author=author, text=text, parent=(parent.parent or parent) if parent else None, **about(target)
    )
    told: dict[int, str] = {}
    if parent and parent.author_id:
        told[parent.author_id] = Notice.Kind.ANSWER
    for person in _mentioned(text, target):
        told.setdefault(person.pk, Notice.Kind.MENTION)
    for owner_id in owners_told(target.owner):
        told.setdefault(owner_id, Notice.Kind.COMMENT)
    told.pop(author.pk, None)
    Notice.objects.bulk_create(
        Notice(user_id=user_id, actor=author, kind=kind, comment=comment, **about(target))
        for user_id, kind in told.items()
    )
    return comment


def owners_told(owner: User | None) -> list[int]:
    """Who hears of what concerns ``owner``'s things: a person themselves, of a group its owners and editors."""
    if owner is None:
        return []
    if not owner.is_group:
        return [owner.pk]
    return list(owner.members.filter(role__in=EDIT, accepted_at__isnull=False).values_list("person_id", flat=True))


def _said(text: str, limit: int, nothing: str) -> str:
    """Raises `Unsaid` where there is nothing, or too much: nobody's words are cut off."""
    text = tidy(text, limit + 1)
    if not text:
        raise Unsaid(nothing)
    if len(text) > limit:
        raise Unsaid(_("That is more than %s characters. Say it shorter, or in two parts.") % f"{limit:,}")
    return text


def _mentioned(text: str, target: Target) -> Iterable[User]:
    """People called by ``@name`` in ``text`` who may see ``target``: a mention must not tell of private things."""
    for name in names_in(text)[:MENTIONS_MOST]:
        person = user_by_name(name)
        if person and queries.may_see(person, target):
            yield person


@transaction.atomic
def comment_remove(*, comment_id: int, by: User) -> Comment:
    """Take a comment away: its author's own, or any for a moderator and the thing's owner. Its answers stay."""
    comment = (
        Comment.objects.select_related("model", "picture", "prompt").filter(pk=comment_id, removed_at=None).first()
    )
    if comment is None or not queries.may_see(by, comment.target):
        raise NotFound(_("There is no such comment."))
    if not queries.may_remove(by, comment):
        raise NotAllowed(_("Only its author, the owner of the page and moderators can remove a comment."))
    comment.removed_at, comment.removed_by, comment.text = timezone.now(), by, ""
    comment.save(update_fields=["removed_at", "removed_by", "text"])
    Notice.objects.filter(comment=comment).delete()
    return comment


@transaction.atomic
def review_write(*, author: User, model: Model, recommends: bool, text: str) -> Review:
    """Say whether one recommends a model, and why; saying it again replaces the first. Raises `OwnWork`, `Unsaid`."""
    if acts_for(author, model.owner, editing=False):
        raise OwnWork(_("Others review your model; you can say more about it in its description."))
    text = _said(text, REVIEW_LIMIT, _("A review needs words: what works, what does not?"))
    review, made = Review.objects.update_or_create(
        model=model, author=author, defaults={"recommends": recommends, "text": text}
    )
    if made:
        for owner_id in owners_told(model.owner):
            Notice.objects.create(user_id=owner_id, actor=author, kind=Notice.Kind.REVIEW, model=model)
    return review


@transaction.atomic
def review_remove(*, review_id: int, by: User) -> Review:
    """Take a review away: one's own, or any for a moderator. Not for the model's owner."""
    review = Review.objects.select_related("model").filter(pk=review_id).first()
    if review is None or not (review.author_id == by.pk or by.is_moderator):
        raise NotFound(_("There is no such review."))
    review.delete()
    return review


# Collections


@transaction.atomic
def collection_create(*, owner: User, name: str, description: str = "", private: bool = False) -> Collection:
    """Raises `Unsaid` without a name, `NameTaken`, `Full`."""
    name = one_line(name, 80)
    if not name:
        raise Unsaid(_("A collection needs a name."))
    if owner.collections.count() >= COLLECTIONS_MOST:
        raise Full(_("You have %s collections, which is as many as this hub keeps for one person.") % COLLECTIONS_MOST)
    try:
        with transaction.atomic():
            return Collection.objects.create(
                owner=owner, name=name, description=one_line(description, 500), private=private
            )
    except IntegrityError as taken:
        raise NameTaken(_("You have a collection called %s already.") % name) from taken


@transaction.atomic
def collection_edit(*, collection_id: int, by: User, name: str, description: str, private: bool) -> Collection:
    """Raises `NotFound` for another's, `Unsaid`, `NameTaken`."""
    collection = _mine(by, collection_id)
    collection.name = one_line(name, 80)
    if not collection.name:
        raise Unsaid(_("A collection needs a name."))
    collection.description, collection.private = one_line(description, 500), private
    try:
        with transaction.atomic():
            collection.save()
    except IntegrityError as taken:
        raise NameTaken(_("You have a collection called %s already.") % collection.name) from taken
    return collection


def collection_delete(*, collection_id: int, by: User) -> None:
    """Delete a collection, not what is in it. Raises `NotFound` for another's."""
    _mine(by, collection_id).delete()


@transaction.atomic
def collection_add(*, by: User, target: Target, collection_id: int | None = None, name: str = "") -> Collection:
    """Put ``target`` last into a collection of one's own, or into a new one called ``name``; twice changes nothing."""
    collection = _mine(by, collection_id) if collection_id else collection_create(owner=by, name=name)
    items = CollectionItem.objects.filter(collection=collection)
    if items.count() >= ITEMS_MOST:
        raise Full(
            _("%(collection)s holds %(most)s pieces, which is as many as a collection takes.")
            % {"collection": collection.name, "most": f"{ITEMS_MOST:,}"}
        )
    last = items.aggregate(last=Max("position"))["last"] or 0
    CollectionItem.objects.get_or_create(collection=collection, **about(target), defaults={"position": last + 1})
    collection.save(update_fields=["updated_at"])
    return collection


@transaction.atomic
def collection_remove(*, collection_id: int, item_id: int, by: User) -> Collection:
    collection = _mine(by, collection_id)
    collection.items.filter(pk=item_id).delete()
    return collection


@transaction.atomic
def collection_move(*, collection_id: int, item_id: int, by: User, steps: int) -> Collection:
    """Move a piece ``steps`` places later (earlier where negative)."""
    collection = _mine(by, collection_id)
    order = list(collection.items.values_list("pk", flat=True))
    if item_id not in order:
        raise NotFound(_("That piece is not in this collection."))
    at = order.index(item_id)
    order.insert(max(0, min(len(order) - 1, at + steps)), order.pop(at))
    items = [CollectionItem(pk=pk, position=position) for position, pk in enumerate(order, 1)]
    CollectionItem.objects.bulk_update(items, ["position"])
    return collection


def _mine(user: User, collection_id: int) -> Collection:
    collection = Collection.objects.select_for_update().filter(pk=collection_id, owner=user).first()
    if collection is None:
        raise NotFound(_("There is no such collection."))
    return collection


def notices_read(*, user: User, upto: int) -> None:
    """Mark the notices up to the id ``upto`` as seen."""
    user.notices.filter(read_at=None, pk__lte=upto).update(read_at=timezone.now())


def models_recount() -> int:
    """Count again what is said of models and which collections hold them: by the clock, as both end in many ways.

    Returns how many totals changed.
    """
    counts = {"comments": queries.comments_of_models(), "collected": queries.collections_of_models()}
    return sum(totals_set(kind=kind, counts=found) for kind, found in counts.items())
