"""The queue face of moderation: answers about the library, and what feeds the inspectors."""

from typing import Any

from hub.celery import app
from hub.moderation import rechecks, telling
from workers.messages import Failed, Inspected, unpack


@app.task(name="hub.moderation.rechecked")
def rechecked(answer: dict[str, Any]) -> None:
    """Takes an `Inspected` or a `Failed`, packed; any other message is a defect and raises."""
    message = unpack(answer)
    if not isinstance(message, Inspected | Failed):
        raise TypeError(f"Inspectors do not answer {type(message).__name__}.")
    rechecks.rechecked(message)


@app.task(name="hub.moderation.blocked_tell")
def blocked_tell(sha256: str) -> None:
    """A picture of these bytes came in and is held: its owner is told why."""
    telling.blocked_told(sha256)


@app.task(name="hub.moderation.blocked_sweep")
def blocked_sweep() -> None:
    """Once an hour: whoever was to be told while nobody heard it."""
    telling.blocked_sweep()


@app.task(name="hub.moderation.rechecks_feed")
def rechecks_feed() -> None:
    """Every few seconds: more work for the inspectors, while an inspection of the library runs."""
    rechecks.rechecks_feed()
