"""What an upload's page says while a file is read and judged: early hints, steps, and what to do about a refusal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from hub.catalog.actions import TYPES
from hub.catalog.bases import base_name
from hub.catalog.models import Model
from hub.templatetags.weightroom import size as said
from workers.messages import Inspecting

# Stages in the order in which they come, each with where it begins on a bar of 100.
STAGES = {
    "fetching": 0, "digests": 70, "header": 74, "checks": 76, "conversion": 90, "scans": 94, "storing": 97,
}  # fmt: skip
STEPS = {
    "fetching": "Read", "digests": "Digests", "header": "Header", "checks": "Checks",
    "conversion": "Conversion", "scans": "Second opinions", "storing": "Stored",
}  # fmt: skip
SOMETIMES = {"conversion", "scans"}  # of pickles only
SAID_ALREADY = {"html", "xml-error", "lfs-pointer", "empty", "zip", "png"}  # the finding itself says what to do
CHECKS = {
    "header sane": "that its header is sound",
    "metadata sane": "its metadata",
    "names sane": "the names of its tensors",
    "polyglot": "that it is not a second format as well",
    "weights finite": "that its numbers are finite",
}

# What the page's script says; names in braces are its own.
SCRIPT = {
    "no-line": _("No connection."),
    "no-answer": _("The hub did not answer."),
    "asking": _("Asking what has arrived…"),
    "joining": _("Joining the parts…"),
    "no-fit": _("The parts do not fit together. Remove it and choose the file again."),
    "refused": _("The object store refuses this upload. Remove it and choose the file again."),
    "not-taken": _("The object store did not take a part."),
    "paused": _("Paused."),
    "paused-at": _("Paused at {percent} %."),
    "paused-choose": _("Paused at {percent} %. Choose the same file to go on."),
    "gone": _("The file cannot be read any more. Choose it again."),
    "again": _("{trouble} Trying again in {seconds} s."),
    "waits": _("Waits for its turn."),
    "reload": _("The hub did not answer. Reload the page and choose the file again."),
    "sending": _("Uploading, {percent} %"),
    "speed": _("Uploading, {percent} %, {speed}/s, {left} left"),
}


@dataclass(frozen=True)
class Told:
    """What a file's first bytes said, in the words of the form; empty where they said nothing."""

    read: bool
    name: str = ""
    type: str = ""
    base: str = ""
    words: str = ""
    rank: str = ""
    choices: tuple[str, ...] = ()  # the bases that its shapes fit alike
    findings: tuple[dict[str, Any], ...] = ()

    @property
    def sentence(self) -> str:
        """A LoRA for SD 1.5, rank 16."""
        if not self.type:
            return ""
        what = f"{self.type} for {self.base}" if self.base else self.type
        return f"{what}, rank {self.rank}." if self.rank else f"{what}."


def told(header: dict[str, Any] | None) -> Told | None:
    """What is to be shown of a packed `HeaderRead`; None where none has come."""
    if header is None:
        return None
    if not header["read"]:
        return Told(read=False)
    kind = TYPES.get(header["kind"])
    return Told(
        read=True,
        name=header["title"],
        type=str(Model.Type(kind).label) if kind else "",
        base=base_name(header["base_family"], header["base_variant"]),
        words=", ".join(header["trigger_words"]),
        rank=str(header["summary"].get("rank") or ""),
        choices=base_choices(header["summary"]),
        findings=tuple(header["findings"]),
    )


def base_choices(summary: dict[str, Any]) -> tuple[str, ...]:
    """The bases between which a file's owner has to choose, as people call them: its shapes fit each of them."""
    names = (base_name(str(family), "") for family in summary.get("candidates", ()))
    return tuple(dict.fromkeys(filter(None, names)))


@dataclass(frozen=True)
class Step:
    label: str
    state: str  # done, now, later


@dataclass(frozen=True)
class Doing:
    """Where an inspection is: ``value`` of 100 (None: not begun), words, and the steps of its way."""

    words: str
    value: int | None = None
    steps: tuple[Step, ...] = ()


def doing(news: Inspecting | None, *, before: int, inspectors: int) -> Doing:
    """``before``: files in line; ``inspectors``: how many workers live. Both count only where there is no news."""
    if news is None:
        if not inspectors:
            return Doing("No inspector is running just now. The file waits, and nothing is lost.")
        if before > 1:
            return Doing(f"In line to be checked, {before} files wait.")
        return Doing("Next to be checked.")
    order = list(STAGES)
    at = order.index(news.stage)
    begin, end = STAGES[news.stage], [*STAGES.values(), 100][at + 1]
    share = min(1.0, news.done / news.total) if news.total else 0.0
    steps = tuple(
        Step(STEPS[stage], "done" if n < at else "now" if n == at else "later")
        for n, stage in enumerate(order)
        if stage not in SOMETIMES or stage == news.stage
    )
    return Doing(_words(news), int(begin + share * (end - begin)), steps)


def _words(news: Inspecting) -> str:
    match news.stage:
        case "fetching":
            return f"Reading the file: {said(news.done)} of {said(news.total)}." if news.total else "Reading the file."
        case "digests":
            return "Computing its digests."
        case "header":
            return "Reading its header."
        case "checks":
            place = f" ({min(news.done + 1, news.total)} of {news.total})" if news.total else ""
            return f"Checking {CHECKS.get(news.what, news.what) or 'it'}{place}."
        case "conversion":
            return "Copying its numbers into a safetensors file, in a sandbox."
        case "scans":
            return f"Asking {news.what} for a second opinion." if news.what else "Asking for a second opinion."
        case _:
            return "Storing it."


def advice(status: str, report: dict[str, Any] | None) -> str:
    """What its owner can do about a file that was not accepted."""
    format = str((report or {}).get("format") or "")
    if status == "unknown":
        if report is None or not report.get("digests"):
            return "Nothing was found against it; the check itself did not finish. Upload it again, or ask a moderator."
        return "If you know what it is, ask a moderator to look at it; they can release it with a reason."
    if format in SAID_ALREADY:
        return ""
    if format == "PickleTensor":
        return "What to do: save it as safetensors (most trainers and UIs can) and upload that."
    if format == "SafeTensor":
        return "What to do: save it again with the program that made it, or download it again, and upload that file."
    return "What to do: upload the weights themselves, best as a safetensors file."
