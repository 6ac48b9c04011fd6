"""How an import is said to its owner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from hub.imports.models import Import, Item
from hub.templatetags.weightroom import size as said
from hub.uploads.models import Upload
from workers.fetch_messages import Fetching

State = Item.State


@dataclass(frozen=True)
class Row:
    """An item as a page or a program is told of it. ``done`` of ``total`` bytes."""

    item: Item
    words: str
    done: int
    total: int
    moving: bool


def row_of(item: Item, news: Fetching | None) -> Row:
    if news is not None and news.attempt != item.attempt:
        news = None
    done, moving = _done(item, news), item.state in {State.MEASURING, State.FETCHING, State.INSPECTING}
    return Row(item, _words(item, done), done, item.size, moving)


def _done(item: Item, news: Fetching | None) -> int:
    if item.state in {State.INSPECTING, State.DONE, State.HERE}:
        return item.size
    if news is not None and news.done:
        return news.done
    upload = item.upload
    return min(item.size, item.arrived * upload.part_size) if upload is not None else 0


def _words(item: Item, done: int) -> str:
    upload = item.upload
    if item.state == State.WAITING:
        again = _("It is tried again.")
        return f"{item.sentence} {again}" if item.sentence and item.tries else item.sentence or _("waits")
    if item.state == State.MEASURING:
        return _("asking for its size")
    if item.state == State.FETCHING:
        return _("%(done)s of %(all)s") % {"done": said(done), "all": said(item.size)}
    if item.state == State.INSPECTING:
        return _("being checked")
    if item.state == State.DONE:
        return _("accepted") if upload is None or upload.status == Upload.Status.ACCEPTED else str(upload.status)
    if item.state == State.HERE:
        return item.sentence or _("here already")
    return item.sentence or _("cancelled")


def summary(imported: Import, rows: list[Row]) -> str:
    """One sentence on how an import is."""
    status = Import.Status
    if imported.status == status.WAITING:
        if imported.sentence:
            again = _("It is tried again.")
            return f"{imported.sentence} {again}"
        return _("Asking its server")
    if imported.status == status.FAILED:
        return imported.sentence
    models = getattr(imported, "models", 0)
    if models:
        return _shelf(imported, models)
    files = [row for row in rows if row.item.kind == Item.Kind.FILE]
    came = sum(row.item.state in {State.DONE, State.HERE} for row in files)
    lost = sum(row.item.state == State.FAILED for row in rows)
    told = ngettext("%(n)d of %(all)d file", "%(n)d of %(all)d files", len(files)) % {"n": came, "all": len(files)}
    shown = [row for row in rows if row.item.kind == Item.Kind.PICTURE]
    if shown:
        came = sum(row.item.state in {State.DONE, State.HERE} for row in shown)
        pictures = ngettext("%(n)d of %(all)d picture", "%(n)d of %(all)d pictures", len(shown))
        told = _("%(files)s and %(pictures)s") % {
            "files": told, "pictures": pictures % {"n": came, "all": len(shown)},
        }  # fmt: skip
    if imported.status == status.CANCELLED:
        return _("Cancelled; %s had come.") % told
    if imported.status == status.DONE and not files and not shown:
        return _("Everything was here already.")
    if lost:
        told += ", " + ngettext("%(n)d did not come", "%(n)d did not come", lost) % {"n": lost}
    return (_("Done: %s.") if imported.status == status.DONE else _("Fetching: %s.")) % told


def _shelf(imported: Any, models: int) -> str:
    ended = models - imported.models_open
    told = ngettext("%(n)d of %(all)d model", "%(n)d of %(all)d models", models) % {"n": ended, "all": models}
    if imported.models_failed:
        told += ", " + _("%d could not be imported") % imported.models_failed
    words = {Import.Status.DONE: _("Done: %s."), Import.Status.CANCELLED: _("Cancelled; %s had ended.")}
    return words.get(Import.Status(imported.status), _("Importing: %s.")) % told
