"""What moderators ask: what is held back, what was decided, how far an inspection of the library is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from hub import queue
from hub.accounts.models import Membership, User
from hub.catalog.models import Blob, File, Model, Version
from hub.catalog.queries import Person
from hub.errors import NotAllowed, NotFound
from hub.moderation.models import Case, Entry, Recheck, RecheckItem, Report
from hub.uploads.lifting import HELD
from hub.uploads.models import Upload

SHOWN = 100
APPEAL_DAYS = 90
REOPEN_MINUTES = 5  # so long a moderator takes their own decision back without a word


def moderator(user: User) -> User:
    """``user``, if they moderate. Raises `NotAllowed`."""
    if not user.is_moderator:
        raise NotAllowed(_("Only moderators may do this."))
    return user


def files_held() -> QuerySet[File]:
    """Files of the catalogue that nobody but their owners can download, the latest first."""
    gone = Q(version__status=Version.Status.DELETED) | Q(version__model__status=Model.Status.DELETED)
    held = File.objects.exclude(verdict=File.Verdict.ACCEPTED).exclude(gone)
    return held.select_related("version__model__owner", "version__base", "blob").order_by("-inspected_at", "-id")


def uploads_held() -> QuerySet[Upload]:
    """Uploads that were not accepted and whose bytes are still here, the latest first."""
    return Upload.objects.filter(status__in=HELD, stored=True).select_related("owner").order_by("-finished_at")


def file_of(id: int) -> File:
    """A file of the catalogue, whatever its verdict. Raises `NotFound`."""
    files = File.objects.exclude(version__status=Version.Status.DELETED)
    file = files.select_related("version__model__owner", "blob").filter(pk=id).first() if 0 < id < 2**63 else None
    if file is None:
        raise NotFound(_("There is no such file."))
    return file


def entry_list(*, before: int | None = None, sha256: str = "", most: int = SHOWN) -> list[Entry]:
    """The audit log, the latest first; ``before``: only entries of lower numbers."""
    entries = Entry.objects.select_related("actor")
    if before is not None:
        entries = entries.filter(pk__lt=before)
    if sha256:
        entries = entries.filter(sha256=sha256.lower())
    return list(entries[:most])


def blobs_to_recheck(*, everything: bool) -> QuerySet[Blob]:
    """Blobs that some file names: all, or those that the present rules have not judged."""
    named = Q(files__version__status__in=[Version.Status.DRAFT, Version.Status.PUBLISHED, Version.Status.TAKEN_DOWN])
    blobs = Blob.objects.filter(named, git_oid="").distinct()
    return blobs if everything else blobs.exclude(rules=queue.rules())


@dataclass(frozen=True)
class Library:
    """How many files' bytes there are, and by which rules they were judged."""

    rules: str
    blobs: int
    older: int


def library() -> Library:
    return Library(queue.rules(), blobs_to_recheck(everything=True).count(), blobs_to_recheck(everything=False).count())


@dataclass(frozen=True)
class Counts:
    """How far an inspection of the library is."""

    total: int
    done: int
    failed: int
    changed: int

    @property
    def over(self) -> int:
        return self.done + self.failed


def counts_of(recheck: Recheck) -> Counts:
    states = RecheckItem.State
    counts = recheck.items.aggregate(
        total=Count("pk"),
        done=Count("pk", filter=Q(state=states.DONE)),
        failed=Count("pk", filter=Q(state=states.FAILED)),
        changed=Count("pk", filter=~Q(changed=[])),
    )
    return Counts(**counts)


def recheck_list(most: int = 20) -> list[tuple[Recheck, Counts]]:
    return [(recheck, counts_of(recheck)) for recheck in Recheck.objects.select_related("by")[:most]]


def recheck_running() -> Recheck | None:
    return Recheck.objects.filter(finished_at=None).first()


# Cases


@dataclass(frozen=True)
class CaseWish:
    """Which cases are looked for. state: open, appealed, decided; reason: of one of the reports; mine: claimed by one
    self; sha256: of the same bytes."""

    state: str = "open"
    kind: str = ""
    reason: str = ""
    mine: bool = False
    sha256: str = ""


def case_list(user: User, wish: CaseWish, *, most: int = SHOWN) -> list[Case]:
    """Cases as moderators see them, each with ``count`` of reports: open ones with the longest waiting first, decided
    ones the latest first."""
    moderator(user)
    cases = Case.objects.select_related("owner", "claimed_by", "decided_by", "upheld_by")
    cases = cases.annotate(count=Count("reports"), latest=Max("reports__created_at"))
    if wish.state == "open":
        cases = cases.filter(decided_at=None).order_by("opened_at", "id")
    elif wish.state == "appealed":
        cases = cases.filter(appealed_at__isnull=False, upheld_at=None).order_by("appealed_at", "id")
    else:
        cases = cases.filter(decided_at__isnull=False).order_by("-decided_at", "-id")
    if wish.kind:
        cases = cases.filter(kind=wish.kind)
    if wish.reason:
        cases = cases.filter(pk__in=Case.objects.filter(reports__reason=wish.reason).values("pk"))
    if wish.mine:
        cases = cases.filter(claimed_by=user)
    if wish.sha256:
        cases = cases.filter(sha256=wish.sha256.lower())
    return list(cases[:most])


