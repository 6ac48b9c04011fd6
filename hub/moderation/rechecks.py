"""The library is inspected anew, in the background: after the rules or a scanner changed.

Files that people upload go first: this sends at the lowest priority, and only a few at a time. A row says who waits
for what; an answer to an earlier attempt changes nothing, and what is silent too long is asked for again.
"""

from __future__ import annotations

import contextlib
import logging
from datetime import timedelta
from http import HTTPStatus

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.timezone import localdate
from django.utils.translation import gettext as _

from hub import queue, storage
from hub.accounts.models import User
from hub.catalog import verdicts
from hub.catalog.models import File
from hub.errors import NotAllowed, Refused
from hub.moderation import queries
from hub.moderation.actions import entry_add, entry_of
from hub.moderation.models import Entry, Recheck, RecheckItem
from hub.uploads.queries import seconds_for
from workers.messages import Failed, Finding, Inspected, InspectModel, blob_key, held_key

log = logging.getLogger(__name__)
State = RecheckItem.State
AT_ONCE, LAST = 8, queue.PRIORITIES[-1]
BATCH = 5000
PREFIX = "recheck-"  # of the id that inspectors answer to


class AlreadyRunning(Refused):
    code, status = "already-running", HTTPStatus.CONFLICT


class NothingToInspect(Refused):
    code, status = "nothing-to-inspect", HTTPStatus.CONFLICT


def recheck_start(*, by: User | None, everything: bool = False) -> Recheck:
    """Begin to inspect what older rules judged, or everything. ``by``: an admin; None: the command line.

    Raises `NotAllowed`, `AlreadyRunning`, `NothingToInspect`.
    """
    if by is not None and not by.is_admin:
        raise NotAllowed(_("Only admins may have the library inspected."))
    try:
        with transaction.atomic():
            recheck = Recheck.objects.create(by=by, everything=everything)
            shas = queries.blobs_to_recheck(everything=everything).order_by("pk").values_list("pk", flat=True)
            made = 0
            batch: list[RecheckItem] = []
            for sha256 in shas.iterator(BATCH):
                batch.append(RecheckItem(recheck=recheck, blob_id=sha256))
                if len(batch) == BATCH:
                    made += len(RecheckItem.objects.bulk_create(batch))
                    batch = []
            made += len(RecheckItem.objects.bulk_create(batch))
            if not made:
                raise NothingToInspect(_("Everything here was judged by the present rules."))
            subject = f"{made:,} files" if everything else f"{made:,} files judged by older rules"
            entry_add(actor=by, action=Entry.Action.RECHECK_STARTED, subject=subject)
    except IntegrityError as error:
        raise AlreadyRunning(_("The library is being inspected already.")) from error
    rechecks_feed()
    return recheck


def recheck_stop(*, by: User) -> None:
    """End the running inspection after what is at work now; a later one goes on with what it left."""
    if not by.is_admin:
        raise NotAllowed(_("Only admins may stop an inspection of the library."))
    Recheck.objects.filter(finished_at=None).update(finished_at=timezone.now(), stopped=True)


def rechecks_feed() -> None:
    """Give the inspectors more to do, ask again for what is overdue, and end what is finished. Safe to repeat."""
    with transaction.atomic():
        recheck = Recheck.objects.select_for_update(skip_locked=True).filter(finished_at=None).first()
        if recheck is None:
            return
        for item in recheck.items.filter(state=State.SENT).select_related("blob"):
            _ask_again(item)
        room = AT_ONCE - recheck.items.filter(state=State.SENT).count()
        for item in recheck.items.filter(state=State.WAITING).order_by("id")[: max(0, room)]:
            _send(item)
        if not recheck.items.filter(state__in=[State.WAITING, State.SENT]).exists():
            recheck.finished_at = timezone.now()
            recheck.save(update_fields=["finished_at"])


