"""Trigger words of a version: what its owner says, else what the file says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

from hub.catalog.models import Model
from hub.catalog.words import one_line
from workers.messages import Inspected

TRIGGER_LIMIT = 50


def trigger_words(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(filter(None, (one_line(str(word), 200) for word in words))))[:TRIGGER_LIMIT]


def words_for(model: Model, report: Inspected, filename: str, fields: Mapping[str, Any]) -> list[str]:
    """What its owner said, else what the file says. An empty list is an answer: this file wants no trigger words."""
    said = fields.get("trigger_words")
    words = trigger_words(report.trigger_words if said is None else said)
    if words or said is not None or model.type != Model.Type.TEXTUAL_INVERSION:
        return words
    token = one_line(str(report.summary.get("token") or ""), 200)
    # UIs call an inversion by its file's name unless it carries a word of its own; "*" is the trainers' placeholder.
    name = PurePath(filename).stem
    return trigger_words([token if token not in {"", "*"} else name])
