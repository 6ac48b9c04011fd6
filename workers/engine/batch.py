"""The engine: one thread that owns the device. Tasks hand it pictures and wait; it draws them in shared calls.

At every step it takes the picture that came first, and those that may share its call: pictures of the same base and
size. Rows of one stack go through the base with that stack merged into its weights, where it stays until another is
needed. Rows of different stacks go through it together, each stack's share beside the base's layers (`bypass`), where
that costs less than one stack after the other; what costs less is measured here (`costs`). Rows join and leave between
steps, and share nothing but the call: a row draws what it would draw alone.
"""

from __future__ import annotations

import itertools
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from workers import settings
from workers.engine import cache, device, hands, memory
from workers.engine.bypass import Plan, Share, beside, clipped, planned, rewriting
from workers.engine.costs import Costs, Way
from workers.engine.draw import row_of
from workers.engine.edits import UNET, put_on, take_off
from workers.engine.model import Model
from workers.engine.rows import Call, Cancelled, Row, Watch, lines_of_one, said_by_unet
from workers.engine.source import Given
from workers.messages import Recipe
from workers.once import once
from workers.plugins import Edit

log = logging.getLogger(__name__)

MERGED, BESIDE = "merged", "beside"
PLANS_KEPT = 4
MOST_ROWS = 8
SAVE_EVERY = 60.0  # seconds


@dataclass(frozen=True)
class Asked:
    """A picture that somebody waits for."""

    model: Model
    recipe: Recipe
    edits: Sequence[Edit]
    watch: Watch
    given: Given
    picture: Future[np.ndarray]


