"""Whoever's thing is decided about is told by the hub. Bytes are held whoever has them: those whose thing nobody
reported get a case of their own, decided already, so that they read what was held and why, and can answer it too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import reduce
from operator import or_
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hub.accounts.mailing import language_of
from hub.accounts.models import User
from hub.catalog.models import Block, File
from hub.community.models import Notice
from hub.errors import NotFound
from hub.gallery.models import Picture
from hub.moderation import queries, things
from hub.moderation.models import Case

Decision = Case.Decision
DECIDED = {
    Decision.RATED: gettext_lazy("A moderator set its content level."),
    Decision.HIDDEN: gettext_lazy("A moderator hid it."),
    Decision.TAKEN_DOWN: gettext_lazy("A moderator took it down."),
    Decision.QUARANTINED: gettext_lazy("A moderator took its files into quarantine."),
    Decision.WARNED: gettext_lazy("A moderator warns you about it."),
}
WITH_IT = {
    Decision.HIDDEN: gettext_lazy("A moderator hid this picture, whoever has it."),
    Decision.TAKEN_DOWN: gettext_lazy("A moderator took this picture down, whoever has it."),
    Decision.QUARANTINED: gettext_lazy("A moderator took a file of it into quarantine, whoever has it."),
}
STANDS = gettext_lazy("Another moderator looked at it, and it stands.")
STANDS_YET = gettext_lazy("A moderator looked at it again, and it stands.")  # where there is no other
TAKEN_BACK = gettext_lazy("A moderator took it back.")


def tell(case: Case, said: object, *, why: str) -> None:
    """A notification to the thing's owner in their language: the hub's, so that no moderator is found by name. What was
    decided, why, and what they may do stand each on a line of its own: the first is the mail's subject."""
    until = queries.answer_until(case)
    for person in queries.answering(case):
        with translation.override(language_of(person)):
            what = Truncator(" ".join(case.title.split())).chars(60)
            lines = [_("“%(what)s”: %(said)s") % {"what": what, "said": said}, _("Why: %(why)s") % {"why": why}]
            if until is not None:
                day = date_format(timezone.localtime(until), "DATE_FORMAT")
                another = _("You can answer until %(day)s; another moderator reads it.")
                same = _("You can answer until %(day)s; a moderator reads it.")
                lines.append((another if queries.another_there(case) else same) % {"day": day})
            sentence = "\n".join(lines)
        Notice.objects.create(
            user=person, kind=Notice.Kind.DECISION, sentence=sentence[:700], address=f"/decisions/{case.pk}"
        )


def pictures_held(
    ids: Iterable[int], *, by: User | None, decision: str, sentence: str, held_with: Case | None = None
) -> None:
    """Tell the owners of pictures that are held now: one case for each owner."""
    theirs: dict[int, list[int]] = defaultdict(list)
    owned = Picture.objects.filter(pk__in=list(ids), owner__isnull=False).order_by("id")
    for owner, id in owned.values_list("owner_id", "id"):
        theirs[owner].append(id)
    for pictures in theirs.values():
        made = _decided(Case.Kind.PICTURE, pictures[0], {"pictures": pictures}, by, decision, sentence, held_with)
        if made is not None:
            tell(made, WITH_IT[Decision(decision)], why=sentence)


@transaction.atomic
def blocked_told(sha256: str) -> None:
    """Tell the owners of pictures that came after their digest was blocked. Whoever was told about the same bytes
    before is not told again: the new ones belong to that decision. A repeat changes nothing."""
    block = Block.objects.select_for_update().filter(kind=Block.Kind.PICTURE, value=sha256).first()
    if block is None:
        return
    cases = Case.objects.filter(kind=Case.Kind.PICTURE, sha256=sha256, decided_at__isnull=False).exclude(upheld=False)
    standing = {case.owner_id: case for case in cases.select_for_update().order_by("decided_at")}
    known = {id for case in standing.values() for id in [case.thing, *case.before.get("pictures", [])]}
    untold = []
    for picture in Picture.objects.filter(sha256=sha256, held=True, owner__isnull=False).order_by("id"):
        if picture.pk in known:
            continue
        if case := standing.get(picture.owner_id):
            case.before = {**case.before, "pictures": [*case.before.get("pictures", []), picture.pk]}
            case.save(update_fields=["before"])
        else:
            untold.append(picture.pk)
    pictures_held(untold, by=block.by, decision=Decision.HIDDEN, sentence=block.sentence)


def blocked_sweep() -> None:
    """The same for every digest that is blocked."""
    for sha256 in Block.objects.filter(kind=Block.Kind.PICTURE).values_list("value", flat=True):
        if Picture.objects.filter(sha256=sha256, held=True).exists():
            blocked_told(sha256)


def files_held(files: Sequence[File], *, by: User | None, sentence: str, held_with: Case | None = None) -> None:
    """Tell the owners of files that are in quarantine now: one case for each model."""
    theirs: dict[int, list[int]] = defaultdict(list)
    for file in files:
        theirs[file.version.model_id].append(file.pk)
    for model, ids in theirs.items():
        made = _decided(Case.Kind.MODEL, model, {"files": ids}, by, Decision.QUARANTINED, sentence, held_with)
        if made is not None:
            tell(made, WITH_IT[Decision.QUARANTINED], why=sentence)


def _decided(
    kind: str, id: int, before: dict[str, Any], by: User | None, decision: str, sentence: str, held_with: Case | None
) -> Case | None:
    try:
        with translation.override(settings.LANGUAGE_CODE):  # a case is in one language, whoever reads it
            thing = things.find(kind, id)
    except NotFound:
        return None
    return Case.objects.create(
        kind=kind, thing=id, title=thing.title[:200], words=thing.words, owner=thing.owner, sha256=thing.sha256,
        before=before, decision=decision, decided_by=by, decided_at=timezone.now(), sentence=sentence[:300],
        held_with=held_with,
    )  # fmt: skip


def files_released(files: Sequence[File], *, by: User | None, sentence: str) -> None:
    """A verdict is of bytes: whoever was told that they are in quarantine is told that they are not, once all of
    theirs are out."""
    if not files:
        return
    quarantined = Case.objects.select_for_update().filter(decision=Decision.QUARANTINED, upheld=None)
    named = reduce(or_, (Q(before__files__contains=[file.pk]) for file in files))
    for case in quarantined.filter(named).order_by("id"):
        if not File.objects.filter(pk__in=case.before["files"]).exclude(verdict=File.Verdict.ACCEPTED).exists():
            take_back(case, by=by, sentence=sentence)


def take_back(case: Case, *, by: User | None, sentence: str) -> None:
    """A decision does not hold any more; its owner is told. What was done to the thing is undone elsewhere."""
    case.upheld, case.upheld_by, case.upheld_at, case.upheld_sentence = False, by, timezone.now(), sentence[:300]
    case.save(update_fields=["upheld", "upheld_by", "upheld_at", "upheld_sentence"])
    tell(case, TAKEN_BACK, why=sentence)
