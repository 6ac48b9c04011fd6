"""A case from its claim to its end: one moderator decides, the owner may answer once, another moderator looks again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from http import HTTPStatus

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from hub.accounts.levels import LEVELS
from hub.accounts.models import User
from hub.catalog.models import File
from hub.catalog.words import tidy
from hub.community.models import Notice
from hub.errors import NotAllowed, NotFound, Refused
from hub.gallery.models import Picture
from hub.moderation import actions, queries, telling, things
from hub.moderation.chain import entry_add
from hub.moderation.models import Case, Entry

Decision = Case.Decision
CLAIM_MINUTES = 15  # then somebody else may take it: whoever claimed it went away
SENTENCE_LIMIT, APPEAL_LIMIT = 300, 2000


class Claimed(Refused):
    code, status = "claimed", HTTPStatus.CONFLICT


class Decided(Refused):
    code, status = "decided", HTTPStatus.CONFLICT


class BadDecision(Refused):
    code, status = "bad-decision", HTTPStatus.UNPROCESSABLE_ENTITY


class TooLate(Refused):
    code, status = "too-late", HTTPStatus.CONFLICT


class NoAppeal(Refused):
    code, status = "no-appeal", HTTPStatus.CONFLICT


class SameModerator(NotAllowed):
    code = "same-moderator"


def _locked(case_id: int) -> Case:
    case = Case.objects.select_for_update().filter(pk=case_id).first() if 0 < case_id < 2**63 else None
    if case is None:
        raise NotFound(_("There is no such case."))
    return case


@transaction.atomic
def case_claim(*, by: User, case_id: int, on: bool = True) -> Case:
    """Say that one looks at a case, or no longer; others see it for a quarter of an hour. Raises `Claimed`."""
    queries.moderator(by)
    case = _locked(case_id)
    _undecided(case)
    if on:
        _unclaimed(case, by)
        case.claimed_by, case.claimed_at = by, timezone.now()
    elif case.claimed_by_id == by.pk:
        case.claimed_by, case.claimed_at = None, None
    case.save(update_fields=["claimed_by", "claimed_at"])
    return case


def _undecided(case: Case) -> None:
    if case.decided_at is not None:
        who = case.decided_by.username if case.decided_by else _("the hub")
        raise Decided(
            _("Not saved: it was decided a moment ago (%(decision)s, by %(who)s).")
            % {"decision": case.get_decision_display(), "who": who}
        )


def taken(case: Case, by: User) -> bool:
    """Whether another moderator looks at it."""
    late = timezone.now() - timedelta(minutes=CLAIM_MINUTES)
    return case.claimed_by_id not in {None, by.pk} and case.claimed_at is not None and case.claimed_at > late


def _unclaimed(case: Case, by: User) -> None:
    if taken(case, by):
        assert case.claimed_by is not None
        raise Claimed(_("%s is looking at this.") % case.claimed_by.username)


def case_decide(
    *, by: User, case_id: int, decision: str, sentence: str, level: int = 0, same_bytes: bool = False
) -> list[Case]:
    """Decide a case: do to its thing what ``decision`` says, tell its owner ``sentence``, write it into the log.

    same_bytes: also every other open case of the same bytes. Raises `NotAllowed`, `NotFound`, `Claimed`, `Decided`,
    `SameModerator`, `BadDecision`, `NoReason`.
    """
    queries.moderator(by)
    sentence = actions.reason_checked(sentence)
    if len(sentence) > SENTENCE_LIMIT:
        raise BadDecision(_("Say it in %s characters; the owner reads it as a sentence.") % SENTENCE_LIMIT)
    with transaction.atomic():
        case = _locked(case_id)
        _undecided(case)
        _unclaimed(case, by)
        if queries.for_another(by, case):
            raise SameModerator(_("This is your own. Another moderator decides about it."))
        held: list[File] = []
        decided = [_decide(case, by, decision, sentence, level, held)]
        if same_bytes and case.sha256:
            others = Case.objects.select_for_update().filter(sha256=case.sha256, decided_at=None).exclude(pk=case.pk)
            theirs = [other for other in others.order_by("id") if not queries.for_another(by, other)]
            decided += [_decide(other, by, decision, sentence, level, held) for other in theirs]
        _tell_others(decided, held, by)
    return decided


def _tell_others(decided: list[Case], held: list[File], by: User) -> None:
    """Bytes are held whoever has them. Each case keeps what is its own owner's, and everybody else gets one, so that an
    answer that is granted gives back just theirs. ``held``: files, of all these cases together."""
    first, told = decided[0], {case.thing for case in decided}
    if first.decision == Decision.QUARANTINED:
        for case in decided:
            case.before = {"files": [file.pk for file in held if file.version.model_id == case.thing]}
        theirs = [file for file in held if file.version.model_id not in told]
        telling.files_held(theirs, by=by, sentence=first.sentence, held_with=first)
    elif first.kind == Case.Kind.PICTURE and first.decision == Decision.TAKEN_DOWN:
        left = [id for case in decided for id in case.before.get("pictures", [])]
        whose = dict(Picture.objects.filter(pk__in=left).values_list("pk", "owner_id"))
        for case in decided:
            own = {id for id in left if id not in told and whose.get(id) == case.owner_id} | {case.thing}
            case.before = {"pictures": [id for id in left if id in own]}
            left = [id for id in left if id not in own]
        telling.pictures_held(left, by=by, decision=first.decision, sentence=first.sentence, held_with=first)
    else:
        return
    for case in decided:
        case.save(update_fields=["before"])


def _decide(case: Case, by: User, decision: str, sentence: str, level: int, held: list[File]) -> Case:
    if decision not in things.decisions_of(case.kind):
        raise BadDecision(_("That cannot be decided about this."))
    if decision == Decision.RATED and level not in LEVELS and not (case.kind == Case.Kind.MODEL and 0 < level < 32):
        raise BadDecision(_("A content level is one of %s.") % (", ".join(map(str, LEVELS))))
    thing = _still(case)
    if decision == Decision.QUARANTINED:
        held += _quarantine(case, by, sentence)
    elif thing is not None:
        case.before = things.carry_out(thing, decision, because=sentence, level=level)
    case.decision, case.decided_by, case.decided_at, case.sentence = decision, by, timezone.now(), sentence
    case.save()
    if decision != Decision.DISMISSED:
        telling.tell(case, telling.DECIDED[Decision(decision)], why=sentence)
    if decision != Decision.QUARANTINED:  # those are in the log by file already
        before, after = ("open", decision) if decision != Decision.RATED else (case.before.get("level", ""), level)
        _log(case, by, LOGGED[Decision(decision)], sentence, before=str(before), after=str(after))
    return case


def _still(case: Case) -> things.Thing | None:
    try:
        return things.find(case.kind, case.thing)
    except NotFound:
        return None


def _quarantine(case: Case, by: User, sentence: str) -> list[File]:
    """Every file of the model that is served now, and with each whatever has its bytes."""
    files = File.objects.filter(version__model_id=case.thing, verdict=File.Verdict.ACCEPTED)
    shas = dict.fromkeys(files.exclude(version__status="deleted").values_list("blob_id", flat=True))
    return [file for sha256 in shas for file in actions.bytes_quarantine(by=by, sha256=sha256, reason=sentence)]


LOGGED = {
    Decision.DISMISSED: Entry.Action.DISMISSED, Decision.RATED: Entry.Action.RATED,
    Decision.HIDDEN: Entry.Action.HIDDEN, Decision.TAKEN_DOWN: Entry.Action.TAKEN_DOWN,
    Decision.WARNED: Entry.Action.WARNED,
}  # fmt: skip


def _log(case: Case, by: User, action: str, reason: str, *, before: str = "", after: str = "") -> None:
    with translation.override(settings.LANGUAGE_CODE):  # the log is in one language, whoever decides
        kind = case.get_kind_display()
    entry_add(
        actor=by, action=action, subject=f"{kind} “{case.title}”"[:300],
        owner=case.owner.username if case.owner else "", sha256=case.sha256, before=before, after=after, reason=reason,
        about=f"{case.kind} {case.thing}",
    )  # fmt: skip


@transaction.atomic
def case_reopen(*, by: User, case_id: int) -> Case:
    """Take back what one decided a moment ago: the thing is as before, its owner's notification goes, the log keeps
    both. Raises `NotAllowed`, `NotFound`, `TooLate`."""
    queries.moderator(by)
    case = _locked(case_id)
    if not queries.reopenable(by).filter(pk=case.pk).exists():
        raise TooLate(_("A decision can be taken back for %s minutes, by who made it.") % queries.REOPEN_MINUTES)
    if Case.objects.filter(kind=case.kind, thing=case.thing, decided_at=None).exists():
        raise TooLate(_("It was reported again meanwhile; decide about that report."))
    others = list(case.others.all())
    for other in others:
        things.undo(other)
    Notice.objects.filter(address__in=[f"/decisions/{other.pk}" for other in others]).delete()
    case.others.all().delete()
    _undo(case, by, "Decided by mistake.")
    _log(case, by, Entry.Action.RESTORED, "Decided by mistake.", before=case.decision, after="open")
    Notice.objects.filter(kind=Notice.Kind.DECISION, address=f"/decisions/{case.pk}").delete()
    case.decision, case.decided_by, case.decided_at, case.sentence, case.before = "", None, None, "", {}
    case.upheld, case.upheld_by, case.upheld_at, case.upheld_sentence = None, None, None, ""
    case.claimed_by, case.claimed_at = by, timezone.now()
    case.save()
    return case


@transaction.atomic
def case_appeal(*, by: User, case_id: int, words: str) -> Case:
    """The owner's answer to a decision, once. Raises `NotFound`, `NoAppeal`."""
    case = queries.case_told(by, case_id)
    case = _locked(case.pk)
    if case.appealed_at is not None:
        raise NoAppeal(_("You have answered this decision already; a moderator looks at it."))
    if case.upheld is False:
        raise NoAppeal(_("It is taken back already."))
    if queries.answer_until(case) is None:
        raise NoAppeal(_("A decision can be answered for %s days.") % queries.APPEAL_DAYS)
    words = tidy(words, APPEAL_LIMIT)
    if len(words) < 3:
        raise BadDecision(_("Say in a sentence or two why the decision is wrong."))
    case.appeal, case.appealed_at = words, timezone.now()
    case.claimed_by, case.claimed_at = None, None
    case.save(update_fields=["appeal", "appealed_at", "claimed_by", "claimed_at"])
    _log(case, by, Entry.Action.APPEALED, words[:1000])
    return case