class Engine:
    """Draws what is asked of it, in a thread of its own that starts with the first picture."""

    def __init__(self, costs: Costs | None = None, rows: int = MOST_ROWS) -> None:
        self.costs = costs or Costs()
        self.most = rows
        self.rows: dict[int, tuple[Row, Future[np.ndarray]]] = {}
        self.calls = 0  # of the UNet, since the start
        self._arriving: queue.SimpleQueue[Asked | Callable[[], None]] = queue.SimpleQueue()
        self._plans: dict[tuple[Hashable, ...], list[tuple[Plan, list[Share]]]] = {}
        self._thread: threading.Thread | None = None
        self._start = threading.Lock()
        self._saved = time.monotonic()

    def draw(self, model: Model, recipe: Recipe, edits: Sequence[Edit], watch: Watch | None = None) -> np.ndarray:
        """The picture that ``recipe`` describes, uint8 [height, width, 3]; as `workers.engine.draw.draw`."""
        return self.ask(model, recipe, edits, watch).result()

    def ask(
        self,
        model: Model,
        recipe: Recipe,
        edits: Sequence[Edit],
        watch: Watch | None = None,
        given: Given | None = None,
    ) -> Future[np.ndarray]:
        """The picture to come. Its exception is a ``Refusal`` for what cannot be drawn as asked, or `Cancelled`."""
        asked = Asked(model, recipe, edits, watch or Watch(), given or Given(), Future())
        self._put(asked)
        return asked.picture

    def bare(self, model: Model) -> None:
        """Wait until no stack is merged into ``model``: then its weights are the file's."""
        done: Future[None] = Future()

        def undress() -> None:
            undressed(model)
            done.set_result(None)

        self._put(undress)
        done.result()

    def forget(self, model: Model) -> None:
        """Let go of what is kept for ``model``, in the engine's own time: its base is dropped."""

        def let_go() -> None:
            undressed(model)
            model.stacks.clear()
            self._plans = {key: plans for key, plans in self._plans.items() if key[0] != model.key}

        self._put(let_go)

    def _put(self, item: Asked | Callable[[], None]) -> None:
        self._arriving.put(item)
        with self._start:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        with torch.inference_mode():
            while True:
                self._take()
                try:
                    self._tick()
                except Exception as error:  # a defect: those who wait must hear of it
                    log.exception("the engine broke")
                    self._give_up([row for row, _ in self.rows.values()], error)

    def _take(self) -> None:
        """Let in who has arrived; with nothing to draw, wait for somebody."""
        while True:
            try:
                item = self._arriving.get(block=not self.rows)
            except queue.Empty:
                return
            if isinstance(item, Asked):
                self._let_in(item)
            else:
                item()

    def _let_in(self, asked: Asked) -> None:
        try:
            for model in filter(None, (asked.model, asked.given.refiner)):
                memory.room_for(model, asked.recipe, lines=2)
            row = row_of(asked.model, asked.recipe, asked.edits, asked.watch, asked.given)
            self.rows[row.number] = row, asked.picture
        except Exception as error:
            asked.picture.set_exception(error)

    def _tick(self) -> None:
        """One step of the row that came first and of those that go with it."""
        if not self.rows:
            return
        first, _ = self.rows[min(self.rows)]
        together, calls = [], []
        for row in self._company(first):
            try:
                asked = row.calls()
            except Cancelled as cancelled:
                self._give_up([row], cancelled)
                continue
            together.append(row)
            calls.append(asked)
        if not together:
            return
        try:
            said = iter(self._said(together, calls))
        except Exception as error:
            if is_out_of_memory(error) and len(together) > 1:
                self.most = max(1, len(together) // 2)
                log.warning("out of memory with %s rows: %s from now on", len(together), self.most)
            else:
                self._give_up(together, error)
            return
        finished: list[Row] = []
        for row, asked in zip(together, calls, strict=True):
            answers = [next(said) for _ in asked]
            try:
                row.answer(answers)
                if row.latents is not None:
                    finished.append(row)
            except Exception as error:
                self._give_up([row], error)
        self._finish(finished)
        if time.monotonic() - self._saved > SAVE_EVERY:
            self._saved = time.monotonic()
            self.costs.save()

    def _finish(self, rows: Sequence[Row]) -> None:
        """Decode the pictures of ``rows``: each by itself, so that its bytes are its own; one hand, one picture."""
        if not rows:
            return
        model, recipe = rows[0].model, rows[0].recipe
        room = (memory.free(model.device) - memory.SPARE) // memory.of_decoding(model, recipe.height, recipe.width)
        count = max(1, min(hands.count_for(model.bytes), room))
        for some in (rows[start : start + count] for start in range(0, len(rows), count)):
            for row, made in zip(some, hands.each([partial(_decoded, row) for row in some]), strict=True):
                if isinstance(made, Exception):
                    self._give_up([row], made)
                else:
                    self.rows.pop(row.number)[1].set_result(made)

    def _give_up(self, rows: Sequence[Row], error: BaseException) -> None:
        for row in rows:
            _, picture = self.rows.pop(row.number, (None, None))
            if picture is not None and not picture.done():
                picture.set_exception(error)

    def _company(self, first: Row) -> list[Row]:
        """Those that share the next call with ``first``, sorted so that rows of one stack are neighbours."""
        if first.alone:
            return [first]
        alike = [row for row, _ in self.rows.values() if row.model is first.model and row.shape == first.shape]
        alike = sorted((row for row in alike if not row.alone), key=lambda row: row.number)
        most = self.most
        if len(alike) > 1 < most:
            most = min(
                most,
                memory.rows_for(first.model, first.recipe.height, first.recipe.width, max(row.lines for row in alike)),
            )
        same = [row for row in alike if row.key == first.key][:most]
        # Contexts of several lengths go through the UNet one length after the other: then nothing would be shared.
        mixed = (
            [row for row in alike if row.rides and row.plan.lengths == first.plan.lengths][:most] if first.rides else []
        )
        stacks: dict[Hashable, list[Row]] = {}
        for row in mixed:
            stacks.setdefault(row.key, []).append(row)
        if len(stacks) < 2 or not self._pays(first, stacks):
            return same
        # Those of no stack come first: then the others' lines are one block.
        return [row for key in sorted(stacks, key=lambda key: (key != (), stacks[key][0].place)) for row in stacks[key]]

    def _pays(self, first: Row, stacks: dict[Hashable, list[Row]]) -> bool:
        """Whether one call for all costs less than one after the other, as far as is known; else it is found out."""
        lines = {key: sum(row.lines for row in rows) for key, rows in stacks.items()}
        together = self.costs.seconds(_way(first, BESIDE, sum(lines.values())))
        if together is None:
            return True
        alone = [self.costs.seconds(_way(first, MERGED, count)) for count in lines.values()]
        known = [seconds for seconds in alone if seconds is not None]
        if len(known) < len(alone):
            return self.costs.seconds(_way(first, MERGED, lines[first.key])) is not None
        if self.costs.look_again(*sorted((together, sum(known)))):
            return together > sum(known)
        return together <= sum(known)

    def _said(self, rows: Sequence[Row], calls: Sequence[Sequence[Call]]) -> Sequence[torch.Tensor]:
        model, flat = rows[0].model, [call for asked in calls for call in asked]
        shares = _shares(rows, calls)
        mode = BESIDE if len({row.key for row in rows}) > 1 else MERGED
        cuts = _cuts(len(flat), hands.count_for(model.bytes))
        with ExitStack() as around:
            if mode == BESIDE:
                undressed(model)
                around.enter_context(beside(model, self._plans_for(rows, shares, flat, cuts)))
            else:
                dressed(model, rows[0])
            device.set_threads(model.bytes)
            _wait_for(model)
            began = time.perf_counter()
            said = said_by_unet(model, flat, cuts)
            _wait_for(model)
            if not any(call.steered for call in flat):  # a ControlNet's share is no measure of the base
                self.costs.note(_way(rows[0], mode, len(flat)), time.perf_counter() - began)
            self.calls += 1
        return said

    def _plans_for(
        self, rows: Sequence[Row], shares: Sequence[Share], calls: Sequence[Call], cuts: Sequence[int]
    ) -> list[tuple[Plan, list[Share]]]:
        """Each hand's plan and shares; kept while the same stacks ride together."""
        model = rows[0].model
        stacks = tuple((row.key, share.start, share.end) for row, share in zip(_firsts(rows), shares, strict=True))
        ends = list(itertools.pairwise((0, *cuts, len(calls))))
        plain = not any(rewriting(share.edits) for share in shares)
        alike = tuple(lines_of_one(model, calls[start:end]) if plain else 1 for start, end in ends)
        key = (model.key, stacks, tuple(cuts), alike)
        if key not in self._plans:
            mine = [[share for share in clipped(shares, *end) if share.edits] for end in ends]
            self._plans[key] = [(planned(model, part, one), part) for part, one in zip(mine, alike, strict=True)]
            while len(self._plans) > PLANS_KEPT:
                self._plans.pop(next(iter(self._plans)))
        return self._plans[key]


def dressed(model: Model, row: Row) -> None:
    """Merge ``row``'s stack into ``model``'s UNet and leave it there; nothing is done where it is there already.

    Raises ``Refusal`` where it does not fit.
    """
    if model.worn is not None and model.worn.key == row.key:
        return
    worn, model.worn = model.worn, None
    model.worn = put_on(model, row.stack, UNET, over=worn)
    model.worn.key = row.key


def undressed(model: Model) -> None:
    """Take out of ``model``'s UNet what is merged into it."""
    worn, model.worn = model.worn, None
    if worn is not None:
        take_off(model, worn)


def _decoded(row: Row) -> np.ndarray | Exception:
    """The picture, or why there is none."""
    try:
        return row.picture()
    except Exception as error:
        return error


def _way(row: Row, mode: str, lines: int) -> Way:
    return Way(row.model.name, "×".join(map(str, row.shape[1:])), mode, lines)


def _firsts(rows: Sequence[Row]) -> list[Row]:
    return [row for number, row in enumerate(rows) if number == 0 or rows[number - 1].key != row.key]


def _shares(rows: Sequence[Row], calls: Sequence[Sequence[Call]]) -> list[Share]:
    """Which lines of the call each stack has; rows of one stack are neighbours."""
    shares: list[Share] = []
    line = 0
    for number, (row, asked) in enumerate(zip(rows, calls, strict=True)):
        if number and rows[number - 1].key == row.key:
            shares[-1] = Share(row.stack, shares[-1].start, line + len(asked))
        else:
            shares.append(Share(row.stack, line, line + len(asked)))
        line += len(asked)
    return shares


def _cuts(lines: int, hands: int) -> list[int]:
    """Where the lines are cut for so many hands."""
    return [lines * n // min(hands, lines) for n in range(1, min(hands, lines))]


def _wait_for(model: Model) -> None:
    """A GPU computes on while Python goes ahead; a stopwatch has to wait for it."""
    if model.device.type == "cuda":
        torch.cuda.synchronize(model.device)


def is_out_of_memory(error: BaseException) -> bool:
    """torch says so by a class on CUDA and by a RuntimeError's words on the CPU."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and "not enough memory" in str(error))
    )


@once
def engine() -> Engine:
    """This process' engine: the only one, since two would change one base's weights at once."""
    device_name = torch.cuda.get_device_name() if torch.cuda.is_available() else f"cpu-{os.cpu_count()}"
    path = settings.CACHE_DIR / f"costs-{''.join(c if c.isalnum() else '-' for c in device_name)}.json"
    made = Engine(Costs(path), settings.ROWS)
    cache.bases.dropped = made.forget
    return made
