"""The queue face of the tongues: webhooks are told by the hub's worker, never inside a request."""

from hub.celery import app
from hub.hooks import actions
from hub.protocols.told import told


@app.task(name="hub.protocols.hooks_tell")
def hooks_tell() -> None:
    """Take what happened, and tell what is due. Also called now and then, for what a lost message did not wake."""
    actions.events_take(told)
    actions.deliveries_send(told)


@app.task(name="hub.protocols.hooks_sweep")
def hooks_sweep() -> None:
    actions.hooks_sweep()
