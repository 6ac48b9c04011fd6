"""What the workers' answers and the clock ask of this app."""

from typing import Any

from celery import shared_task

from hub.catalog.models import Version
from hub.tryit import actions
from workers.messages import Failed, Generated, unpack


@shared_task(name="hub.tryit.generated")
def generated(payload: dict[str, Any]) -> None:
    """A worker's answer to ``Generate``: pictures, or why there are none."""
    answer = unpack(payload)
    if isinstance(answer, Generated):
        actions.generation_finish(answer)
    elif isinstance(answer, Failed):
        actions.generation_failed(answer)
    else:
        raise TypeError(f"Not an answer to Generate: {type(answer).__name__}.")


@shared_task(name="hub.tryit.previews_backfill")
def previews_backfill(version_id: int) -> None:
    """A base has arrived: strips that waited for one are asked for."""
    if version := Version.objects.filter(pk=version_id).first():
        actions.previews_backfill(base_version=version)


@shared_task(name="hub.tryit.preview_request")
def preview_request(version_id: int) -> None:
    """A version is for another base now: its strip is asked for."""
    if version := Version.objects.filter(pk=version_id).first():
        actions.preview_request(version=version)


@shared_task(name="hub.tryit.sweep", expires=5)
def sweep() -> None:
    actions.sweep()
