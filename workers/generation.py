"""A job from its recipe to stored pictures, with news of it on the way; always an answer, never silence."""

from __future__ import annotations

import base64
import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
import redis

from workers import settings, storage
from workers.errors import Refusal
from workers.messages import Drawn, Failed, Generate, Generated, Progress, Recipe, Use, cancel_key, progress_key

if TYPE_CHECKING:
    from workers.engine.model import Model
    from workers.plugins import Edit

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 120  # news outlives a job this long
NEWS_EVERY = 0.1  # seconds; no one looks more often
HEARTBEAT_EVERY = 3.0
MOST_PICTURES = 16


def generate(asked: Generate) -> Generated | Failed:
    """Draw what is asked. What goes wrong is a `Failed` with a sentence; a defect is logged with its traceback."""
    with News(asked) as news:
        try:
            return _generate(asked, news)
        except Refusal as refused:
            return _failed(asked, refused.code, refused.sentence, retry=refused.retry)
        except Stopped:
            return _failed(asked, "cancelled", "This picture was cancelled.")
        except Exception as error:
            if _is_out_of_memory(error):
                log.exception("generation %s: out of memory", asked.generation_id)
                _forget()
                return _failed(asked, "out-of-memory", "This picture needs more memory than this worker has.")
            log.exception("generation %s: broke", asked.generation_id)
            return _failed(asked, "defect", "Drawing broke on this picture. The operators can see why.")


class Stopped(Exception):
    """Whoever asked does not want the pictures any more."""


def _generate(asked: Generate, news: News) -> Generated:
    began = time.monotonic()
    if not 1 <= asked.count <= MOST_PICTURES:
        raise Refusal("count", f"{asked.count} pictures cannot be drawn at once; 1 to {MOST_PICTURES} can.")
    news.stop_if_cancelled()
    news.tell(stage="fetching")
    recipe = asked.recipe
    base_path = storage.fetch(recipe.base, news.stop_if_cancelled)
    # At weight 0 an adapter changes nothing: the picture is the base's, to the bit.
    uses = [use for use in recipe.uses if use.weight or use.text_weight]
    paths = [storage.fetch(use.sha256, news.stop_if_cancelled) for use in uses]
    news.tell(stage="loading")
    from workers.engine import cache  # torch from here on; the inspectors' processes never load it

    model = cache.base(recipe.base, recipe.base_family, base_path)
    read = (cache.adapter(use.sha256, use.kind, path) for use, path in zip(uses, paths, strict=True))
    edits = [edit for use, whole in zip(uses, read, strict=True) for edit in _edits(use, whole)]
    pictures = []
    for number in range(asked.count):
        one = msgspec.structs.replace(recipe, seed=(recipe.seed + number) % 2**64)
        pictures.append(_picture(model, one, edits, news, number))
    return Generated(
        generation_id=asked.generation_id,
        attempt=asked.attempt,
        pictures=tuple(pictures),
        seconds=round(time.monotonic() - began, 3),
    )


def _edits(use: Use, whole: Edit) -> list[Edit]:
    """The adapter at its weight; two edits where the text encoder's differs from the rest's."""
    from workers.engine.edits import OfPart

    edit = whole.at(use.weight)
    # The word is the user's choice; a file's own name for it comes second, the adapter's title last.
    if edit.words() and (word := use.token or next(iter(edit.words()), "") or use.name):
        edit = edit.called(word)
    if use.text_weight in (None, use.weight) or (edit.words() and not edit.words_optional):
        return [edit]
    return [OfPart(edit, text=False), OfPart(whole.at(use.text_weight or 0.0), text=True)]


def _picture(model: Model, recipe: Recipe, edits: list[Edit], news: News, number: int) -> Drawn:
    from workers.engine import png
    from workers.engine.draw import Cancelled, Watch, draw
    from workers.files import blurhash

    def step(done: int, of: int, preview: Callable[[], bytes]) -> None:
        news.tell(stage="drawing", step=done, steps=of, picture=number, preview=preview)

    news.tell(stage="drawing", steps=recipe.steps, picture=number)
    try:
        pixels = draw(model, recipe, edits, Watch(step, news.cancelled))
    except Cancelled as cancelled:
        raise Stopped from cancelled
    news.tell(stage="storing", step=recipe.steps, steps=recipe.steps, picture=number)
    encoded = png.encoded(pixels, recipe)
    return Drawn(
        sha256=storage.put_picture(encoded),
        width=recipe.width,
        height=recipe.height,
        seed=recipe.seed,
        bytes=len(encoded),
        blurhash=blurhash.of_pixels(pixels),
    )


def _failed(asked: Generate, code: str, sentence: str, *, retry: bool = False) -> Failed:
    return Failed(id=asked.generation_id, attempt=asked.attempt, code=code, sentence=sentence, retry=retry)


def _is_out_of_memory(error: BaseException) -> bool:
    # torch says so by a class on CUDA and by a RuntimeError's words on the CPU.
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and "not enough memory" in str(error))
    )


def _forget() -> None:
    """Give back what is kept warm, so that the next job finds room."""
    import torch

    from workers.engine import cache

    cache.bases.clear()
    cache.adapters.clear()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


class News:
    """Tells in the cache how a job is doing, and that its worker lives; and knows when nobody wants it any more.

    A cache that does not answer costs the news, never the picture.
    """

    def __init__(self, asked: Generate) -> None:
        self.asked = asked
        self.cache = redis.Redis.from_url(settings.BROKER_URL, socket_timeout=5, socket_connect_timeout=5)
        self.last = Progress(generation_id=asked.generation_id, attempt=asked.attempt, stage="fetching")
        self.told = 0.0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="news", daemon=True)

    def __enter__(self) -> News:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(HEARTBEAT_EVERY)
        self.cache.close()

    def tell(
        self,
        *,
        stage: str,
        step: int = 0,
        steps: int = 0,
        picture: int = 0,
        preview: Callable[[], bytes] | None = None,
    ) -> None:
        """The job's state from now on. Every change of stage is told, steps at most every `NEWS_EVERY` seconds."""
        due = stage != self.last.stage or picture != self.last.picture
        if not due and step < steps and time.monotonic() - self.told < NEWS_EVERY:
            return
        seen = base64.b64encode(preview()).decode() if preview else self.last.preview if stage == "storing" else ""
        with self._lock:
            self.last = msgspec.structs.replace(
                self.last, stage=stage, step=step, steps=steps, picture=picture, preview=seen
            )
            self._send()

    def cancelled(self) -> bool:
        """Whether somebody asked to stop this job."""
        try:
            return bool(self.cache.exists(cancel_key(self.asked.generation_id)))
        except redis.RedisError:
            return False

    def stop_if_cancelled(self) -> None:
        """Raises `Stopped` where somebody asked to."""
        if self.cancelled():
            raise Stopped

    def _send(self) -> None:
        self.told = time.monotonic()
        now = msgspec.structs.replace(self.last, at=time.time())
        try:
            self.cache.set(progress_key(self.asked.generation_id), msgspec.json.encode(now), ex=PROGRESS_SECONDS)
        except redis.RedisError as error:
            log.warning("generation %s: no news: %s", self.asked.generation_id, error)

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT_EVERY):
            with self._lock:
                self._send()