@transaction.atomic
def appeal_decide(*, by: User, case_id: int, upheld: bool, sentence: str) -> Case:
    """Look again at what another moderator decided: it stands, or is taken back; and with it what it held of
    others, where nobody looked at that by itself. Raises `NotAllowed`, `SameModerator`, `NoAppeal`, `NoReason`."""
    queries.moderator(by)
    sentence = actions.reason_checked(sentence)[:SENTENCE_LIMIT]
    case = _locked(case_id)
    if case.appealed_at is None or case.upheld_at is not None:
        raise NoAppeal(_("There is no answer of its owner to look at."))
    if by not in queries.looking_again(case):
        if case.decided_by_id == by.pk:
            raise SameModerator(_("You decided this. Another moderator looks at the answer."))
        raise SameModerator(_("This is your own. Another moderator decides about it."))
    case.upheld, case.upheld_by, case.upheld_at, case.upheld_sentence = upheld, by, timezone.now(), sentence
    case.save()
    if upheld:
        _log(case, by, Entry.Action.UPHELD, sentence, before=case.decision, after=case.decision)
    else:
        _undo(case, by, sentence)
        _log(case, by, Entry.Action.RESTORED, sentence, before=case.decision, after="restored")
        for other in case.others.select_for_update().filter(kind=Case.Kind.PICTURE, upheld=None):
            things.undo(other)
            telling.take_back(other, by=by, sentence=sentence)
    stands = telling.STANDS_YET if case.decided_by_id == by.pk else telling.STANDS
    telling.tell(case, stands if upheld else telling.TAKEN_BACK, why=sentence)
    return case


def _undo(case: Case, by: User, sentence: str) -> None:
    for file_id in case.before.get("files", []):
        still = File.objects.filter(Q(pk=file_id), ~Q(verdict=File.Verdict.ACCEPTED)).exists()
        if still:
            actions.verdict_set(by=by, file_id=file_id, verdict=File.Verdict.ACCEPTED, reason=sentence)
    things.undo(case)


@transaction.atomic
def cases_claim(*, by: User, case_ids: Iterable[int]) -> int:
    """Claim several cases at once; those that somebody else looks at are left. Returns how many."""
    claimed = 0
    for case_id in case_ids:
        try:
            with transaction.atomic():
                case_claim(by=by, case_id=case_id)
        except (Claimed, Decided, NotFound):
            continue
        claimed += 1
    return claimed
