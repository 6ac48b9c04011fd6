"""A picture goes to a worker that has its base open, where several draw; and never waits for one that is gone."""

import msgspec
import pytest
from msgspec.structs import replace

from hub import queue
from hub.tryit import actions
from hub.tryit.models import Generation
from workers.messages import GENERATE, WORKER_HOLDS, own_queue

ONE, OTHER = "generate@one", "generate@other"


@pytest.fixture
def drawing():
    """Say that these workers draw, with these bases open."""

    def say(**open_at):
        for name, bases in open_at.items():
            queue.cache().set(WORKER_HOLDS.format(host=f"generate@{name}"), msgspec.json.encode(bases), ex=30)

    yield say
    for host in (ONE, OTHER):
        queue.cache().delete(own_queue(host))


@pytest.fixture
def asked(alice, recipe, committed):
    seeds = iter(range(100))

    def ask():
        with committed():
            return actions.generation_create(owner=alice, recipe=replace(recipe, seed=next(seeds)))

    return ask


def lengths():
    return [int(queue.cache().llen(line)) for line in (GENERATE, own_queue(ONE), own_queue(OTHER))]


def test_it_works(recipe, drawing, asked):
    drawing(one=["0" * 64], other=[recipe.base])
    asked()
    assert lengths() == [0, 0, 1]
    assert queue.waiting(GENERATE) == 1


def test_the_shorter_line_of_two(recipe, drawing, asked):
    drawing(one=[recipe.base], other=[recipe.base])
    asked(), asked()
    assert lengths() == [0, 1, 1]


def test_a_base_that_nobody_has_open_is_everybodys(drawing, asked):
    drawing(one=[], other=["0" * 64])
    asked()
    assert lengths() == [1, 0, 0]


def test_a_worker_alone_needs_no_line_of_its_own(recipe, drawing, asked):
    drawing(one=[recipe.base])
    asked()
    assert lengths() == [1, 0, 0]


def test_a_long_line_is_left_alone(recipe, drawing, asked, settings):
    settings.GENERATIONS_WAITING = 10
    drawing(one=[recipe.base], other=[])
    for _ in range(queue.LONG + 1):
        asked()
    assert lengths() == [1, queue.LONG, 0]


def test_a_worker_that_is_gone_strands_nobody(recipe, drawing, asked, committed):
    drawing(one=[recipe.base], other=[])
    generation = asked()
    queue.cache().delete(WORKER_HOLDS.format(host=ONE))
    assert queue.waiting(GENERATE) == 0  # its line is nobody's any more
    with committed():
        assert actions._start_over(generation, "")
    assert lengths() == [1, 1, 0]
    assert Generation.objects.get().attempt == 2