def _send(item: RecheckItem) -> None:
    file = File.objects.filter(blob_id=item.blob_id).order_by("id").first()
    if file is None:  # deleted meanwhile
        RecheckItem.objects.filter(pk=item.pk).update(state=State.DONE)
        return
    item.state, item.sent_at = State.SENT, timezone.now()
    item.save(update_fields=["state", "sent_at", "attempt"])
    message = InspectModel(
        upload_id=f"{PREFIX}{item.pk}",
        attempt=item.attempt,
        key=held_key(item.blob_id) if item.blob.held_at else blob_key(item.blob_id),
        name=file.name,
        size=item.blob.size,
    )
    queue.send(message, then="hub.moderation.rechecked", priority=LAST)


def _ask_again(item: RecheckItem) -> None:
    assert item.sent_at is not None
    late = timezone.now() - item.sent_at
    if late < timedelta(seconds=settings.INSPECTION_SILENT_SECONDS + seconds_for(item.blob.size)):
        return
    if queue.waiting(queue.inspection_line(item.blob.size)[0]) and late < timedelta(hours=1):
        return
    if item.attempt >= settings.JOB_ATTEMPTS:
        _fail(item, f"It did not finish in {item.attempt} tries.")
        return
    log.warning("Inspection of blob %s is overdue: asked again.", item.blob_id)
    item.attempt += 1
    _send(item)


def _fail(item: RecheckItem, sentence: str) -> None:
    """The verdict stays as it was: that the bytes could not be had says nothing about them."""
    RecheckItem.objects.filter(pk=item.pk).update(state=State.FAILED, sentence=sentence[:300])


def rechecked(answer: Inspected | Failed) -> None:
    """Take the inspectors' answer. One that is repeated, or of an earlier attempt, changes nothing."""
    name = answer.upload_id if isinstance(answer, Inspected) else answer.id
    number = name.removeprefix(PREFIX)
    if not number.isdecimal():
        return
    with transaction.atomic():
        items = RecheckItem.objects.select_for_update(of=("self",)).select_related("blob")
        item = items.filter(pk=int(number), state=State.SENT, attempt=answer.attempt).first()
        if item is None:
            return
        if isinstance(answer, Failed):
            _again_or_fail(item, answer)
        else:
            item.changed = _take(item, answer)
            item.state = State.DONE
            item.save(update_fields=["state", "changed"])
    if isinstance(answer, Inspected) and answer.converted is not None:
        with contextlib.suppress(BotoCoreError, ClientError, ValueError):  # else the sweep of orphans finds it
            storage.drop(answer.converted.key)
    rechecks_feed()


def _again_or_fail(item: RecheckItem, failed: Failed) -> None:
    if failed.retry and item.attempt < settings.JOB_ATTEMPTS:
        item.state, item.attempt = State.WAITING, item.attempt + 1
        item.save(update_fields=["state", "attempt"])
    else:
        _fail(item, failed.sentence)


def _take(item: RecheckItem, report: Inspected) -> list[int]:
    """Let every file of these bytes follow the new verdict; the numbers of those that changed."""
    sha256 = report.digests.get("sha256")
    if sha256 and sha256 != item.blob_id:
        decayed = Finding("danger", "The stored bytes are no longer those of their digest.", sha256)
        report = msgspec.structs.replace(report, verdict="refused", findings=(decayed,), digests={})
    changed = []
    for file in verdicts.files_of(item.blob_id):
        before = file.verdict
        if verdicts.file_reinspected(file=file, report=report, because=_because(report.verdict)):
            changed.append(file.pk)
            reason = " ".join(finding.sentence for finding in report.findings if finding.severity == "danger")
            entry_add(action=Entry.Action.JUDGED_ANEW, reason=reason[:1000], **entry_of(file, before=before))
    verdicts.blob_inspected(item.blob_id, report.rules)
    return changed


def _because(verdict: str) -> verdicts.Found:
    day = f"{localdate():%-d %b %Y}"
    if verdict == File.Verdict.ACCEPTED:
        return verdicts.decision(f"Inspected anew on {day}, it is accepted now.", by=verdicts.RULES, refuses=False)
    what = "it is refused now" if verdict == File.Verdict.REFUSED else "it cannot be told any more what it is"
    sentence = f"Inspected anew on {day} by newer rules, {what}. It is in quarantine."
    return verdicts.decision(sentence, by=verdicts.RULES, refuses=True)
