"""What can be asked about people's words: who likes and follows, threads, reviews, collections, notices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from hub.accounts.levels import ALL, beyond, levels_of
from hub.accounts.models import User
from hub.accounts.queries import acts_for
from hub.catalog.markdown import names_in
from hub.catalog.models import Listing, Model, Version
from hub.catalog.queries import model_detail, models_visible
from hub.community.models import Collection, CollectionItem, Comment, Follow, Like, Notice, Review
from hub.errors import NotFound
from hub.gallery.models import Picture
from hub.gallery.queries import picture_for, pictures_for, shown_levels
from hub.prompts.models import Prompt
from hub.prompts.queries import prompt_for, prompts_shown, visible

Person = User | AnonymousUser
Target = Model | Picture | Prompt
THREADS, REVIEWS, NOTICES, PEOPLE = 50, 20, 50, 200
ALL_SAID = 1000  # of threads or reviews, for those who ask for all


def kind_of(target: Target) -> str:
    """The column of `About` that names such a thing."""
    return "model" if isinstance(target, Model) else "picture" if isinstance(target, Picture) else "prompt"


def may_see(user: Person, target: Target) -> bool:
    seen: dict[str, Callable[[Person], QuerySet[Any]]] = {
        "model": models_visible, "picture": pictures_for, "prompt": visible,
    }  # fmt: skip
    return seen[kind_of(target)](user).filter(pk=target.pk).exists()


def target_for(
    user: Person, *, model_id: int | None = None, picture_id: int | None = None, prompt_id: int | None = None
) -> Target:
    """The thing that people speak of. Raises `NotFound` where ``user`` may not see it, or it was taken down."""
    if model_id is not None:
        model = model_detail(user, model_id)
        if model.status == Model.Status.TAKEN_DOWN:
            raise NotFound(_("This model was removed."))
        return model
    return picture_for(user, picture_id or 0) if prompt_id is None else prompt_for(user, prompt_id)


def may_remove(user: Person, comment: Comment) -> bool:
    """Its author, a moderator, and the owner of the thing under which it stands."""
    if not isinstance(user, User):
        return False
    if user.is_moderator or user.pk == comment.author_id:
        return True
    owner = comment.target.owner
    return owner is not None and acts_for(user, owner)


def likes(user: Person, target: Target) -> bool:
    return isinstance(user, User) and Like.objects.filter(user=user, **{kind_of(target): target}).exists()


def likes_of(target: Target) -> int:
    """How many like it, counted; models and pictures keep the total themselves."""
    return Like.objects.filter(**{kind_of(target): target}).count()


def follows(user: Person, person: User) -> bool:
    return user.is_authenticated and Follow.objects.filter(follower=user, followed=person).exists()


@dataclass
class Thread:
    """A comment and the answers to it; ``removable`` says whether the reader may remove the first."""

    comment: Comment
    removable: bool
    answers: list[Thread] = field(default_factory=list)


def threads(user: Person, target: Target, *, limit: int = THREADS) -> list[Thread]:
    """The newest threads under ``target``, oldest first; a removed comment stays only where it was answered."""
    name = kind_of(target)
    comments = Comment.objects.filter(**{name: target}).select_related("author")
    tops = list(comments.filter(parent=None).order_by("-id")[:limit])[::-1]
    answers = list(comments.filter(parent__in=tops, removed_at=None)) if tops else []
    for comment in (*tops, *answers):
        setattr(comment, name, target)  # the same row, not read with each
    found = {top.pk: Thread(top, may_remove(user, top)) for top in tops}
    for answer in answers:
        if answer.parent_id is not None:
            found[answer.parent_id].answers.append(Thread(answer, may_remove(user, answer)))
    return [thread for thread in found.values() if thread.answers or not thread.comment.removed_at]


def threads_of(target: Target) -> int:
    """How many threads there are, those that were emptied among them."""
    return Comment.objects.filter(parent=None, **{kind_of(target): target}).count()


def people_in(texts: Iterable[str]) -> dict[str, str]:
    """Whoever is called by ``@name`` in these words and has an open account here: lower case → as they write it."""
    names = {name for text in texts for name in names_in(text)}
    if not names:
        return {}
    called = User.objects.annotate(lower=Lower("username")).filter(lower__in=sorted(names)[:PEOPLE], is_active=True)
    return dict(called.values_list("lower", "username"))


def reviews(model: Model, *, limit: int = REVIEWS) -> tuple[list[Review], dict[str, int]]:
    """The newest reviews, and how many recommend the model of how many."""
    counted = Review.objects.filter(model=model).aggregate(total=Count("id"), yes=Count("id", Q(recommends=True)))
    found = Review.objects.filter(model=model).select_related("author")[:limit] if counted["total"] else ()
    return list(found), counted


def collection_list(user: Person, *, owner: User | None = None) -> QuerySet[Collection]:
    """Collections that ``user`` may see, newest change first, each with ``size``."""
    seen = Q(private=False) | (Q(owner=user.pk) if user.is_authenticated else Q(pk__in=[]))
    collections = Collection.objects.filter(seen).select_related("owner").annotate(size=Count("items"))
    return collections.filter(owner=owner) if owner else collections


def collection_for(user: Person, collection_id: int) -> Collection:
    """Raises `NotFound` where there is none, or a private one of somebody else."""
    collection = collection_list(user).filter(pk=collection_id).first()
    if collection is None:
        raise NotFound(_("There is no such collection."))
    return collection


def collection_mine(user: User, collection_id: int) -> Collection:
    """Raises `NotFound` for what is not one's own."""
    found = user.collections.filter(pk=collection_id).first() if 0 < collection_id < 2**63 else None
    if found is None:
        raise NotFound(_("There is no such collection."))
    return found


