"""What is made and emptied by the background worker."""

from celery import shared_task

from hub.leaving import actions


@shared_task(name="hub.leaving.sweep", expires=60)
def sweep() -> None:
    """Every few seconds: exports that were asked for, accounts that were deleted."""
    actions.departures_go_on()
    actions.exports_sweep()
