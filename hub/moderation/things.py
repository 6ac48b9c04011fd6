"""What can be reported and decided about: each kind of thing, how it is found, what is done to it and undone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.catalog import removal
from hub.catalog.models import File, Model
from hub.catalog.queries import Person, models_visible
from hub.catalog.serializers import model_url, picture_url
from hub.community.models import Comment, Review
from hub.community.queries import may_see
from hub.community.saying import page_of
from hub.errors import NotFound
from hub.gallery.covers import covers_follow
from hub.gallery.models import Picture
from hub.gallery.queries import pictures_for
from hub.moderation.models import Case
from hub.prompts.models import Prompt
from hub.prompts.queries import visible

Kind, Decision = Case.Kind, Case.Decision


@dataclass(frozen=True)
class Thing:
    """A thing as a report names it. ``picture``: the address of what it shows. ``level``: 0 where it has none."""

    kind: str
    id: int
    title: str
    owner: User | None
    url: str
    words: str = ""
    sha256: str = ""
    picture: str = ""
    level: int = 0


def find(kind: str, id: int, *, seen_by: Person | None = None) -> Thing:
    """The thing; ``seen_by``: only where that person may see it, None: whatever its state. Raises `NotFound`."""
    finder = FINDERS.get(kind)
    thing = finder(id, seen_by) if finder is not None and 0 < id < 2**31 else None
    if thing is None:
        raise NotFound(_("There is nothing of that number to report."))
    return thing


def _model(id: int, user: Person | None) -> Thing | None:
    models = Model.objects.exclude(status=Model.Status.DELETED) if user is None else models_visible(user)
    model = models.select_related("owner").filter(pk=id).first()
    if model is None or (user is not None and model.status == Model.Status.TAKEN_DOWN):
        return None
    first = model.versions.exclude(status="deleted").order_by("index", "-id").first()
    file = File.objects.filter(version=first).first() if first else None
    shown = picture_url(first.cover_sha256, "width=450", "cover.png") if first and first.cover_sha256 else ""
    return Thing(
        Kind.MODEL, id, model.name, model.owner, model_url(model), words=model.description[:2000],
        sha256=file.blob_id if file else "", picture=shown, level=model.level,
    )  # fmt: skip


def _picture(id: int, user: Person | None) -> Thing | None:
    pictures = Picture.objects.all() if user is None else pictures_for(user)
    picture = pictures.select_related("owner").filter(pk=id).first()
    if picture is None:
        return None
    prompt = str(picture.recipe.get("prompt") or "")
    return Thing(
        Kind.PICTURE, id, prompt[:200] or _("A picture"), picture.owner, reverse("gallery:picture-detail", args=[id]),
        words=prompt[:2000], sha256=picture.sha256, picture=picture_url(picture.sha256, "width=450", f"{id}.png"),
        level=picture.level or 1,
    )  # fmt: skip


def _comment(id: int, user: Person | None) -> Thing | None:
    comment = Comment.objects.select_related("author", "model", "picture", "prompt").filter(pk=id).first()
    if comment is None or (user is not None and (comment.removed_at or not may_see(user, comment.target))):
        return None
    return Thing(
        Kind.COMMENT, id, comment.text[:120] or _("A comment"), comment.author,
        f"{page_of(comment.target)}#comment-{id}",
        words=comment.text[:5000],
    )  # fmt: skip


def _review(id: int, user: Person | None) -> Thing | None:
    review = Review.objects.select_related("author", "model").filter(pk=id).first()
    if review is None or (user is not None and not may_see(user, review.model)):
        return None
    url = f"{model_url(review.model)}#reviews"
    return Thing(Kind.REVIEW, id, review.text[:120] or _("A review"), review.author, url, words=review.text[:5000])


def _prompt(id: int, user: Person | None) -> Thing | None:
    prompts = Prompt.objects.all() if user is None else visible(user)
    prompt = prompts.select_related("owner").filter(pk=id).first()
    if prompt is None:
        return None
    words = f"{prompt.text}\n\n{prompt.negative}".strip()
    return Thing(
        Kind.PROMPT, id, prompt.title, prompt.owner, reverse("prompts:prompt-detail", args=[id]), words=words[:5000]
    )


def _person(id: int, user: Person | None) -> Thing | None:
    person = User.objects.filter(pk=id).first()
    if person is None or (user is not None and not person.is_active):
        return None
    url = reverse("accounts:user-detail", args=[person.username])
    return Thing(Kind.PERSON, id, person.username, person, url, words=person.about)


FINDERS: dict[str, Callable[[int, Person | None], Thing | None]] = {
    Kind.MODEL: _model, Kind.PICTURE: _picture, Kind.COMMENT: _comment, Kind.REVIEW: _review, Kind.PROMPT: _prompt,
    Kind.PERSON: _person,
}  # fmt: skip

# What may be decided about each kind; a dismissal and a warning about any.
DECISIONS: dict[str, tuple[str, ...]] = {
    Kind.MODEL: (Decision.RATED, Decision.HIDDEN, Decision.TAKEN_DOWN, Decision.QUARANTINED),
    Kind.PICTURE: (Decision.RATED, Decision.HIDDEN, Decision.TAKEN_DOWN),
    Kind.COMMENT: (Decision.HIDDEN,),
    Kind.REVIEW: (Decision.HIDDEN,),
    Kind.PROMPT: (Decision.HIDDEN,),
    Kind.PERSON: (Decision.HIDDEN,),
}


def decisions_of(kind: str) -> list[str]:
    """What may be decided, in the order of the keys 1 to 6."""
    own = DECISIONS[kind]
    return [one for one in Decision.values if one in {Decision.DISMISSED, Decision.WARNED} or one in own]


def carry_out(thing: Thing, decision: str, *, because: str, level: int = 0) -> dict[str, Any]:
    """Do to a thing what was decided, quarantine apart (`actions.verdict_set`). Returns what `undo` needs."""
    if decision in {Decision.DISMISSED, Decision.WARNED, Decision.QUARANTINED}:
        return {}
    if decision == Decision.RATED:
        if thing.kind == Kind.MODEL:
            Model.objects.filter(pk=thing.id).update(level=level)
            removal.listing_refresh(Model.objects.get(pk=thing.id))
            return {"level": thing.level}
        rated_by = Picture.objects.values_list("rated_by", flat=True).get(pk=thing.id)
        Picture.objects.filter(pk=thing.id).update(level=level, rated_by="moderator")
        covers_follow([thing.id])
        return {"level": thing.level, "rated_by": rated_by}  # or its owner could never lower it again
    return HIDERS[Kind(thing.kind)](thing, decision, because)


def _hide_model(thing: Thing, decision: str, because: str) -> dict[str, Any]:
    if decision == Decision.TAKEN_DOWN:
        removal.model_take_down(model_id=thing.id, because=because)
    else:
        removal.model_lock(model_id=thing.id)
    return {"hidden": True}


def _hide_picture(thing: Thing, decision: str, because: str) -> dict[str, Any]:
    same = Picture.objects.filter(pk=thing.id)
    if decision == Decision.TAKEN_DOWN:  # whoever's, wherever the same bytes lie
        same = Picture.objects.filter(sha256=thing.sha256, held=False) | same
    shown = list(same.filter(held=False).values_list("pk", flat=True))
    Picture.objects.filter(pk__in=shown).update(held=True)
    covers_follow(shown)
    return {"pictures": shown}


def _hide_comment(thing: Thing, decision: str, because: str) -> dict[str, Any]:
    Comment.objects.filter(pk=thing.id, removed_at=None).update(removed_at=timezone.now(), text="")
    return {"text": thing.words}


def _hide_review(thing: Thing, decision: str, because: str) -> dict[str, Any]:
    review = Review.objects.get(pk=thing.id)
    kept = {"model": review.model_id, "author": review.author_id, "recommends": review.recommends, "text": review.text}
    review.delete()
    return {"review": kept}


def _hide_prompt(thing: Thing, decision: str, because: str) -> dict[str, Any]:
    was = Prompt.objects.filter(pk=thing.id).values_list("private", flat=True).first()
    Prompt.objects.filter(pk=thing.id).update(private=True, locked=True)
    return {"private": bool(was)}


def _hide_person(thing: Thing, decision: str, because: str) -> dict[str, Any]:
    User.objects.filter(pk=thing.id).update(about="")
    return {"text": thing.words}


HIDERS = {
    Kind.MODEL: _hide_model, Kind.PICTURE: _hide_picture, Kind.COMMENT: _hide_comment, Kind.REVIEW: _hide_review,
    Kind.PROMPT: _hide_prompt, Kind.PERSON: _hide_person,
}  # fmt: skip


def undo(case: Case) -> None:
    """Take back what was done to a case's thing, quarantine apart; a thing that is gone since stays gone."""
    kept, id = case.before, case.thing
    if "level" in kept:
        table = Model if case.kind == Kind.MODEL else Picture
        table.objects.filter(pk=id).update(**{name: kept[name] for name in ("level", "rated_by") if name in kept})
        if case.kind == Kind.MODEL and (model := Model.objects.filter(pk=id).first()):
            removal.listing_refresh(model)
        if case.kind == Kind.PICTURE:
            covers_follow([id])
    elif case.kind == Kind.MODEL and "hidden" in kept:
        removal.model_restore(model_id=id)
    elif case.kind == Kind.PICTURE:
        Picture.objects.filter(pk__in=kept.get("pictures", [])).update(held=False)
        covers_follow(kept.get("pictures", []))
    elif case.kind == Kind.COMMENT and "text" in kept:
        Comment.objects.filter(pk=id).update(removed_at=None, removed_by=None, text=kept["text"])
    elif case.kind == Kind.REVIEW and (review := kept.get("review")):
        if not Review.objects.filter(model_id=review["model"], author_id=review["author"]).exists():
            Review.objects.create(
                model_id=review["model"], author_id=review["author"], recommends=review["recommends"],
                text=review["text"],
            )  # fmt: skip
    elif case.kind == Kind.PROMPT:
        Prompt.objects.filter(pk=id).update(private=kept.get("private", False), locked=False)
    elif case.kind == Kind.PERSON and "text" in kept:
        User.objects.filter(pk=id, about="").update(about=kept["text"])
