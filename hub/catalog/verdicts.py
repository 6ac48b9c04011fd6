"""A file's verdict changes after it entered the catalogue: a moderator's word, or an inspection by newer rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from django.db import transaction
from django.utils import timezone

from hub.catalog.digests import digests_keep
from hub.catalog.holding import settle_ask
from hub.catalog.listings import listing_refresh
from hub.catalog.models import Blob, File, Version
from workers.messages import Finding, Inspected

Found = Mapping[str, Any]
MODERATOR, RULES = "moderator", "rules"


def files_of(sha256: str) -> list[File]:
    """Every file with these bytes, whoever's; but not of deleted versions. Locked until the transaction ends."""
    files = File.objects.select_for_update(of=("self",)).filter(blob_id=sha256)
    files = files.exclude(version__status=Version.Status.DELETED).order_by("id")
    return list(files.select_related("version__model__owner", "blob"))


def made_of(files: Iterable[File]) -> list[File]:
    """The safetensors that were made of these pickles; locked until the transaction ends."""
    made = File.objects.select_for_update(of=("self",)).filter(source__in=list(files), source__adapter="")
    made = made.exclude(version__status=Version.Status.DELETED).order_by("id")
    return list(made.select_related("version__model__owner", "blob"))


def decided(file: File) -> str:
    """The sentence by which a moderator or newer rules decided about a file; empty where none did."""
    return next((found["sentence"] for found in file.findings if found.get("decision")), "")


@transaction.atomic
def verdict_set(*, file: File, verdict: str, because: Found, lifted: bool) -> File:
    """Say ``verdict`` of a file and let lists, look-ups and drawing follow. ``because``: a finding for its owner to
    read. ``lifted``: somebody answers for it, so that the same findings do not quarantine it again."""
    file.verdict, file.lifted = verdict, lifted
    file.findings = [because, *(found for found in file.findings if not found.get("decision"))]
    file.save(update_fields=["verdict", "lifted", "findings"])
    _folder_follows(file)
    settle_ask(file.blob_id)
    listing_refresh(file.version.model)
    return file


@transaction.atomic
def file_reinspected(*, file: File, report: Inspected, because: Found) -> bool:
    """Take what a later inspection says of a file; True where its verdict changed.

    A file that a moderator released stays so while no danger is found that they had not seen; one that a moderator
    took into quarantine stays there.
    """
    found = msgspec.to_builtins(list(report.findings))
    verdict = str(report.verdict)
    if file.lifted and dangers(found) <= dangers(file.findings):
        verdict = File.Verdict.ACCEPTED
    elif file.verdict == File.Verdict.REFUSED and any(one.get("decision") == MODERATOR for one in file.findings):
        verdict = File.Verdict.REFUSED
    changed = verdict != file.verdict
    kept = [because] if changed else [one for one in file.findings if one.get("decision")]
    file.lifted = file.lifted and verdict == File.Verdict.ACCEPTED
    file.verdict, file.findings, file.inspected_at = verdict, [*kept, *found], timezone.now()
    if report.digests:
        file.tier, file.scans = report.tier, msgspec.to_builtins(report.scans)
    # What a pickle or a PNG holds is said of the safetensors that was made of it.
    if report.digests and not report.tier and report.converted is None:
        file.adapter, file.summary, file.metadata = report.kind, dict(report.summary), dict(report.metadata)
        file.format, file.precision = report.format or file.format, report.precision or file.precision
    file.save()
    if report.digests:
        digests_keep(file, report.digests)
    _folder_follows(file)
    if changed:
        settle_ask(file.blob_id)
    listing_refresh(file.version.model)
    return changed


def _folder_follows(file: File) -> None:
    """A folder of diffusers is the same weights under other names, so it is judged as the file that it was made of."""
    if not file.adapter:  # a pickle: what was made of it is judged by itself
        return
    pieces = File.objects.filter(source=file).exclude(pk=file.pk)
    if shas := list(pieces.exclude(verdict=file.verdict).values_list("blob_id", flat=True)):
        pieces.update(verdict=file.verdict)
        settle_ask(*shas)


def held(sha256: str) -> Finding | None:
    """Why these bytes may not come in again: a moderator took them into quarantine."""
    files = File.objects.filter(blob_id=sha256, verdict=File.Verdict.REFUSED).order_by("-id")
    for findings in files.values_list("findings", flat=True):
        for found in findings:
            if found.get("decision") == MODERATOR:
                return Finding("danger", found["sentence"])
    return None


def blob_inspected(sha256: str, rules: str) -> None:
    """Note which rules have judged these bytes, and when."""
    Blob.objects.filter(pk=sha256).update(rules=rules, inspected_at=timezone.now())


def dangers(findings: Iterable[Found]) -> set[str]:
    """The sentences that refuse a file."""
    return {found["sentence"] for found in findings if found["severity"] == "danger" and not found.get("decision")}


def decision(sentence: str, *, by: str, refuses: bool) -> dict[str, Any]:
    """A decision as the first of a file's findings; each replaces the one before. by: `MODERATOR` or `RULES`."""
    return {"severity": "danger" if refuses else "note", "sentence": sentence, "evidence": "", "decision": by}
