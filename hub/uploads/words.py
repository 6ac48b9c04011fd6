"""What an upload's page says while a file is read and judged: early hints, steps, and what to do about a refusal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from hub.catalog.actions import TYPES
from hub.catalog.bases import base_choices, base_name
from hub.catalog.models import Model
from hub.templatetags.weightroom import size as said
from workers.messages import Inspecting

# Stages in the order in which they come, each with where it begins on a bar of 100.
STAGES = {
    "fetching": 0, "digests": 70, "header": 74, "checks": 76, "conversion": 90, "scans": 94, "storing": 97,
}  # fmt: skip
STEPS = {
    "fetching": pgettext_lazy("step of an inspection", "Read"),
    "digests": pgettext_lazy("step of an inspection", "Digests"),
    "header": pgettext_lazy("step of an inspection", "Header"),
    "checks": pgettext_lazy("step of an inspection", "Checks"),
    "conversion": pgettext_lazy("step of an inspection", "Conversion"),
    "scans": pgettext_lazy("step of an inspection", "Second opinions"),
    "storing": pgettext_lazy("step of an inspection", "Stored"),
}
SOMETIMES = {"conversion", "scans"}  # of pickles only
SAID_ALREADY = {"html", "xml-error", "lfs-pointer", "empty", "zip", "png"}  # the finding itself says what to do
CHECKS = {
    "": gettext_lazy("Checking it"),
    "header sane": gettext_lazy("Checking that its header is sound"),
    "metadata sane": gettext_lazy("Checking its metadata"),
    "names sane": gettext_lazy("Checking the names of its tensors"),
    "polyglot": gettext_lazy("Checking that it is not a second format as well"),
    "weights finite": gettext_lazy("Checking that its numbers are finite"),
}

# What the page's script says; names in braces are its own.
SCRIPT = {
    "no-line": gettext_lazy("No connection."),
    "no-answer": gettext_lazy("The hub did not answer."),
    "asking": gettext_lazy("Asking what has arrived…"),
    "joining": gettext_lazy("Joining the parts…"),
    "no-fit": gettext_lazy("The parts do not fit together. Remove it and choose the file again."),
    "refused": gettext_lazy("The object store refuses this upload. Remove it and choose the file again."),
    "not-taken": gettext_lazy("The object store did not take a part."),
    "paused": gettext_lazy("Paused."),
    "paused-at": gettext_lazy("Paused at {percent} %."),
    "paused-choose": gettext_lazy("Paused at {percent} %. Choose the same file to go on."),
    "gone": gettext_lazy("The file cannot be read any more. Choose it again."),
    "again": gettext_lazy("{trouble} Trying again in {seconds} s."),
    "waits": gettext_lazy("Waits for its turn."),
    "reload": gettext_lazy("The hub did not answer. Reload the page and choose the file again."),
    "sending": gettext_lazy("Uploading, {percent} %"),
    "speed": gettext_lazy("Uploading, {percent} %, {speed}/s, {left} left"),
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
        what = _("%(type)s for %(base)s") % {"type": self.type, "base": self.base} if self.base else self.type
        rank = _(", rank %s") % self.rank if self.rank else ""
        return f"{what}{rank}."


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
            return Doing(_("No inspector is running just now. The file waits, and nothing is lost."))
        if before > 1:
            return Doing(_("In line to be checked, %s files wait.") % before)
        return Doing(_("Next to be checked."))
    order = list(STAGES)
    at = order.index(news.stage)
    begin, end = STAGES[news.stage], [*STAGES.values(), 100][at + 1]
    share = min(1.0, news.done / news.total) if news.total else 0.0
    steps = tuple(
        Step(str(STEPS[stage]), "done" if n < at else "now" if n == at else "later")
        for n, stage in enumerate(order)
        if stage not in SOMETIMES or stage == news.stage
    )
    return Doing(_words(news), int(begin + share * (end - begin)), steps)


def _words(news: Inspecting) -> str:
    match news.stage:
        case "fetching":
            if not news.total:
                return _("Reading the file.")
            return _("Reading the file: %(done)s of %(all)s.") % {"done": said(news.done), "all": said(news.total)}
        case "digests":
            return _("Computing its digests.")
        case "header":
            return _("Reading its header.")
        case "checks":
            what = str(CHECKS[news.what]) if news.what in CHECKS else _("Checking %s") % news.what
            if not news.total:
                return f"{what}."
            place = _("%(done)s of %(all)s") % {"done": min(news.done + 1, news.total), "all": news.total}
            return f"{what} ({place})."
        case "conversion":
            return _("Copying its numbers into a safetensors file, in a sandbox.")
        case "scans":
            return _("Asking %s for a second opinion.") % news.what if news.what else _("Asking for a second opinion.")
        case _:
            return _("Storing it.")


def advice(status: str, report: dict[str, Any] | None) -> str:
    """What its owner can do about a file that was not accepted."""
    format = str((report or {}).get("format") or "")
    if status == "unknown":
        if report is None or not report.get("digests"):
            return _(
                "Nothing was found against it; the check itself did not finish. Upload it again, or ask a moderator."
            )
        return _("If you know what it is, ask a moderator to look at it; they can release it with a reason.")
    if format in SAID_ALREADY:
        return ""
    if format == "PickleTensor":
        return _("What to do: save it as safetensors (most trainers and UIs can) and upload that.")
    if format == "SafeTensor":
        return _("What to do: save it again with the program that made it, or download it again, and upload that file.")
    return _("What to do: upload the weights themselves, best as a safetensors file.")
