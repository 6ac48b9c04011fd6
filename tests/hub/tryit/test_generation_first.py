"""First in one's own line: never ahead of what other people wait for, in the line that workers really take from."""

import pytest
from msgspec.structs import replace

from hub import queue
from hub.errors import NotFound
from hub.tryit import actions
from hub.tryit.actions import TooLate
from hub.tryit.queries import generation_view
from tests.hub.tryit.test_generation_create import form
from workers.messages import GENERATE, WORKER_ALIVE


@pytest.fixture
def asked(recipe, committed):
    """Put a picture of somebody in line; its prompt is its name."""

    def ask(owner, name, **more):
        with committed():
            wanted = replace(recipe, prompt=name, steps=more.pop("steps", 20))
            return actions.generation_create(owner=owner, recipe=wanted, **more)

    return ask


def line():
    """Prompts in the order in which a worker will take them."""
    import base64
    import json

    bodies = [json.loads(base64.b64decode(json.loads(one)["body"])) for one in queue.cache().lrange(GENERATE, 0, -1)]
    return [body[0][0]["recipe"]["prompt"] for body in reversed(bodies)]


def first(generation, by, committed):
    with committed():
        actions.generation_first(generation=generation, by=by)


def test_it_works(client, alice, bob, asked, committed):
    one, _his, two, three = asked(alice, "a1"), asked(bob, "b1"), asked(alice, "a2"), asked(alice, "a3")
    queue.cache().set(WORKER_ALIVE.format(queue=GENERATE, host="here"), 1, ex=60)
    client.force_login(alice)
    assert "Draw it before my others" in client.get(f"/try/{three.pk}").content.decode()
    with committed():
        assert client.post(f"/try/{three.pk}/first").status_code == 302
    assert line() == ["a3", "b1", "a1", "a2"]  # his is second as before
    places = []
    for generation in (three, one, two):
        generation.refresh_from_db()
        places.append(generation_view(generation).place)
    assert places == [1, 3, 4]
    assert "Draw it before my others" not in client.get(f"/try/{three.pk}").content.decode()


def test_a_new_one_goes_first_at_once(client, alice, nano, linocut, asked, committed):
    asked(alice, "a1"), asked(alice, "a2")
    client.force_login(alice)
    with committed():
        client.post("/try", form(nano, linocut, prompt="a3", do="draw:first"))
    assert line() == ["a3", "a1", "a2"]


def test_what_is_longer_takes_no_place_before_other_people(alice, bob, asked, committed):
    asked(alice, "short"), asked(bob, "b1"), asked(alice, "long", count=4), asked(bob, "b2")
    first(asked(alice, "middling", count=2), alice, committed)
    assert line() == ["b1", "middling", "short", "b2", "long"]
    first(asked(alice, "longest", steps=60, count=4), alice, committed)
    assert line() == ["b1", "b2", "longest", "middling", "short", "long"]


def test_lines_of_the_workers_own_count(recipe, alice, asked, committed):
    import msgspec

    from workers.messages import WORKER_HOLDS, own_queue

    asked(alice, "a1")
    for host, bases in {"one": [recipe.base], "other": []}.items():
        queue.cache().set(WORKER_HOLDS.format(host=host), msgspec.json.encode(bases), ex=30)
    try:
        generation = asked(alice, "a2")
        assert queue.cache().llen(own_queue("one")) == 1
        first(generation, alice, committed)
        assert line() == ["a2"]
        assert queue.cache().lindex(own_queue("one"), 0) != b""
    finally:
        queue.cache().delete(own_queue("one"))


def test_twice_and_alone_change_nothing(alice, asked, committed):
    generation = asked(alice, "a1")
    first(generation, alice, committed)
    asked(alice, "a2")
    first(generation, alice, committed)
    assert line() == ["a1", "a2"]


def test_what_a_worker_has_taken_stays_out_of_it(alice, asked, committed):
    asked(alice, "a1"), asked(alice, "a2")
    generation = asked(alice, "a3")
    queue.cache().rpop(GENERATE)  # a worker took the first
    first(generation, alice, committed)
    assert line() == ["a3", "a2"]


def test_begun_is_too_late(client, alice, asked, news):
    generation = asked(alice, "a1")
    news(generation)
    actions.sweep()
    generation.refresh_from_db()
    with pytest.raises(TooLate):
        actions.generation_first(generation=generation, by=alice)
    client.force_login(alice)
    assert client.post(f"/try/{generation.pk}/first").status_code == 302  # the page shows what it has become


def test_what_a_worker_has_at_hand_is_not_offered(client, alice, asked, committed, news):
    one, two, three = asked(alice, "a1"), asked(alice, "a2"), asked(alice, "a3")
    client.force_login(alice)

    def offered(generation):
        page = client.get(f"/try/{generation.pk}").content.decode()
        polled = client.get(f"/try/{generation.pk}", HTTP_HX_REQUEST="true", HTTP_HX_TARGET="poll").content.decode()
        shown = "Draw it before my others" in page
        assert ('id="before" hx-swap-oob="true"' in polled) is not shown, "what is untrue goes"
        return shown

    assert offered(two)
    assert offered(three)
    news(two, stage="waiting")  # the worker is at another yet
    assert not offered(two)
    answer = client.post(f"/try/{two.pk}/first", follow=True).content.decode()
    assert "It is too late to put it first: a worker has it already" in answer
    assert line() == ["a1", "a2", "a3"]
    assert offered(three), "a1 waits before it"
    news(one, stage="loading")
    assert not offered(three), "nothing of hers that it could be put before"
    news(one, stage="loading", attempt=9)
    assert offered(three), "news of another try"


def test_taken_and_not_yet_said_so(client, alice, asked):
    asked(alice, "a1")
    generation = asked(alice, "a2")
    queue.cache().delete(GENERATE)
    client.force_login(alice)
    assert "It is too late to put it first" in client.post(f"/try/{generation.pk}/first", follow=True).content.decode()


def test_charlie_cannot(client, alice, charlie, asked):
    generation = asked(alice, "a1")
    client.force_login(charlie)
    assert client.post(f"/try/{generation.pk}/first").status_code == 404
    with pytest.raises(NotFound):
        actions.generation_first(generation=generation, by=charlie)
