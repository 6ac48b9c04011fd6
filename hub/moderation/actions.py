"""What moderators decide about files, each with a reason and a line in the audit log, in one transaction."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.catalog import verdicts
from hub.catalog.models import File
from hub.catalog.words import tidy
from hub.errors import Refused
from hub.moderation import queries, telling
from hub.moderation.chain import entry_add
from hub.moderation.models import Entry
from hub.uploads import lifting

__all__ = ["bytes_quarantine", "entry_add", "entry_of", "reason_checked", "upload_lift", "verdict_set"]

REASON_LIMIT = 1000
SENTENCES = {
    File.Verdict.ACCEPTED: "A moderator looked at this file and released it: {reason}",
    File.Verdict.REFUSED: "A moderator took this file into quarantine: {reason}",
}
ACTIONS = {File.Verdict.ACCEPTED: Entry.Action.RELEASED, File.Verdict.REFUSED: Entry.Action.QUARANTINED}


class NoReason(Refused):
    code, status = "no-reason", HTTPStatus.UNPROCESSABLE_ENTITY


class NothingChanges(Refused):
    code, status = "nothing-changes", HTTPStatus.CONFLICT


def entry_of(file: File, *, before: str) -> dict[str, Any]:
    """What the log says of a file."""
    model = file.version.model
    return {
        "subject": f"{file.name} ({model.name}, {file.version.name})"[:300],
        "owner": model.owner.username,
        "file_id": file.pk,
        "sha256": file.blob_id,
        "before": before,
        "after": file.verdict,
    }


@transaction.atomic
def verdict_set(*, by: User, file_id: int, verdict: str, reason: str) -> File:
    """Release a file, or take it into quarantine: every file with the same bytes, whoever's; and of a pickle, the
    safetensors made of it, which holds the same weights. Their owners are told.

    verdict: accepted or refused. reason: a sentence that its owner reads. Raises `NotAllowed`, `NotFound`, `NoReason`,
    `NothingChanges`.
    """
    queries.moderator(by)
    reason = reason_checked(reason)
    asked = queries.file_of(file_id)
    changed = _verdict_spread(by, asked.blob_id, verdict, reason)
    if changed and verdict == File.Verdict.REFUSED:
        telling.files_held(changed, by=by, sentence=reason)
    if not changed:
        accepted = _("This file is accepted already. Perhaps another moderator was quicker.")
        refused = _("This file is in quarantine already. Perhaps another moderator was quicker.")
        raise NothingChanges(accepted if verdict == File.Verdict.ACCEPTED else refused)
    return next((file for file in changed if file.pk == asked.pk), asked)


def bytes_quarantine(*, by: User | None, sha256: str, reason: str) -> list[File]:
    """Take every file of these bytes into quarantine, whoever's; those that were not are returned, and whoever calls
    this tells their owners. ``by`` None: the command line."""
    return _verdict_spread(by, sha256, File.Verdict.REFUSED, reason)


def _verdict_spread(by: User | None, sha256: str, verdict: str, reason: str) -> list[File]:
    because = _decision(verdict, reason)
    files = verdicts.files_of(sha256)
    changed = [file for file in [*files, *_with(files, verdict)] if file.verdict != verdict]
    for file in changed:
        before = file.verdict
        verdicts.verdict_set(file=file, verdict=verdict, because=because, lifted=verdict == File.Verdict.ACCEPTED)
        entry_add(actor=by, action=ACTIONS[File.Verdict(verdict)], reason=reason, **entry_of(file, before=before))
    if verdict == File.Verdict.ACCEPTED:
        telling.files_released(changed, by=by, sentence=reason)
    return changed


def _with(files: list[File], verdict: str) -> list[File]:
    """What was made of pickles goes into quarantine with them, and comes out with them where it went in with them."""
    made = verdicts.made_of(files)
    if verdict == File.Verdict.REFUSED:
        return made
    why = {verdicts.decided(file) for file in files} - {""}
    return [file for file in made if verdicts.decided(file) in why]


def upload_lift(*, by: User, upload_id: UUID | str, reason: str) -> File:
    """Release an upload that was not accepted: it enters its owner's catalogue, private or published as they wished.

    Raises `NotAllowed`, `NotFound`, `NoReason`, `NotLiftable`, `StoreSilent`.
    """
    queries.moderator(by)
    reason = reason_checked(reason)
    upload = lifting.upload_held(upload_id)
    before = upload.status
    lifting.upload_promote(upload)
    because = _decision(File.Verdict.ACCEPTED, reason)
    with transaction.atomic():
        file = lifting.upload_lift(upload=upload, because=because)
        told = entry_of(file, before=before)
        entry_add(actor=by, action=Entry.Action.RELEASED, upload_id=upload.pk, reason=reason, **told)
    lifting.upload_lifted(upload)
    return file


def reason_checked(reason: str) -> str:
    reason = tidy(reason, REASON_LIMIT)
    if len(reason) < 3:
        raise NoReason(_("Say why, in a sentence; the owner reads it, and the log keeps it."))
    return reason


def _decision(verdict: str, reason: str) -> verdicts.Found:
    sentence = SENTENCES[File.Verdict(verdict)].format(reason=reason)
    return verdicts.decision(sentence, by=verdicts.MODERATOR, refuses=verdict == File.Verdict.REFUSED)
