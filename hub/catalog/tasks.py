"""What the catalogue does by itself, on the clock."""

import logging
from typing import Any

from hub.catalog import actions, counts, holding, meanings, schedule
from hub.celery import app
from workers.messages import Embedded, Failed, unpack


@app.task(name="hub.catalog.tallies_roll_up")
def tallies_roll_up() -> None:
    """Every minute: downloads, likes and pictures into the totals."""
    actions.tallies_roll_up()


@app.task(name="hub.catalog.blobs_settle")
def blobs_settle() -> None:
    """Every few seconds: bytes that were taken into quarantine, or let go, take their place in the store."""
    holding.blobs_settle()


@app.task(name="hub.catalog.versions_due", expires=30)
def versions_due() -> None:
    """Every few seconds: what its owner wanted to be public by now."""
    schedule.versions_due()


@app.task(name="hub.catalog.cells_count", expires=200)
def cells_count() -> None:
    """Every five minutes: types, bases and totals of a large catalogue."""
    counts.cells_count()


@app.task(name="hub.catalog.terms_count", expires=1800)
def terms_count() -> None:
    """Every hour: tags, creators, formats and licences of a large catalogue."""
    counts.terms_count()


@app.task(name="hub.catalog.words_count", expires=3600)
def words_count() -> None:
    """Every night: the vocabulary of search, and which texts it asks first."""
    counts.words_count()
    counts.tiers_set()


@app.task(name="hub.catalog.meanings_feed", expires=60)
def meanings_feed() -> None:
    """Every minute: meanings of what was published or changed, where search by meaning is on."""
    meanings.feed()


@app.task(name="hub.catalog.meanings_read")
def meanings_read(payload: dict[str, Any]) -> None:
    """A worker's answer to `Embed`: vectors, or that it has no weights to read meanings with."""
    answer = unpack(payload)
    if isinstance(answer, Embedded):
        meanings.read(answer)
    elif isinstance(answer, Failed):
        logging.getLogger(__name__).warning("No meanings were read: %s", answer.sentence)
        meanings.unreadable(answer.id)
    else:
        raise TypeError(f"Not an answer to Embed: {type(answer).__name__}.")
