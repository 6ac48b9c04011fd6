"""The queue face of uploads: the inspectors' answers, and the periodic sweep."""

from typing import Any

from hub.celery import app
from hub.uploads import actions
from workers.messages import Failed, Inspected, unpack


@app.task(name="hub.uploads.inspected")
def inspected(answer: dict[str, Any]) -> None:
    """Takes an `Inspected` or a `Failed`, packed; any other message is a defect and raises."""
    message = unpack(answer)
    if isinstance(message, Inspected):
        actions.upload_inspected(message)
    elif isinstance(message, Failed):
        actions.upload_failed(message)
    else:
        raise TypeError(f"Inspectors do not answer {type(message).__name__}.")


@app.task(name="hub.uploads.sweep")
def sweep() -> None:
    actions.uploads_sweep()
