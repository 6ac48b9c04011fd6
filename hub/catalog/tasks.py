"""What the catalogue does by itself, on the clock."""

from hub.catalog import actions
from hub.celery import app


@app.task(name="hub.catalog.tallies_roll_up")
def tallies_roll_up() -> None:
    """Every minute: downloads, likes and pictures into the totals."""
    actions.tallies_roll_up()
