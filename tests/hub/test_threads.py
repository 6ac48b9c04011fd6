"""Threads that wait are not counted: others serve meanwhile, and there are no more of them afterwards than before."""

import threading
import time
from concurrent.futures import wait

import pytest

from hub.threads import Pool, aside


@pytest.fixture
def pool():
    made = Pool(2)
    yield made
    made.shutdown()


def test_it_works(pool):
    assert [pool.submit(lambda n=n: n * 2).result(5) for n in range(50)] == [n * 2 for n in range(50)]


def test_so_many_work_at_once_and_no_more(pool):
    lock, now, most = threading.Lock(), [0], [0]

    def work():
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.01)
        with lock:
            now[0] -= 1

    done, _ = wait([pool.submit(work) for _ in range(20)], 10)
    assert len(done) == 20
    assert most[0] == 2


def test_those_that_wait_leave_their_places(pool):
    go, waiting = threading.Event(), threading.Semaphore(0)

    def waits():
        with aside():
            waiting.release()
            go.wait(10)
        return "woken"

    futures = [pool.submit(waits) for _ in range(30)]
    for _ in futures:
        assert waiting.acquire(timeout=10)
    assert pool.submit(lambda: "served").result(5) == "served"
    go.set()
    assert {future.result(10) for future in futures} == {"woken"}
    until = time.monotonic() + 5
    while pool._threads > 2:
        assert time.monotonic() < until, "threads that are too many end"
        time.sleep(0.01)
    assert pool.submit(lambda: "still").result(5) == "still"


def test_what_breaks_is_told_to_who_asked(pool):
    with pytest.raises(ZeroDivisionError):
        pool.submit(lambda: 1 / 0).result(5)
    assert pool.submit(lambda: 1).result(5) == 1


def test_threads_say_when_they_end():
    ended = []
    pool = Pool(2, lambda: ended.append(1))
    pool.submit(lambda: None).result(5)
    pool.shutdown()
    assert ended
    with pytest.raises(RuntimeError):
        pool.submit(lambda: None)
