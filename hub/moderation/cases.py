"""A case from its claim to its end: one moderator decides, the owner may answer once, another moderator looks again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from http import HTTPStatus

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hub.accounts.levels import LEVELS
from hub.accounts.mailing import language_of
from hub.accounts.models import User
from hub.catalog.models import File
from hub.catalog.words import tidy
from hub.community.models import Notice
from hub.errors import NotAllowed, NotFound, Refused
from hub.moderation import actions, queries, things
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
        decided = [_decide(case, by, decision, sentence, level)]
        if same_bytes and case.sha256:
            others = Case.objects.select_for_update().filter(sha256=case.sha256, decided_at=None).exclude(pk=case.pk)
            theirs = [other for other in others.order_by("id") if not queries.for_another(by, other)]
            decided += [_decide(other, by, decision, sentence, level) for other in theirs]
    return decided


def _decide(case: Case, by: User, decision: str, sentence: str, level: int) -> Case:
    if decision not in things.decisions_of(case.kind):
        raise BadDecision(_("That cannot be decided about this."))
    if decision == Decision.RATED and level not in LEVELS and not (case.kind == Case.Kind.MODEL and 0 < level < 32):
        raise BadDecision(_("A content level is one of %s.") % (", ".join(map(str, LEVELS))))
    thing = _still(case)
    if decision == Decision.QUARANTINED:
        case.before = {"files": _quarantine(case, by, sentence)}
    elif thing is not None:
        case.before = things.carry_out(thing, decision, because=sentence, level=level)
    case.decision, case.decided_by, case.decided_at, case.sentence = decision, by, timezone.now(), sentence
    case.save()
    if decision != Decision.DISMISSED:
        _tell(case, DECIDED[Decision(decision)], why=sentence)
    if decision != Decision.QUARANTINED:  # those are in the log by file already
        before, after = ("open", decision) if decision != Decision.RATED else (case.before.get("level", ""), level)
        _log(case, by, LOGGED[Decision(decision)], sentence, before=str(before), after=str(after))
    return case


def _still(case: Case) -> things.Thing | None:
    try:
        return things.find(case.kind, case.thing)
    except NotFound:
        return None


def _quarantine(case: Case, by: User, sentence: str) -> list[int]:
    """Every file of the model that is served now, and with each whatever has its bytes."""
    files = File.objects.filter(version__model_id=case.thing, verdict=File.Verdict.ACCEPTED)
    held = []
    for file in files.exclude(version__status="deleted"):
        file.refresh_from_db(fields=["verdict"])
        if file.verdict == File.Verdict.ACCEPTED:
            actions.verdict_set(by=by, file_id=file.pk, verdict=File.Verdict.REFUSED, reason=sentence)
            held.append(file.pk)
    return held


DECIDED = {
    Decision.RATED: gettext_lazy("A moderator set its content level."),
    Decision.HIDDEN: gettext_lazy("A moderator hid it."),
    Decision.TAKEN_DOWN: gettext_lazy("A moderator took it down."),
    Decision.QUARANTINED: gettext_lazy("A moderator took its files into quarantine."),
    Decision.WARNED: gettext_lazy("A moderator warns you about it."),
}
STANDS = gettext_lazy("Another moderator looked at it, and it stands.")
TAKEN_BACK = gettext_lazy("Another moderator took it back.")
LOGGED = {
    Decision.DISMISSED: Entry.Action.DISMISSED, Decision.RATED: Entry.Action.RATED,
    Decision.HIDDEN: Entry.Action.HIDDEN, Decision.TAKEN_DOWN: Entry.Action.TAKEN_DOWN,
    Decision.WARNED: Entry.Action.WARNED,
}  # fmt: skip


def _tell(case: Case, said: object, *, why: str) -> None:
    """A notification to the thing's owner in their language: the hub's, so that no moderator is found by name. What was
    decided, why, and what they may do stand each on a line of its own: the first is the mail's subject."""
    until = queries.answer_until(case)
    for person in queries.answering(case):
        with translation.override(language_of(person)):
            what = Truncator(" ".join(case.title.split())).chars(60)
            lines = [_("“%(what)s”: %(said)s") % {"what": what, "said": said}, _("Why: %(why)s") % {"why": why}]
            if until is not None:
                day = date_format(timezone.localtime(until), "DATE_FORMAT")
                lines.append(_("You can answer until %(day)s; another moderator reads it.") % {"day": day})
            sentence = "\n".join(lines)
        Notice.objects.create(
            user=person, kind=Notice.Kind.DECISION, sentence=sentence[:700], address=f"/decisions/{case.pk}"
        )


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
    _undo(case, by, "Decided by mistake.")
    _log(case, by, Entry.Action.RESTORED, "Decided by mistake.", before=case.decision, after="open")
    Notice.objects.filter(kind=Notice.Kind.DECISION, address=f"/decisions/{case.pk}").delete()
    case.decision, case.decided_by, case.decided_at, case.sentence, case.before = "", None, None, "", {}
    case.claimed_by, case.claimed_at = by, timezone.now()
    case.save()
    return case


@transaction.atomic
def case_appeal(*, by: User, case_id: int, words: str) -> Case:
    """The owner's answer to a decision, once. Raises `NotFound`, `NoAppeal`."""
    case = queries.case_told(by, case_id)
    case = _locked(case.pk)
    if case.appealed_at is not None:
        raise NoAppeal(_("You have answered this decision already; another moderator looks at it."))
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
    """Look again at what another moderator decided: it stands, or is taken back. Raises `NotAllowed`,
    `SameModerator`, `NoAppeal`, `NoReason`."""
    queries.moderator(by)
    sentence = actions.reason_checked(sentence)[:SENTENCE_LIMIT]
    case = _locked(case_id)
    if case.appealed_at is None or case.upheld_at is not None:
        raise NoAppeal(_("There is no answer of its owner to look at."))
    if case.decided_by_id == by.pk:
        raise SameModerator(_("You decided this. Another moderator looks at the answer."))
    if queries.for_another(by, case):
        raise SameModerator(_("This is your own. Another moderator decides about it."))
    case.upheld, case.upheld_by, case.upheld_at, case.upheld_sentence = upheld, by, timezone.now(), sentence
    case.save()
    if upheld:
        _log(case, by, Entry.Action.UPHELD, sentence, before=case.decision, after=case.decision)
    else:
        _undo(case, by, sentence)
        _log(case, by, Entry.Action.RESTORED, sentence, before=case.decision, after="restored")
    _tell(case, STANDS if upheld else TAKEN_BACK, why=sentence)
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
