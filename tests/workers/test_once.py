"""`once`: many threads ask at the same moment, and one thing is made."""

import threading
import time

import pytest

from workers.once import once


def test_it_works():
    made = []

    @once
    def thing():
        time.sleep(0.05)  # long enough for all of them to ask
        made.append(object())
        return made[-1]

    got = []
    threads = [threading.Thread(target=lambda: got.append(thing())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert got == made * 8


def test_after_an_exception_the_next_tries_again():
    tries = []

    @once
    def thing():
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("not yet")
        return "made"

    with pytest.raises(ValueError, match="not yet"):
        thing()
    assert thing() == thing() == "made"
    assert len(tries) == 2


def test_it_can_be_made_anew():
    thing = once(lambda: object())
    first = thing()
    thing.cache_clear()
    assert thing() is not first