@dataclass
class Piece:
    """An item of a collection; one of ``model``, ``picture`` and ``prompt``."""

    item_id: int
    model: Model | None = None
    picture: Picture | None = None
    prompt: Prompt | None = None


def pieces(user: Person, collection: Collection) -> list[Piece]:
    """What ``user`` may see of a collection, in its order; of the rest not even the number is told."""
    items = list(collection.items.all())
    models = models_visible(user).in_bulk([item.model_id for item in items if item.model_id])
    models = {key: model for key, model in models.items() if not beyond(model.level, user)}
    pictures = (
        pictures_for(user)
        .filter(level__in=shown_levels(user))
        .in_bulk([item.picture_id for item in items if item.picture_id])
    )
    prompts = prompts_shown(user, [item.prompt_id for item in items if item.prompt_id])
    found = [
        Piece(item.pk, models.get(item.model_id), pictures.get(item.picture_id), prompts.get(item.prompt_id or 0))
        for item in items
    ]
    return [piece for piece in found if piece.model or piece.picture or piece.prompt]


def shown_versions(model_ids: list[int]) -> dict[int, Version]:
    """The published version that stands first on each model's page, in one statement."""
    published = {"status": Version.Status.PUBLISHED, "model__status": Model.Status.PUBLISHED}
    versions = Version.objects.filter(model__in=model_ids, **published)
    first = versions.order_by("model_id", "index", "-id").distinct("model_id")
    return {version.model_id: version for version in first.select_related("model__owner", "model__stat", "base")}


def words_of(notices: Sequence[Notice]) -> dict[int, str]:
    """What was said, by a notification's number: the comment, or the review as it is now."""
    found = {notice.pk: notice.comment.text for notice in notices if notice.comment}
    about = {notice.pk: (notice.model_id, notice.actor_id) for notice in notices if notice.kind == Notice.Kind.REVIEW}
    if about:
        models, authors = zip(*about.values(), strict=True)
        reviews = Review.objects.filter(model__in=set(models), author__in=set(authors))
        texts = {(one.model_id, one.author_id): one.text for one in reviews}
        found |= {number: texts[pair] for number, pair in about.items() if pair in texts}
    return found


def notice_list(user: User, *, limit: int = NOTICES) -> list[Notice]:
    return list(user.notices.select_related("actor", "model", "picture", "prompt", "comment")[:limit])


def notices_unread(user: Person) -> int:
    return user.notices.filter(read_at=None).count() if isinstance(user, User) else 0


def newest_of_followed(user: User, *, limit: int = 10) -> list[Version]:
    """The newest versions of people whom ``user`` follows, of levels that are shown to them."""
    followed = Follow.objects.filter(follower=user).values("followed")
    shown = Listing.objects.annotate(beyond=F("level").bitand(ALL & ~levels_of(user))).filter(beyond=0)
    rows = shown.filter(creator__in=followed, lead=True).order_by("-published_at", "-model")[:limit]
    related = ("version__model__owner", "version__model__stat", "version__base")
    return [row.version for row in rows.select_related(*related)]


def comments_of_models() -> dict[int, int]:
    """How many comments stand under each model that has any."""
    return _by_model(Comment.objects.filter(removed_at=None))


def collections_of_models() -> dict[int, int]:
    """How many public collections hold each model that any holds."""
    return _by_model(CollectionItem.objects.filter(collection__private=False))


def _by_model(rows: QuerySet[Any]) -> dict[int, int]:
    counted = rows.filter(model__isnull=False).order_by().values_list("model_id").annotate(n=Count("pk"))
    return dict(counted)
