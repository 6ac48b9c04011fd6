"""Rows that share a call draw what they would draw alone, whatever rides beside them."""

import threading
import time

import pytest
import torch

from tests.workers import small
from tests.workers.engine.test_draw import recipe
from tests.workers.engine.test_edits import READ, digest
from workers import unet
from workers.adapters import ADAPTERS
from workers.engine import bypass, hands
from workers.engine.batch import BESIDE, MERGED, Engine, undressed
from workers.engine.costs import Costs, Way
from workers.engine.draw import row_of
from workers.engine.edits import UNET, applied, put_on
from workers.engine.rows import Cancelled, Watch, lines_of_one, said_by_unet
from workers.errors import Refusal
from workers.plugins import Edit
from workers.samplers import SAMPLERS

LORA, NET = READ["lora"], READ["hypernetwork"]
SECOND = lambda: ADAPTERS["lora"].read(small.lora(8, parts=("unet",), scale=0.2), {})  # noqa: E731


class Exact(Edit):
    """The LoRA without its low-rank form, as kinds that have none."""

    def __init__(self):
        self.inner = LORA()

    def fit(self, modules):
        return self.inner.fit(modules)

    def delta(self, module, weight):
        return self.inner.at(self.weight).delta(module, weight)


def together(model, rows):
    """The rows' latents, drawn in shared calls as the engine makes them, whatever that costs."""
    engine = Engine()
    engine._pays = lambda *_: True
    engine.rows = {row.number: (row, None) for row in rows}
    while waiting := [row for row in rows if row.latents is None]:
        company = engine._company(waiting[0])
        calls = [row.calls() for row in company]
        said = iter(engine._said(company, calls))
        for row, asked in zip(company, calls, strict=True):
            row.answer([next(said) for _ in asked])
        engine.rows = {row.number: (row, None) for row in rows if row.latents is None}
    undressed(model)
    return [row.latents for row in rows], engine.calls


def alone(model, row):
    with applied(model, row.stack, UNET):
        while row.latents is None:
            row.answer(said_by_unet(model, row.calls()))
    return row.latents


def row(model, edits, watch=None, **changes):
    with torch.inference_mode():
        return row_of(model, recipe(**changes), edits, watch)


STACKS = {
    "none": lambda: [],
    "lora": lambda: [LORA().at(0.3)],
    "two": lambda: [LORA().at(0.2), SECOND().at(0.4)],
    "net": lambda: [NET().at(0.5)],
    "exact": lambda: [Exact().at(0.25)],
    "all": lambda: [SECOND().at(0.3), NET().at(0.3), Exact().at(0.1)],
}


@torch.inference_mode()
@pytest.mark.parametrize("count", [1, 2])
def test_different_stacks_share_every_call_and_draw_what_they_draw_alone(model, monkeypatch, count):
    """By one hand, with factors beside the base's layers, and by two, with each stack's own weights."""
    monkeypatch.setattr(hands, "count_for", lambda _: count)
    before = digest(model)
    made = lambda: [row(model, stack(), seed=n, cfg=2.0 + n) for n, stack in enumerate(STACKS.values())]  # noqa: E731
    shared, calls = together(model, made())
    assert calls == 3  # one a step
    for mine, other in zip(shared, made(), strict=True):
        theirs = alone(model, other)
        assert (mine - theirs).abs().max() <= 1e-5 * theirs.abs().max()
    assert digest(model) == before


@torch.inference_mode()
@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_no_sampler_minds_company(model, sampler):
    made = lambda: [  # noqa: E731
        row(model, STACKS["lora"](), sampler=sampler, seed=5, steps=4),
        row(model, [], sampler="Euler a", seed=6, cfg=1.0, steps=2),
        row(model, STACKS["two"](), sampler="DPM++ SDE", seed=7, steps=3, prompt="dog"),
    ]
    shared, _ = together(model, made())
    for mine, other in zip(shared, made(), strict=True):
        # DPM adaptive's steps are as long as its error lets them be, and rounding moves them: it shares no call.
        theirs = together(model, [other])[0][0] if other.alone else alone(model, other)
        assert (mine - theirs).abs().max() <= 1e-5 * theirs.abs().max()


