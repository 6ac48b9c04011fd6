"""The queue face of uploads: the inspectors' answers, and the periodic sweep."""

from typing import Any

from django.core.cache import cache

from hub.celery import app
from hub.uploads import actions, chunks, heads, layouts
from workers.messages import Assembled, Failed, HeaderRead, Inspected, LayoutMade, unpack


@app.task(name="hub.uploads.inspected")
def inspected(answer: dict[str, Any]) -> None:
    """Takes an `Inspected`, an `Assembled` or a `Failed`, packed; any other message is a defect and raises."""
    message = unpack(answer)
    if isinstance(message, Inspected):
        actions.upload_inspected(message)
    elif isinstance(message, Assembled):
        actions.upload_assembled(message)
    elif isinstance(message, Failed):
        actions.upload_failed(message)
    else:
        raise TypeError(f"Inspectors do not answer {type(message).__name__}.")


@app.task(name="hub.uploads.header_read")
def header_read(answer: dict[str, Any]) -> None:
    """Takes a `HeaderRead`, packed; any other message is a defect and raises."""
    message = unpack(answer)
    if not isinstance(message, HeaderRead):
        raise TypeError(f"Readers of headers do not answer {type(message).__name__}.")
    heads.header_read(message)


@app.task(name="hub.uploads.layout_made")
def layout_made(answer: dict[str, Any]) -> None:
    """Takes a `LayoutMade` or a `Failed`, packed; any other message is a defect and raises."""
    message = unpack(answer)
    if isinstance(message, LayoutMade):
        layouts.layout_made(message)
    elif isinstance(message, Failed):
        layouts.layout_failed(message)
    else:
        raise TypeError(f"Writers of folders do not answer {type(message).__name__}.")


@app.task(name="hub.uploads.sweep")
def sweep() -> None:
    actions.uploads_sweep()
    if cache.add("uploads:chunks-looked-for", 1, timeout=3600):
        chunks.chunks_sweep()
    layouts.layouts_sweep()
