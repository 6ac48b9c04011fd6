"""*Draw 0.65* on a version's strip."""

import pytest

from hub.tryit import actions
from hub.tryit.models import Generation
from tests.hub.tryit import world


@pytest.fixture
def strip(linocut, finish):
    strip = actions.preview_request(version=linocut)
    for generation in Generation.objects.all():
        finish(generation)
    return strip


def address(version):
    return f"/model-versions/{version.pk}/strip/draw"


def test_it_works(client, bob, linocut, strip, finish):
    client.force_login(bob)
    answer = client.post(address(linocut), {"board": "1", "weight": "0.65"})
    assert answer.url == f"/model-versions/{linocut.pk}/strip?board=1&weight=0.65"
    generation = Generation.objects.get(owner=bob)
    assert generation.recipe["uses"][0]["weight"] == 0.65
    assert "Being drawn" in client.get(answer.url).content.decode()
    finish(generation)
    page = client.get(answer.url).content.decode()
    assert "0.65" in page
    assert "Being drawn" not in page
    assert strip.frames.get(position=1, weight=0.65).picture.visible


def test_what_is_drawn_is_not_drawn_again(client, bob, linocut, strip):
    client.force_login(bob)
    client.post(address(linocut), {"board": "0", "weight": "0.8"})
    assert not Generation.objects.filter(owner=bob).exists()


def test_a_failed_one_is_drawn_again(client, bob, linocut, strip):
    frame = strip.frames.get(position=0, weight=1.0)
    Generation.objects.filter(pk=frame.generation_id).update(status="failed")
    frame.picture.delete()
    client.force_login(bob)
    client.post(address(linocut), {"board": "0", "weight": "1.0"})
    assert Generation.objects.get(owner=bob).status == "queued"


@pytest.mark.parametrize(
    "data",
    [{"board": "0", "weight": "11"}, {"board": "0", "weight": "x"}, {"board": "x"}, {"board": "0", "weight": "nan"}],
)
def test_bad_weights_are_refused(client, bob, linocut, strip, data):
    client.force_login(bob)
    assert client.post(address(linocut), data).status_code == 400


def test_a_prompt_that_is_not_on_the_board(client, bob, linocut, strip):
    client.force_login(bob)
    assert client.post(address(linocut), {"board": "99", "weight": "0.5"}).status_code == 404


def test_limits_count(client, bob, linocut, strip, settings):
    settings.GENERATIONS_PER_DAY = 0
    client.force_login(bob)
    assert client.post(address(linocut), {"board": "0", "weight": "0.65"}).status_code == 429


def test_signed_out_goes_to_sign_in(client, linocut, strip):
    assert client.post(address(linocut), {"board": "0", "weight": "0.65"}).status_code == 302
    assert not Generation.objects.filter(status="queued").exists()


def test_a_draft_of_another_is_not_there(client, alice, charlie, nano):
    draft = world.version(alice, "Secret", published=False)
    actions.preview_request(version=draft)
    client.force_login(charlie)
    assert client.post(address(draft), {"board": "0", "weight": "0.65"}).status_code == 404
