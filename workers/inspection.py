"""One file: read its header, run the checks in order, ask the bases and the adapters whose it is."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any

import workers.adapters
import workers.bases
import workers.checks
import workers.parts
from workers import metadata, pickled, pictured, zips
from workers.files import gguf, numbers, safetensors
from workers.files.safetensors import BadHeader, NeedMore
from workers.files.sniff import HEAD_BYTES, NAMES, PROMISES, sniff, sniff_path
from workers.files.text import clean, evidence
from workers.messages import Finding, Scan, Verdict
from workers.news import Watch, nobody
from workers.plugins import Adapter, Base, Check, Decides, Header, Match, OpenedFile, Part, found_in

log = logging.getLogger(__name__)

# The numbers of one tensor, by its name.
ReadNumbers = Callable[[str], Sequence[float]]

# In the order of the files' names; weights_finite, which reads every byte, is last.
CHECKS: list[Check] = found_in(workers.checks, "check")
BASES: list[Base] = found_in(workers.bases, "base")
ADAPTERS: list[Adapter] = found_in(workers.adapters, "adapter")
PARTS: list[Part] = found_in(workers.parts, "part")
BASE = "base"  # the kind of a checkpoint
FAMILY_LABELS = {base.family: base.label for base in BASES}

# Whose headers are read here.
READERS = {"safetensors": safetensors, "gguf": gguf}
# As Civitai spells them; a file that is refused keeps the plain name.
FORMATS = {"safetensors": "SafeTensor", "gguf": "GGUF", "pickle": "PickleTensor", "torch-zip": "PickleTensor"}
QUANTISED = ("Q", "IQ", "TQ", "MXFP")
PRECISIONS = {"F16": "fp16", "BF16": "bf16", "F32": "fp32", "F64": "fp64", "F4": "fp4"}
# A checkpoint of one precision still holds a few tensors of another: position ids, a scale.
MAIN_SHARE = 0.95
NAMED_KEYS = 5
SUMMARY_TEXT = 500
SUMMARY_ITEMS = 200

# Formats of which the beginning tells no more than their name: what they hold is said once all of it is here.
PICKLES = frozenset({"pickle", "torch-zip"})
CONVERTED = PICKLES | {"png"}
READ_WHOLE = CONVERTED | {"zip"}
REFUSED_FORMATS = {
    "lfs-pointer": "This is a git-lfs pointer, not the file it points to. Run `git lfs pull`, upload the real file.",
    "xml-error": "This is an object store's error message, saved under the name of the file. Download it again.",
    "html": "This is a web page, saved under the name of the file: perhaps a sign-in page. Download it again.",
    "empty": "The file is empty.",
}
REFUSED_FORMATS |= dict.fromkeys(
    ("7z", "gzip", "rar", "tar"), "This is an archive. Unpack it, and upload the safetensors file inside."
)


@dataclass(frozen=True)
class Report:
    """What inspection says of a file, apart from its digests; the fields of ``messages.Inspected``. Of a pickle, or of
    a PNG with vectors in it, that passed, ``converted`` is where its safetensors lies; all else than ``format`` is said
    of that."""

    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    kind: str = ""
    base_family: str = ""
    base_variant: str = ""
    format: str = ""
    precision: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    trigger_words: tuple[str, ...] = ()
    summary: dict[str, Any] = field(default_factory=dict)
    sshs: str = ""
    tier: str = ""
    scans: tuple[Scan, ...] = ()
    converted: Path | None = None


@dataclass(frozen=True)
class Recognised:
    """Whose file it is: ``kind`` is an adapter's or a part's slug, or `BASE`."""

    kind: str
    label: str
    family: str
    match: Match
    plug: Adapter | Base | Part


def inspect(path: Path, name: str, size: int, watch: Watch = nobody) -> Report:
    """Say what the file at ``path`` is, which was promised to be called ``name`` and to have ``size`` bytes.

    watch: told what is done now.
    Refused: some finding is a danger. Unknown: nobody recognises it. Accepted otherwise. Raises only what reading a
    disk raises, and defects: the caller answers those as unknown, never as accepted.
    """
    watch("header")
    format = sniff_path(path)
    findings = list(_promises(name, path.stat().st_size, size, format))
    if format in CONVERTED and not any(finding.severity == "danger" for finding in findings):
        return _read_converted(path, name, format, findings, watch)
    if reader := _reader_for(format, name):
        try:
            header = READERS[reader].read(path)
        except BadHeader as bad:
            findings.append(Finding("danger", bad.sentence, bad.evidence))
        else:
            return _read(OpenedFile(path, name, path.stat().st_size, reader, header), header, findings, CHECKS, watch)
    elif format == "zip":
        findings += zips.findings_of(path)
    else:
        findings.append(Finding("danger", _refusal(format)))
    return Report("refused", tuple(findings), format=FORMATS.get(format, format))


def inspect_head(head: bytes, name: str, size: int) -> Report | None:
    """Say early what a file of ``size`` bytes is that begins with ``head``; None where ``head`` cannot tell.

    A hint: the verdict is `inspect`'s, of the whole file. No tensor's byte is looked at.
    """
    format = sniff(head[:HEAD_BYTES], size)
    findings = list(_promises(name, size, size, format))
    if reader := _reader_for(format, name):
        try:
            header = READERS[reader].read_prefix(head, size)
        except NeedMore:
            return None
        except BadHeader as bad:
            findings.append(Finding("danger", bad.sentence, bad.evidence))
        else:
            checks = [check for check in CHECKS if getattr(check, "header_only", False)]
            return _read(OpenedFile(Path(), name, size, reader, header), header, findings, checks, nobody)
    elif format in READ_WHOLE:
        return Report("unknown", tuple(findings), format=FORMATS.get(format, format))
    else:
        findings.append(Finding("danger", _refusal(format)))
    return Report("refused", tuple(findings), format=FORMATS.get(format, format))


def converted_path(path: Path) -> Path:
    """Where `inspect` puts the safetensors made of the file at ``path``; whoever calls it removes both."""
    return path.with_name(f"{path.name}.safetensors")


def _read_converted(path: Path, name: str, format: str, findings: list[Finding], watch: Watch) -> Report:
    """What the weights in a pickle or a picture are: read as safetensors, and through the same checks as any."""
    target = converted_path(path)
    pickle = format in PICKLES
    judged = pickled.judge(path, format, target, watch) if pickle else pictured.judge(path, target, watch)
    findings += judged.findings
    told: dict[str, Any] = {"format": FORMATS.get(format, format), "tier": judged.tier, "scans": judged.scans}
    if judged.verdict == "refused" or not target.stat().st_size:
        return Report(judged.verdict, tuple(findings), **told)
    told["format"] = FORMATS.get(format, "Other")  # as Civitai calls the formats that it has no name for
    try:
        header = safetensors.read(target)
    except BadHeader as bad:
        findings.append(Finding("danger", f"Converted to safetensors: {bad.sentence}", bad.evidence))
        return Report("refused", tuple(findings), **told)
    file = OpenedFile(target, name, target.stat().st_size, "safetensors", header)
    report = _read(file, header, findings, CHECKS, watch)
    verdict = judged.verdict if report.verdict == "accepted" else report.verdict
    return replace(report, verdict=verdict, converted=target if verdict == "accepted" else None, **told)


def _reader_for(format: str, name: str) -> str:
    """Which of `READERS` reads the file; bytes that nobody knows go to the one that the name promises, which says best
    what is wrong with them. Empty where none does."""
    if format in READERS:
        return format
    return next((reader for reader in READERS if not format and _promised(name) == {reader}), "")


def _read(file: OpenedFile, header: Header, findings: list[Finding], checks: Iterable[Check], watch: Watch) -> Report:
    checks = list(checks)
    for done, check in enumerate(checks):
        watch("checks", done=done, total=len(checks), what=type(check).__module__.rpartition(".")[2].replace("_", " "))
        findings += check.findings(file)
    described = metadata.describe(header.metadata)
    recognised = settled(recognise(header), described)
    if recognised and file.path.name:  # before all of a file is here, nothing lies there
        recognised = decided(recognised, lambda key: numbers.read(file.path, header, key))
    findings += _recognition(header, recognised, described)
    verdict: Verdict = "accepted" if recognised else "unknown"
    if any(finding.severity == "danger" for finding in findings):
        verdict = "refused"
    return Report(
        verdict,
        tuple(findings),
        kind=recognised.kind if recognised else "",
        base_family=recognised.family if recognised else "",
        base_variant=recognised.match.variant if recognised else "",
        format=FORMATS[file.format],
        precision=precision_of(header),
        metadata=described.kept,
        trigger_words=described.trigger_words,
        summary=summary_of(header, recognised, described),
        sshs=described.sshs,
    )


def recognise(header: Header) -> Recognised | None:
    """The plug that claims the most of the header's keys, bases first among equals; None: nobody claims any.

    One that claims all of them is not outdone: the plugs after it need not look."""
    plugs: list[tuple[str, str, Adapter | Base | Part]] = [(BASE, base.family, base) for base in BASES]
    plugs += [(plug.slug, "", plug) for plug in (*ADAPTERS, *PARTS)]
    claims = []
    for kind, family, plug in plugs:
        match = plug.recognise(header)
        if match and match.claimed:
            claims.append(Recognised(kind, plug.label, match.base or family, match, plug))
            if len(match.claimed) == len(header.tensors):
                break
    return max(claims, key=lambda claim: len(claim.match.claimed), default=None)


def decided(recognised: Recognised, read_numbers: ReadNumbers) -> Recognised:
    """``recognised``, after its plug was given the numbers of the tensor that it asks for, if it asks for one."""
    if not recognised.match.asks or not isinstance(recognised.plug, Decides):
        return recognised
    match = recognised.plug.decide(recognised.match, read_numbers(recognised.match.asks))
    return replace(recognised, match=match, family=match.base or recognised.family)


def settled(recognised: Recognised | None, described: metadata.Described) -> Recognised | None:
    """Where the shapes fit several families, the one that the metadata names."""
    if recognised is None or recognised.family or described.base_family not in recognised.match.candidates:
        return recognised
    return replace(recognised, family=described.base_family)


def precision_of(header: Header) -> str:
    """fp16, bf16, fp32, fp64, fp8, fp4 or mixed, by the number of elements; empty where no tensor is floating.

    Where most are quantised, the type that most are of, as llama.cpp calls it: those files always mix."""
    elements: dict[str, int] = {}
    for info in header.tensors.values():
        if info.dtype.startswith(QUANTISED):
            elements[info.dtype] = elements.get(info.dtype, 0) + math.prod(info.shape)
        elif info.dtype.startswith(("F", "BF")):
            name = PRECISIONS.get(info.dtype, info.dtype.split("_")[0].lower().replace("f", "fp"))
            elements[name] = elements.get(name, 0) + math.prod(info.shape)
    if not elements:
        return ""
    main = max(elements, key=lambda name: elements[name])
    if main.startswith(QUANTISED):
        return main
    return main if elements[main] >= MAIN_SHARE * sum(elements.values()) else "mixed"


def _promised(name: str) -> frozenset[str]:
    return PROMISES.get(PurePath(name).suffix.lower(), frozenset())


def _promises(name: str, size: int, promised_size: int, format: str) -> Iterator[Finding]:
    """Whether the bytes are what the name and the announced size said."""
    if size != promised_size:
        yield Finding("danger", f"The file has {size:,} bytes; {promised_size:,} were announced. Upload it again.")
    promised = _promised(name)
    if promised and format and format not in promised:
        ending = PurePath(name).suffix.lower()
        yield Finding("danger", f"The name ends in {ending}, but the bytes are {NAMES[format]}.", evidence(name))
    elif not promised:
        yield Finding(
            "note",
            "The name's ending says nothing that we know; the file's type was told by its bytes.",
            evidence(name),
        )


def _refusal(format: str) -> str:
    if format in REFUSED_FORMATS:
        return REFUSED_FORMATS[format]
    if format:
        return f"This is {NAMES[format]}, not weights. This hub takes safetensors files."
    return "The bytes are of no format that we know. This hub takes safetensors files."


def _recognition(header: Header, recognised: Recognised | None, described: metadata.Described) -> Iterator[Finding]:
    if recognised is None:
        yield Finding(
            "warning",
            "No base, adapter or part that this hub knows has tensors of these names, so it cannot be drawn.",
            _some(sorted(header)),
        )
        return
    if recognised.match.candidates and not recognised.family:
        families = [FAMILY_LABELS.get(name, name) for name in recognised.match.candidates]
        yield Finding(
            "note",
            f"Its shapes fit {', '.join(families[:-1])} and {families[-1]} alike: say yourself which it is for.",
        )
    if unclaimed := sorted(set(header) - recognised.match.claimed):
        are = "tensor is" if len(unclaimed) == 1 else "tensors are"
        yield Finding(
            "warning", f"{len(unclaimed):,} {are} not part of a {recognised.label} as we know it.", _some(unclaimed)
        )
    told, found = described.base_family, recognised.family
    if told and found and told != found and told not in recognised.match.candidates:
        yield Finding(
            "warning",
            f"The metadata says that this is for {told}, its tensors fit {found}; we go by the tensors.",
            told,
        )


def _some(keys: list[str]) -> str:
    more = f", and {len(keys) - NAMED_KEYS:,} more" if len(keys) > NAMED_KEYS else ""
    return ", ".join(evidence(key)[:100] for key in keys[:NAMED_KEYS]) + more


def summary_of(header: Header, recognised: Recognised | None, described: metadata.Described) -> dict[str, Any]:
    """Plain JSON: what metadata says (network, training, dataset, …), and what the tensors say, which goes first."""
    told = described.summary | (_plain(dict(recognised.match.summary)) if recognised else {})
    dtypes: dict[str, int] = {}
    for info in header.tensors.values():
        dtypes[info.dtype] = dtypes.get(info.dtype, 0) + math.prod(info.shape)
    told |= {
        "tensors": len(header.tensors),
        "parameters": sum(dtypes.values()),
        "dtypes": {clean(name, 20): count for name, count in list(dtypes.items())[:SUMMARY_ITEMS]},
        "unclaimed": len(set(header) - recognised.match.claimed) if recognised else len(header.tensors),
    }
    if ranks := told.get("ranks"):
        told["rank"] = ranks[0] if len(ranks) == 1 else f"{min(ranks)} to {max(ranks)}"
    if recognised and recognised.match.candidates and not recognised.family:
        told["candidates"] = list(recognised.match.candidates)
    if recognised and recognised.kind == BASE:
        # Civitai's words: with the training's running averages, or without.
        told["size_kind"] = "full" if any(key.startswith("model_ema.") for key in header) else "pruned"
    return told


def _plain(value: object, levels: int = 3) -> Any:
    """``value`` as bounded JSON with clean texts: a plug may hand on names and metadata as the file has them."""
    if isinstance(value, str):
        return clean(value, SUMMARY_TEXT)
    if isinstance(value, bool | int | float | None):
        return value
    if levels and isinstance(value, dict):
        return {clean(str(name), SUMMARY_TEXT): _plain(inner, levels - 1) for name, inner in value.items()}
    if levels and isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner, levels - 1) for inner in list(value)[:SUMMARY_ITEMS]]
    return clean(str(value), SUMMARY_TEXT)
