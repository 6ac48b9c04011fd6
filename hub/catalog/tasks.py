"""What the catalogue does by itself, on the clock."""

from hub.catalog import actions, holding
from hub.celery import app


@app.task(name="hub.catalog.tallies_roll_up")
def tallies_roll_up() -> None:
    """Every minute: downloads, likes and pictures into the totals."""
    actions.tallies_roll_up()


@app.task(name="hub.catalog.blobs_settle")
def blobs_settle() -> None:
    """Every few seconds: bytes that were taken into quarantine, or let go, take their place in the store."""
    holding.blobs_settle()
