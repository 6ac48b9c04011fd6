import os

import pytest

from hub import queue
from workers.messages import INSPECT, INSPECT_LARGE, WORKER_ALIVE

MIB = 1024**2


@pytest.fixture
def a_worker_for_large_files(settings):
    settings.INSPECT_LARGE_BYTES = 64 * MIB
    key = WORKER_ALIVE.format(queue=INSPECT_LARGE, host=f"test-{os.getpid()}")
    queue.cache().set(key, 1, ex=60)
    yield
    queue.cache().delete(key)


def test_it_works(a_worker_for_large_files):
    assert queue.inspection_line(64 * MIB)[0] == INSPECT
    assert queue.inspection_line(64 * MIB + 1)[0] == INSPECT_LARGE


def test_smaller_ones_go_first(a_worker_for_large_files):
    steps = [queue.inspection_line(size * MIB)[1] for size in (1, 4, 5, 64, 65, 128, 129, 9999)]
    assert steps == sorted(steps)
    assert steps[0] < steps[2] < steps[-1] < queue.PRIORITIES[-1], "what is inspected anew goes last"


def test_where_nobody_takes_large_files_all_go_one_way(settings):
    settings.INSPECT_LARGE_BYTES = 1
    if not queue.workers_alive(INSPECT_LARGE):
        assert queue.inspection_line(1000)[0] == INSPECT