@torch.inference_mode()
def test_long_and_short_prompts_and_sizes_are_not_mixed_up(model):
    made = lambda: [  # noqa: E731
        row(model, STACKS["lora"](), prompt="cat " * 90),
        row(model, STACKS["two"](), prompt="cat"),
        row(model, STACKS["two"](), prompt="cat", width=128),
    ]
    shared, _ = together(model, made())
    for mine, other in zip(shared, made(), strict=True):
        theirs = alone(model, other)
        assert (mine - theirs).abs().max() <= 1e-5 * theirs.abs().max()


@torch.inference_mode()
def test_large_calls_whose_gates_are_computed_by_halves_draw_the_same(model, monkeypatch):
    monkeypatch.setattr(unet, "LARGE", 1)
    steps = bypass.SETTLED + 2  # some calls before the stacks count as settled, and some after
    made = lambda: [row(model, STACKS[name](), steps=steps) for name in ("lora", "two", "exact", "none")]  # noqa: E731
    shared, calls = together(model, made())
    assert calls == steps
    for mine, other in zip(shared, made(), strict=True):
        theirs = alone(model, other)
        assert (mine - theirs).abs().max() <= 1e-5 * theirs.abs().max()


@torch.inference_mode()
@pytest.mark.parametrize("count", [1, 2])
def test_a_picture_s_two_lines_begin_as_one_whoever_rides_along(model, monkeypatch, count):
    monkeypatch.setattr(hands, "count_for", lambda _: count)
    made = lambda: [row(model, STACKS[name](), seed=n) for n, name in enumerate(("lora", "exact", "none", "two"))]  # noqa: E731
    assert lines_of_one(model, [call for one in made() for call in one.calls()]) == 2
    shared, _ = together(model, made())
    monkeypatch.setattr(unet, "beginning", lambda _: ())
    for mine, other in zip(shared, made(), strict=True):
        theirs = alone(model, other)
        assert (mine - theirs).abs().max() <= 1e-5 * theirs.abs().max()


@torch.inference_mode()
@pytest.mark.parametrize("cfg", [1.0, 4.0])
def test_a_text_that_changes_on_the_way_is_read_anew(model, monkeypatch, cfg):
    monkeypatch.setattr(hands, "count_for", lambda _: 2)
    asked = {"[cat:dog:0.5]": "two", "cat": "lora", "[red|blue] cat": "lora"}
    made = lambda: [row(model, STACKS[name](), prompt=words, cfg=cfg, steps=4) for words, name in asked.items()]  # noqa: E731
    shared, calls = together(model, made())
    assert calls == 4
    for mine, other in zip(shared, made(), strict=True):
        theirs = alone(model, other)
        assert (mine - theirs).abs().max() <= 1e-5 * theirs.abs().max()


@torch.inference_mode()
def test_pictures_with_one_text_and_with_two_do_not_begin_as_one(model):
    guided, plain = row(model, [], cfg=5.0), row(model, [], cfg=1.0)
    assert lines_of_one(model, guided.calls()) == 2
    assert lines_of_one(model, plain.calls()) == 1
    assert lines_of_one(model, [*guided.calls(), *plain.calls()]) == 1
    assert lines_of_one(model, [*guided.calls()[1:], *row(model, [], cfg=5.0).calls()]) == 1


def test_it_works(model):
    """Pictures asked for at once, by several threads, come out as when asked for one after the other."""
    before, engine = digest(model), Engine()
    asked = [(recipe(seed=n, steps=2 + n % 3), stack()) for n, stack in enumerate(STACKS.values())]
    one_by_one = [engine.draw(model, wanted, edits) for wanted, edits in asked]
    at_once = [engine.ask(model, wanted, edits) for wanted, edits in asked]
    for picture, future in zip(one_by_one, at_once, strict=True):
        assert abs(picture.astype(int) - future.result().astype(int)).max() <= 1
    engine.bare(model)
    assert digest(model) == before


