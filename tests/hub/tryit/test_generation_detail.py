"""Watching a picture: place in line, steps, latents, the end."""

import pytest
from msgspec.structs import replace

from hub import queue
from hub.tryit import actions
from hub.tryit.models import Generation
from hub.tryit.queries import generation_view
from workers.messages import GENERATE, WORKER_ALIVE


@pytest.fixture
def generation(client, alice, recipe):
    client.force_login(alice)
    return actions.generation_create(owner=alice, recipe=recipe)


@pytest.fixture
def worker(db):
    queue.cache().set(WORKER_ALIVE.format(queue=GENERATE, host="here"), 1, ex=60)


def poll(client, generation):
    return client.get(f"/try/{generation.pk}", headers={"HX-Request": "true", "HX-Target": "poll"})


def test_it_works(client, generation, worker, news, finish):
    assert "Next" in poll(client, generation).content.decode()
    news(generation, step=7, steps=20, preview="aGVsbG8=")
    drawing = poll(client, generation)
    text = drawing.content.decode()
    assert drawing.status_code == 200
    assert "Step 7 of 20" in text
    assert "data:image/png;base64,aGVsbG8=" in text
    assert "Cancel" not in text, "what is under the pointer is never swapped"
    assert 'hx-trigger="every 500ms"' in client.get(f"/try/{generation.pk}").content.decode()
    finish(generation, seconds=1.7)
    end = poll(client, generation)
    assert end.status_code == 286
    assert "Drawn in 1.7 s" in end.content.decode()
    assert "hx-trigger" not in end.content.decode()


def test_the_page_without_scripts_holds_everything(client, generation, finish):
    finish(generation)
    page = client.get(f"/try/{generation.pk}").content.decode()
    for words in ("Keep it", "Same seed, no stack", "PNG", "Earlier", "Steps: 20, Sampler: Euler a"):
        assert words in page


def test_milestones_speak_at_quarters_only(generation, worker, news):
    said = set()
    for step in range(1, 20):
        news(generation, step=step, steps=20)
        said.add(generation_view(generation).milestone)
    assert len(said) == 4


def test_no_worker_is_said(client, generation):
    assert "No worker is running. Your picture waits in line" in poll(client, generation).content.decode()


def test_the_place_in_line_and_the_time(alice, bob, recipe, worker, finish):
    finish(actions.generation_create(owner=bob, recipe=recipe), seconds=2)
    actions.generation_create(owner=bob, recipe=replace(recipe, seed=98))  # another: what was drawn is not drawn again
    mine = actions.generation_create(owner=alice, recipe=replace(recipe, seed=99))
    view = generation_view(mine)
    assert (view.place, view.seconds_left) == (2, 4)
    assert view.sentence == "2nd in line, about 4 s"


def test_what_a_worker_has_at_hand_waits_in_line_still(alice, bob, recipe, worker, finish, news):
    """A worker takes several messages; where they cannot share a step it draws one after the other."""
    finish(actions.generation_create(owner=bob, recipe=recipe), seconds=2)
    first = actions.generation_create(owner=bob, recipe=replace(recipe, seed=97))
    second = actions.generation_create(owner=bob, recipe=replace(recipe, seed=98))
    mine = actions.generation_create(owner=alice, recipe=replace(recipe, seed=99))
    news(first, step=3, steps=20)
    for stage in ("fetching", "loading", "waiting"):
        news(second, stage=stage, steps=20)
        news(mine, stage=stage, steps=20)
        actions.sweep()
    for one in (first, second, mine):
        one.refresh_from_db()
    assert (first.status, second.status, mine.status) == ("running", "queued", "queued")
    assert generation_view(second).sentence == "Next, about 4 s"
    assert generation_view(mine).sentence == "2nd in line, about 6 s"


def test_a_worker_that_starts_says_so(client, generation, worker, news):
    for stage, sentence in {"starting": "A worker is starting", "fetching": "Fetching the files"}.items():
        news(generation, stage=stage)
        assert f"<b>{sentence}</b>" in poll(client, generation).content.decode()


def test_previews_do_not_stand_before_people(alice, linocut, recipe, worker):
    actions.preview_request(version=linocut)
    assert generation_view(actions.generation_create(owner=alice, recipe=recipe)).place == 1


def test_a_failure_is_said_with_a_way_on(client, generation):
    Generation.objects.filter(pk=generation.pk).update(status="failed", error="Out of memory at <1024×1024>.")
    text = poll(client, generation).content.decode()
    assert "Out of memory at &lt;1024×1024&gt;." in text
    assert "Try again" in text
    assert 'role="alert"' in text


def test_charlie_sees_nothing(client, charlie, generation):
    client.force_login(charlie)
    assert client.get(f"/try/{generation.pk}").status_code == 404
    assert poll(client, generation).status_code == 404
    assert client.post(f"/try/{generation.pk}/again").status_code == 404
    assert client.get(f"/try?generation={generation.pk}").status_code == 404


def test_signed_out_goes_to_sign_in(client, generation):
    client.logout()
    assert client.get(f"/try/{generation.pk}").status_code == 302
