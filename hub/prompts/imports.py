"""Prompts out of a file of styles: A1111's ``styles.csv``, or JSON. Text in, rows out; nothing is stored here."""

from __future__ import annotations

import csv
import io
import json
from http import HTTPStatus
from typing import Any

from django.utils.translation import gettext as _

from hub.catalog.words import one_line, tidy
from hub.errors import Refused

MOST_ROWS = 2_000
MOST_BYTES = 4 * 1024**2
TEXT_LIMIT = 10_000
NAMES = ("name", "title", "style")
TEXTS = ("prompt", "text", "positive")
NEGATIVES = ("negative_prompt", "negative", "negativeprompt")


class NotStyles(Refused):
    code, status = "not-styles", HTTPStatus.UNPROCESSABLE_ENTITY


def rows(body: bytes) -> list[dict[str, str]]:
    """``title``, ``prompt`` and ``negative`` of every style in a file's bytes. Raises `NotStyles` with what is wrong.

    CSV as A1111 writes it: a head line with ``name``, ``prompt``, ``negative_prompt``. JSON: a list of objects, or an
    object of objects by name, with those or like keys. Rows without any text are separators, and left out.
    """
    if len(body) > MOST_BYTES:
        raise NotStyles(_("A file of styles has at most %s MB here.") % (MOST_BYTES // 1024**2))
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotStyles(_("The file is not UTF-8 text.")) from error
    given = _json(text) if text.lstrip()[:1] in {"[", "{"} else _csv(text)
    found = [
        row for row in (_row(one, number) for number, one in enumerate(given, 1)) if row["prompt"] or row["negative"]
    ]
    if not found:
        raise NotStyles(_("No prompts were found in the file. It needs the columns name, prompt, negative_prompt."))
    if len(found) > MOST_ROWS:
        raise NotStyles(
            _("The file holds %(has)s prompts; %(most)s can be added at once.")
            % {"has": f"{len(found):,}", "most": f"{MOST_ROWS:,}"}
        )
    return found


def _csv(text: str) -> list[dict[str, Any]]:
    try:
        reader = csv.DictReader(io.StringIO(text))
        heads = {str(head or "").strip().lower() for head in reader.fieldnames or ()}
        if not heads & set(TEXTS):
            raise NotStyles(_("The file has no column called prompt. A1111 writes one as name,prompt,negative_prompt."))
        return [{str(k or "").strip().lower(): v for k, v in row.items()} for row in reader]
    except csv.Error as error:
        raise NotStyles(_("The file is not a table: %s.") % one_line(str(error), 100)) from error


def _json(text: str) -> list[dict[str, Any]]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotStyles(_("The file is not valid JSON.")) from error
    if isinstance(data, dict):
        data = [
            {"name": name} | one if isinstance(one, dict) else {"name": name, "prompt": one}
            for name, one in data.items()
        ]
    found = [{str(k).lower(): v for k, v in one.items()} for one in data if isinstance(one, dict)]
    if not found:
        raise NotStyles(_("The JSON holds no list of prompts."))
    return found


def _row(given: dict[str, Any], number: int) -> dict[str, str]:
    def first(names: tuple[str, ...]) -> str:
        return next((str(given[name]) for name in names if isinstance(given.get(name), str) and given[name]), "")

    return {
        "title": one_line(first(NAMES), 120) or f"Prompt {number}",
        "prompt": tidy(first(TEXTS), TEXT_LIMIT),
        "negative": tidy(first(NEGATIVES), TEXT_LIMIT),
    }