def test_a_stack_stays_until_another_is_needed(model, monkeypatch):
    engine, merges = Engine(), []
    real = put_on
    monkeypatch.setattr("workers.engine.batch.put_on", lambda *given, **more: merges.append(1) or real(*given, **more))
    for weight in (0.3, 0.3, 0.3, 0.1):
        engine.draw(model, recipe(), [LORA().at(weight)])
    assert len(merges) == 4  # each was read anew: its tensors may be others
    edit = LORA()
    edit.key = "as its file names it"
    for weight in (0.3, 0.3, 0.1, 0.1):
        engine.draw(model, recipe(), [edit.at(weight)])
    assert len(merges) == 6
    engine.bare(model)


def test_a_row_s_trouble_is_its_own(model):
    engine = Engine()
    good = engine.ask(model, recipe(), [])
    refused = engine.ask(model, recipe(steps=0), [])
    misfit = engine.ask(model, recipe(), [LORA().at(1e39)])
    unwanted = engine.ask(model, recipe(), [], Watch(cancelled=lambda: True))
    assert good.result().shape == (64, 64, 3)
    for future, error in ((refused, Refusal), (misfit, Refusal), (unwanted, Cancelled)):
        with pytest.raises(error):
            future.result()
    assert not engine.rows


def test_a_defect_is_told_and_the_engine_goes_on(model, monkeypatch):
    engine = Engine()
    with monkeypatch.context() as patched:
        patched.setattr(engine, "_company", lambda first: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            engine.draw(model, recipe(), [])
    assert engine.draw(model, recipe(), []).shape == (64, 64, 3)


def test_less_memory_than_thought_makes_calls_smaller(model, monkeypatch):
    engine, real = Engine(), said_by_unet
    sizes = []

    def scarce(model, calls, cuts):
        sizes.append(len(calls))
        if len(calls) > 2:
            raise MemoryError
        return real(model, calls, cuts)

    monkeypatch.setattr("workers.engine.batch.said_by_unet", scarce)
    gate = threading.Event()
    engine._put(gate.wait)
    asked = [engine.ask(model, recipe(seed=n), []) for n in range(4)]
    gate.set()
    assert all(future.result().shape == (64, 64, 3) for future in asked)
    assert sizes[0] == 8
    assert engine.most == 1


def test_rows_join_between_steps(model):
    engine, joined = Engine(), []
    first = engine.ask(model, recipe(steps=30), [])
    while not engine.rows:
        time.sleep(0.001)
    second = engine.ask(model, recipe(steps=2, seed=9), [], Watch(step=lambda *_: joined.append(first.done())))
    second.result()
    assert joined == [False, False]
    assert first.result().shape == (64, 64, 3)


def test_what_steers_rides_with_every_stack(model):
    class Steers(Edit):
        steers = True

    assert bypass.can_ride(model, [LORA(), NET(), Exact(), Steers()])


def test_sharing_is_given_up_where_it_costs_more(model):
    engine = Engine()
    rows = [row(model, stack()) for stack in (STACKS["none"], STACKS["lora"])]
    engine.rows = {row.number: (row, None) for row in rows}
    one, both = Way(model.name, "8×8", MERGED, 2), Way(model.name, "8×8", BESIDE, 4)
    for way, seconds in ((one, 0.1), (both, 0.3)):
        for _ in range(2):
            engine.costs.note(way, seconds)
    assert engine._company(rows[0]) == rows[:1]
    for _ in range(9):
        engine.costs.note(both, 0.15)
    assert engine._company(rows[0]) == rows


def test_first_calls_that_lay_things_out_do_not_count_for_all(model):
    costs, way = Costs(), Way(model.name, "8×8", BESIDE, 4)
    for seconds in (0.9, 0.15, 0.7, 0.14):
        costs.note(way, seconds)
    assert costs.seconds(way) == 0.15


def test_costs_are_kept(tmp_path):
    path, way = tmp_path / "costs.json", Way("nano", "8×8", MERGED, 2)
    costs = Costs(path)
    for seconds in (0.3, 0.1, 0.2):
        costs.note(way, seconds)
    costs.save()
    assert Costs(path).seconds(way) == 0.1
    path.write_text("[[1]]")
    assert Costs(path).seconds(way) is None
