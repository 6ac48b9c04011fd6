"""The audit log is a chain: each line holds the digest of the line before, so that none can be changed or taken out of
the middle unseen, even by whoever owns the database. The last digest, kept elsewhere, guards its end too."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from hub.moderation.models import Entry

FIRST = "0" * 64
LOCK = 0x57524C4F47  # one line at a time is written


def words_of(entry: Entry) -> str:
    """What a line's digest is taken of: its fields in order, as JSON."""
    fields = [
        entry.previous, entry.at.astimezone(UTC).isoformat(timespec="microseconds"), entry.actor_id, entry.action,
        entry.subject, entry.owner, entry.file_id, str(entry.upload_id or ""), entry.sha256, entry.before, entry.after,
        entry.reason, entry.about,
    ]  # fmt: skip
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def digest_of(entry: Entry) -> str:
    return hashlib.sha256(words_of(entry).encode()).hexdigest()


@transaction.atomic
def entry_add(**said: Any) -> Entry:
    """A line in the audit log, for good. Call it in the transaction of what it tells of, near its end: until that
    commits, nobody else writes a line."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    last = Entry.objects.order_by("-id").values_list("digest", flat=True).first()
    entry = Entry(at=timezone.now(), previous=last or FIRST, **said)
    entry.digest = digest_of(entry)
    entry.save(force_insert=True)
    return entry


@dataclass(frozen=True)
class Verified:
    """What a reading of the whole log found. ``broken``: the first line that is not as it was written, and why."""

    lines: int
    last: str
    broken: tuple[int, str] | None = None
    holds: bool = True


def verify(expected: str = "") -> Verified:
    """Read the log from its first line. expected: a last digest that was kept elsewhere; ``holds`` says whether the
    chain goes through it."""
    last, lines, seen = FIRST, 0, not expected or expected == FIRST
    for entry in Entry.objects.order_by("id").iterator(2000):
        lines += 1
        if entry.previous != last:
            return Verified(lines, last, (entry.pk, "a line before it is missing, or was put in"), seen)
        if entry.digest != digest_of(entry):
            return Verified(lines, last, (entry.pk, "it was changed after it was written"), seen)
        last = entry.digest
        seen = seen or last == expected
    return Verified(lines, last, None, seen)
