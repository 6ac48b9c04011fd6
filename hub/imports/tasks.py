"""The queue face of imports: the fetching workers' answers, and the periodic sweep."""

from typing import Any

from hub.celery import app
from hub.imports import actions, items
from workers.fetch_messages import Fetched, LookedUp, Measured, ShelfListed, unpack
from workers.messages import Failed


@app.task(name="hub.imports.answered")
def answered(answer: dict[str, Any]) -> None:
    """Takes what a fetching worker answers, packed; any other message is a defect and raises."""
    message = unpack(answer)
    if isinstance(message, LookedUp):
        actions.import_found(message)
    elif isinstance(message, ShelfListed):
        actions.shelf_found(message)
    elif isinstance(message, Measured):
        items.measured(message)
    elif isinstance(message, Fetched):
        items.fetched(message)
    elif isinstance(message, Failed):
        actions.import_failed(message)
    else:
        raise TypeError(f"Fetching workers do not answer {type(message).__name__}.")


@app.task(name="hub.imports.sweep")
def sweep() -> None:
    actions.imports_sweep()
