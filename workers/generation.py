"""A job from its recipe to stored pictures, with news of it on the way; always an answer, never silence."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from workers import blocks, engine_room, plots, samplers, storage
from workers.errors import Refusal
from workers.messages import Drawn, Failed, Generate, Generated, Recipe, Use
from workers.news import GenerationNews, Stopped

if TYPE_CHECKING:
    import numpy as np

    from workers.engine.model import Model
    from workers.engine.rows import Watch
    from workers.engine.source import Given
    from workers.plugins import Edit

log = logging.getLogger(__name__)

MOST_PICTURES = 16


def generate(asked: Generate) -> Generated | Failed:
    """Draw what is asked. What goes wrong is a `Failed` with a sentence; a defect is logged with its traceback."""
    with GenerationNews(asked, starting=not engine_room.entered.made) as news:
        try:
            return _generate(asked, news)
        except Refusal as refused:
            return _failed(asked, refused.code, refused.sentence, retry=refused.retry)
        except Stopped:
            return _failed(asked, "cancelled", "This picture was cancelled.")
        except Exception as error:
            from workers.engine.batch import is_out_of_memory

            if is_out_of_memory(error):
                log.exception("generation %s: out of memory", asked.generation_id)
                _forget()
                return _failed(asked, "out-of-memory", "This picture needs more memory than this worker has.")
            log.exception("generation %s: broke", asked.generation_id)
            return _failed(asked, "defect", "Drawing broke on this picture. The operators can see why.")


def _generate(asked: Generate, news: GenerationNews) -> Generated:
    began = time.monotonic()
    if not 1 <= asked.count <= MOST_PICTURES:
        raise Refusal("count", f"{asked.count} pictures cannot be drawn at once; 1 to {MOST_PICTURES} can.")
    news.stop_if_cancelled()
    engine_room.entered()
    cells = plots.cells(asked.recipe, asked.plot) if asked.plot else []
    recipes = [cell.recipe for cell in cells] or [asked.recipe.number(n) for n in range(asked.count)]
    pixels = _drawn(recipes, news)
    news.tell(stage="storing", step=asked.recipe.steps, steps=asked.recipe.steps, picture=len(recipes) - 1)
    return Generated(
        generation_id=asked.generation_id,
        attempt=asked.attempt,
        pictures=tuple(_stored(picture, recipe) for picture, recipe in zip(pixels, recipes, strict=True)),
        seconds=round(time.monotonic() - began, 3),
        sheet=_sheet(asked, cells, pixels) if cells else None,
    )


def _drawn(recipes: Sequence[Recipe], news: GenerationNews) -> list[np.ndarray]:
    """The pictures of ``recipes``, those of one base asked for at once: the engine draws them together."""
    whole = Whole(recipes, news)
    pictures: list[np.ndarray] = []
    for _, group in itertools.groupby(recipes, key=lambda recipe: (recipe.base, recipe.refiner)):
        pictures += whole.drawn(list(group))
    return pictures


class Whole:
    """All pictures of a job: how far they are, told as if they were drawn one after the other."""

    def __init__(self, recipes: Sequence[Recipe], news: GenerationNews) -> None:
        self.recipes, self.news = recipes, news
        self.steps = sum(_steps(recipe) for recipe in recipes)
        self.done = 0
        self.begun = False
        self.given_up = False

    def drawn(self, recipes: Sequence[Recipe]) -> list[np.ndarray]:
        """The pictures of some of the recipes, which share a base and a refiner. Raises ``Refusal`` and `Stopped`."""
        from workers.engine.batch import engine
        from workers.engine.rows import Cancelled

        models, edits = _ready(recipes, self.news)
        model, refiner = models[0], models[-1] if recipes[0].refiner else None
        given = [_given(one, model, refiner, self.news) for one in recipes]
        if not self.begun:  # the engine may be at others that came before
            self.news.tell(stage="waiting", steps=_steps(recipes[0]))
        coming = [
            engine().ask(model, one, edits[one.uses], self.watch(one), beside)
            for one, beside in zip(recipes, given, strict=True)
        ]
        try:
            return [picture.result() for picture in coming]
        except Cancelled as cancelled:
            raise Stopped from cancelled
        finally:
            self.given_up = not all(picture.done() for picture in coming)  # one failed: nobody wants the others

    def watch(self, recipe: Recipe) -> Watch:
        from workers.engine.rows import Watch

        before = 0

        def step(at: int, of: int, preview: Callable[[], bytes]) -> None:
            nonlocal before
            self.done += at - before
            before = at
            told = self.done * len(self.recipes) * of // self.steps
            picture = min(told // of, len(self.recipes) - 1)
            step = min(of, told - picture * of)
            self.news.tell(stage="drawing", step=step, steps=of, picture=picture, preview=preview)

        def cancelled() -> bool:
            if not self.begun:  # asked before each step, the first too
                self.begun = True
                self.news.tell(stage="drawing", steps=_steps(recipe))
            return self.given_up or self.news.cancelled()

        return Watch(step, cancelled)


def _ready(recipes: Sequence[Recipe], news: GenerationNews) -> tuple[list[Model], dict[tuple[Use, ...], list[Edit]]]:
    """The base that ``recipes`` share, open, and its refiner; and each of their stacks, read."""
    news.tell(stage="fetching")
    one = recipes[0]
    # At weight 0 an adapter changes nothing: the picture is the base's, to the bit.
    stacks = {recipe.uses: [use for use in recipe.uses if use.weight or use.text_weight] for recipe in recipes}
    bases = {sha256: storage.fetch(sha256, news.stop_if_cancelled) for sha256 in filter(None, (one.base, one.refiner))}
    paths = {
        use.sha256: storage.fetch(use.sha256, news.stop_if_cancelled) for stack in stacks.values() for use in stack
    }
    news.tell(stage="loading")
    from workers.engine import cache  # torch from here on; the inspectors' processes never load it

    models = cache.bases_together(one.base_family, bases)
    edits = {
        uses: [edit for use in stack for edit in _edits(use, cache.adapter(use.sha256, use.kind, paths[use.sha256]))]
        for uses, stack in stacks.items()
    }
    return models, edits


def _steps(recipe: Recipe) -> int:
    """How many steps are drawn: fewer than asked for where it starts from a picture."""
    return samplers.steps_drawn(recipe)


def _given(recipe: Recipe, model: Model, refiner: Model | None, news: GenerationNews) -> Given:
    """What a recipe names beside its base and stack, fetched and opened."""
    from workers import preprocessing
    from workers.engine import cache
    from workers.engine.source import Given

    vae = None
    if recipe.vae and recipe.vae != recipe.base:
        vae = cache.vae(recipe.vae, storage.fetch(recipe.vae, news.stop_if_cancelled), model)
    if recipe.source is None:
        return Given(vae, refiner)
    source = preprocessing.opened(storage.picture(recipe.source.picture))
    mask = preprocessing.opened_mask(storage.picture(recipe.source.mask)) if recipe.source.mask else None
    return Given(vae, refiner, source, mask)


def _edits(use: Use, whole: Edit) -> list[Edit]:
    """The adapter at its weight; two edits where the text encoder's differs from the rest's."""
    from workers.engine.edits import OfPart
    from workers.plugins import Edit

    try:
        whole = whole.by_blocks(blocks.checked(use.blocks))
    except ValueError as error:
        raise Refusal("blocks", str(error)) from error
    edit = whole.at(use.weight)
    if edit.steers:
        return [_reading(edit, use)]
    # The word is the user's choice; a file's own name for it comes second, the adapter's title last.
    if edit.words() and (word := use.token or next(iter(edit.words()), "") or use.name):
        edit = edit.called(word)
    if use.text_weight in (None, use.weight) or (edit.words() and not edit.words_optional):
        return [edit]
    if type(edit).context is not Edit.context:  # it rewrites what attention reads, and has no text side to weigh
        return [edit]
    return [OfPart(edit, text=False), OfPart(whole.at(use.text_weight or 0.0), text=True)]


def _reading(edit: Edit, use: Use) -> Edit:
    """The adapter with the picture that it is to read."""
    from workers import preprocessing

    if use.hint is None:
        raise Refusal("hint-missing", f"{use.name or 'A ControlNet'} has no picture to read.")
    return edit.reading(use.hint, preprocessing.opened(storage.picture(use.hint.picture)))


def _stored(pixels: np.ndarray, recipe: Recipe) -> Drawn:
    from workers.engine import png
    from workers.files import blurhash

    encoded = png.encoded(pixels, recipe)
    return Drawn(
        sha256=storage.put_picture(encoded),
        width=pixels.shape[1],
        height=pixels.shape[0],
        seed=recipe.seed,
        bytes=len(encoded),
        blurhash=blurhash.of_pixels(pixels),
    )


def _sheet(asked: Generate, cells: Sequence[plots.Cell], pixels: Sequence[np.ndarray]) -> Drawn:
    """The plot's contact sheet, stored; its recipe is the one that the plot starts from."""
    import numpy as np

    from workers import sheet

    pictures = {cell.place: picture for cell, picture in zip(cells, pixels, strict=True)}
    drawn = np.asarray(sheet.drawn(list(asked.plot), pictures))
    stored = _stored(drawn, asked.recipe)
    return replace(stored, width=drawn.shape[1], height=drawn.shape[0])


def _failed(asked: Generate, code: str, sentence: str, *, retry: bool = False) -> Failed:
    return Failed(id=asked.generation_id, attempt=asked.attempt, code=code, sentence=sentence, retry=retry)


def _forget() -> None:
    """Give back what is kept warm, so that the next job finds room."""
    import torch

    from workers.engine import cache

    cache.bases.clear()
    for kept in (cache.adapters, cache.controls, cache.vaes):
        kept.clear()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