def case_counts() -> dict[str, int]:
    """How many wait: open cases, and answers of owners."""
    return Case.objects.aggregate(
        open=Count("pk", filter=Q(decided_at=None)),
        appealed=Count("pk", filter=Q(appealed_at__isnull=False, upheld_at=None)),
    )


def last_decision() -> Case | None:
    return Case.objects.filter(decided_at__isnull=False).select_related("decided_by").order_by("-decided_at").first()


def reopenable(user: User) -> QuerySet[Case]:
    """What ``user`` decided a moment ago and can take back, the latest first."""
    since = timezone.now() - timedelta(minutes=REOPEN_MINUTES)
    reported = Case.objects.filter(Exists(Report.objects.filter(case=OuterRef("pk"))))  # others' follow theirs
    return reported.filter(decided_by=user, decided_at__gt=since, appealed_at=None).order_by("-decided_at")


def case_of(user: User, case_id: int) -> Case:
    """A case as moderators see it. Raises `NotAllowed`, `NotFound`."""
    moderator(user)
    related = ("owner", "claimed_by", "decided_by", "upheld_by")
    case = Case.objects.select_related(*related).filter(pk=case_id).first() if 0 < case_id < 2**63 else None
    if case is None:
        raise NotFound(_("There is no such case."))
    return case


def answering(case: Case) -> list[User]:
    """Who is told of a decision and may answer it: the thing's owner; of a group those who own it."""
    if case.owner is None:
        return []
    if not case.owner.is_group:
        return [case.owner]
    owners = Membership.objects.filter(group=case.owner, role=Membership.Role.OWNER, accepted_at__isnull=False)
    return [one.person for one in owners.select_related("person")]


def for_another(user: User, case: Case) -> bool:
    """Whether a case is about ``user``'s own thing, and somebody else is there to decide it: who moderates alone has to
    decide about everything."""
    own = answering(case)
    return user in own and any(one not in own for one in moderators())


def moderators() -> list[User]:
    return list(User.objects.filter(role__in=[User.Role.MODERATOR, User.Role.ADMIN], is_active=True))


def looking_again(case: Case) -> list[User]:
    """Who may look at an owner's answer: whoever neither decided nor owns. With no such moderator or admin here, who
    decided looks again, rather than the owner at what is their own; and the owner only where nobody else is."""
    there, own = moderators(), answering(case)
    others = [one for one in there if one not in own]
    neither = [one for one in others if one.pk != case.decided_by_id]
    return neither or others or [one for one in there if one.pk != case.decided_by_id] or there


def another_there(case: Case) -> bool:
    """Whether somebody else than who decided looks at an owner's answer."""
    return any(one.pk != case.decided_by_id for one in looking_again(case))


def case_told(user: User, case_id: int) -> Case:
    """A decided case as the owner of its thing reads it. Raises `NotFound`, for everybody else too."""
    case = Case.objects.select_related("owner").filter(pk=case_id).first() if 0 < case_id < 2**63 else None
    hidden = case is None or case.decided_at is None or case.decision == Case.Decision.DISMISSED
    if case is None or hidden or user not in answering(case):
        raise NotFound(_("There is no such decision."))
    return case


def decision_about(user: Person, kind: str, thing: int) -> Case | None:
    """The latest decision about a thing that ``user`` was told of and that was not taken back."""
    if not isinstance(user, User):
        return None
    about = Q(thing=thing)
    if kind == Case.Kind.PICTURE:  # one decision is about all of an owner's pictures of the same bytes
        about |= Q(owner=user, before__pictures__contains=[thing])
    told = Case.objects.filter(about, kind=kind, decided_at__isnull=False).exclude(upheld=False)
    case = told.exclude(decision=Case.Decision.DISMISSED).select_related("owner").order_by("-decided_at").first()
    return case if case is not None and user in answering(case) else None


def answer_until(case: Case) -> datetime | None:
    """Until when a decision's owner may answer it; None where they did, it is too late, or it was
    taken back."""
    if case.decided_at is None or case.appealed_at is not None or case.upheld is not None:
        return None
    until = case.decided_at + timedelta(days=APPEAL_DAYS)
    return until if timezone.now() < until else None


def history_of(case: Case, most: int = 5) -> tuple[int, list[Case]]:
    """How many decisions there were against the same owner, and the latest."""
    if case.owner_id is None:
        return 0, []
    against = Case.objects.filter(owner=case.owner_id, decided_at__isnull=False).exclude(pk=case.pk)
    against = against.exclude(decision=Case.Decision.DISMISSED).exclude(upheld=False)
    return against.count(), list(against.order_by("-decided_at")[:most])


def same_bytes(case: Case) -> int:
    """How many other open cases are of the same bytes."""
    if not case.sha256:
        return 0
    return Case.objects.filter(sha256=case.sha256, decided_at=None).exclude(pk=case.pk).count()
