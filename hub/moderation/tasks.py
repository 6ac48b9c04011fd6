"""The queue face of moderation: answers about the library, and what feeds the inspectors."""

from typing import Any

from hub.celery import app
from hub.moderation import rechecks
from workers.messages import Failed, Inspected, unpack


@app.task(name="hub.moderation.rechecked")
def rechecked(answer: dict[str, Any]) -> None:
    """Takes an `Inspected` or a `Failed`, packed; any other message is a defect and raises."""
    message = unpack(answer)
    if not isinstance(message, Inspected | Failed):
        raise TypeError(f"Inspectors do not answer {type(message).__name__}.")
    rechecks.rechecked(message)


@app.task(name="hub.moderation.rechecks_feed")
def rechecks_feed() -> None:
    """Every few seconds: more work for the inspectors, while an inspection of the library runs."""
    rechecks.rechecks_feed()
