"""What the workers' answers and the clock ask of this app."""

from typing import Any

from celery import shared_task

from hub.gallery import blurs, scores, sent
from workers.messages import Failed, ImageInspected, Scored, unpack


@shared_task(name="hub.gallery.image_inspected")
def image_inspected(payload: dict[str, Any]) -> None:
    """A worker's answer to ``InspectImage``: what became of the picture, or why it could not be had."""
    answer = unpack(payload)
    if isinstance(answer, ImageInspected):
        sent.picture_inspected(answer)
    elif isinstance(answer, Failed):
        sent.picture_failed(answer)
    else:
        raise TypeError(f"Not an answer to InspectImage: {type(answer).__name__}.")


@shared_task(name="hub.gallery.sent_pictures_sweep", expires=20)
def sent_pictures_sweep() -> None:
    sent.sent_pictures_sweep()


@shared_task(name="hub.gallery.scored")
def scored(payload: dict[str, Any]) -> None:
    """A worker's answer to ``Score``: a score, or a blur, or why there is none."""
    answer = unpack(payload)
    if isinstance(answer, Scored):
        if answer.blurhash:
            blurs.picture_blurred(answer.sha256, answer.blurhash)
        if answer.score is not None:
            scores.picture_scored(answer.sha256, answer.score)
    elif isinstance(answer, Failed):
        scores.picture_unscored(answer.id, code=answer.code)
    else:
        raise TypeError(f"Not an answer to Score: {type(answer).__name__}.")


@shared_task(name="hub.gallery.unscored_sweep", expires=50)
def unscored_sweep() -> None:
    """Every minute: pictures whose score never came."""
    scores.unscored_sweep()


@shared_task(name="hub.gallery.blurs_feed", expires=50)
def blurs_feed() -> None:
    """Every minute: pictures without a blur."""
    blurs.blurs_feed()
