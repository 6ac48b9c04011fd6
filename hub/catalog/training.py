"""How a version was trained, as its page tells it: read from the file's metadata, so a stranger's words throughout."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hub.catalog.models import File, Version
from hub.catalog.queries import Person, files_by_sha256, may_edit

LABELS = {
    "te": gettext_lazy("text encoder"), "min_snr_gamma": "min SNR gamma",
    "unet_learning_rate": gettext_lazy("learning rate of the U-Net"),
    "started_at": gettext_lazy("begun"), "finished_at": gettext_lazy("ended"), "algo": gettext_lazy("algorithm"),
    "conv_rank": gettext_lazy("rank of convolutions"), "conv_alpha": gettext_lazy("alpha of convolutions"),
    "pictures": gettext_lazy("pictures"), "pictures_with_repeats": gettext_lazy("pictures with repeats"),
    "regularisation_pictures": gettext_lazy("pictures for regularisation"), "folders": gettext_lazy("folders"),
    "precision": gettext_lazy("precision"), "merged_from": gettext_lazy("merged from"),
    "autov1": "AutoV1", "sha256": "SHA-256", "vae": "VAE", "clip_skip": "clip skip", "module": gettext_lazy("module"),
    "steps": gettext_lazy("steps"), "max_steps": gettext_lazy("steps at most"), "epochs": gettext_lazy("epochs"),
    "epoch": gettext_lazy("epoch"), "batch_size": gettext_lazy("batch size"), "optimizer": gettext_lazy("optimizer"),
    "learning_rate": gettext_lazy("learning rate"), "warmup_steps": gettext_lazy("warm-up steps"),
    "text_encoder_learning_rate": gettext_lazy("learning rate of the text encoder"),
    "scheduler": gettext_lazy("scheduler"), "noise_offset": gettext_lazy("noise offset"),
    "implementation": gettext_lazy("implementation"), "trainer_commit": gettext_lazy("commit of the trainer"),
    "session": gettext_lazy("session"), "version": gettext_lazy("version"), "prediction": gettext_lazy("prediction"),
    "architecture": gettext_lazy("architecture"),
}  # fmt: skip
# What people look for first; the database keeps names by their length.
ORDER = (
    "rank", "alpha", "algo", "conv_rank", "conv_alpha", "module",
    "pictures", "pictures_with_repeats", "regularisation_pictures", "folders", "tags",
    "steps", "max_steps", "epochs", "epoch", "batch_size", "learning_rate", "unet_learning_rate",
    "text_encoder_learning_rate", "optimizer", "scheduler", "warmup_steps", "clip_skip", "noise_offset",
    "min_snr_gamma", "precision", "seed", "started_at", "finished_at", "software", "implementation", "trainer_commit",
    "session", "name", "version", "architecture", "prediction", "vae", "merged_from", "sha256", "autov1",
)  # fmt: skip
PLACES = {name: place for place, name in enumerate(ORDER)}
LONGEST, TAGS_SHOWN = 200, 50


@dataclass(frozen=True)
class Training:
    """``groups``: headings with their pairs of words. ``tags``: of the captions, with how often. ``base``: the file
    here that it was trained on, where the reader may see it."""

    groups: list[tuple[str, list[tuple[str, str]]]]
    tags: list[tuple[str, int]]
    base: File | None = None


def shown_to(user: Person, version: Version) -> bool:
    """Its owner may hide it from everybody but moderators; the file itself still holds it."""
    return not version.hide_training or may_edit(user, version.model)


def training_of(user: Person, version: Version) -> Training | None:
    """What is known of a version's training; None where nothing is, or its owner hides it from ``user``."""
    told: dict[str, Any] = version.training
    if not told or not shown_to(user, version):
        return None
    network = _pairs(told.get("network"))
    if sides := told.get("resolution"):
        network.append((_("Resolution"), " × ".join(str(side) for side in sides)))
    dataset = dict(told.get("dataset") or {})
    tags = [(str(tag)[:LONGEST], int(n)) for tag, n in dataset.pop("top_tags", [])[:TAGS_SHOWN]]
    base = {name: value for name, value in (told.get("base") or {}).items() if name != "family"}  # our own word
    known = files_by_sha256(user, [base["sha256"]]).get(base["sha256"]) if len(base.get("sha256", "")) == 64 else None
    groups = [
        (_("Network"), network),
        (_("Pictures"), _pairs(dataset)),
        (_("Run"), _pairs(told.get("training"))),
        (_("Trained on"), _pairs(base)),
    ]
    groups = [(heading, pairs) for heading, pairs in groups if pairs]
    return Training(groups, tags, known) if groups or tags else None


def _pairs(part: object) -> list[tuple[str, str]]:
    """Names and values as people read them, plain values only."""
    if not isinstance(part, dict):
        return []
    plain = {name: value for name, value in part.items() if isinstance(value, (str, int, float)) and value != ""}
    ordered = sorted(plain.items(), key=lambda pair: PLACES.get(pair[0], len(PLACES)))
    return [(_label(str(name)), _value(str(name), value)) for name, value in ordered][:40]


def _label(name: str) -> str:
    words = str(LABELS.get(name, name.replace("_", " ")))[:60]
    return words[:1].upper() + words[1:]


def _value(name: str, value: str | int | float) -> str:
    if name in {"started_at", "finished_at"} and isinstance(value, (int, float)):
        try:
            return f"{date_format(datetime.fromtimestamp(value, UTC), 'DATETIME_FORMAT')} UTC"
        except (ValueError, OverflowError, OSError):
            return str(value)
    if isinstance(value, int):
        return number_format(value, force_grouping=True) if "seed" not in name else str(value)
    return f"{value:g}" if isinstance(value, float) else value[:LONGEST]
