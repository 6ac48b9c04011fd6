"""A version's strip, as its model page holds it."""

import pytest

from hub.gallery.models import Frame, Strip
from hub.gallery.queries import strip_view
from hub.gallery.rules import rule_of
from hub.tryit.models import Generation
from tests.hub.tryit import world


@pytest.fixture
def strip(nano, linocut, draw):
    strip = Strip.objects.create(version=linocut, base_version=nano)
    for weight in (0, 0.5, 0.8, 1.0):
        picture = draw(None, visible=True, salt=str(weight))
        Frame.objects.create(strip=strip, prompt="a cat", position=0, weight=weight, picture=picture)
    waiting = Generation.objects.create(purpose="preview", recipe={})
    Frame.objects.create(strip=strip, prompt="a dog", position=1, weight=0.5, generation=waiting)
    return strip


def address(version, query=""):
    return f"/model-versions/{version.pk}/strip{query}"


def test_it_works(client, linocut, strip):
    page = client.get(address(linocut)).content.decode()
    assert "a cat, with Linocut at 0.8" in page
    assert "a cat: Nano alone" in page
    assert "Being drawn: 4 of 5. You can leave; it goes on." in page
    assert 'value="80" data-drawn checked' in page


def test_polling_ends_when_all_is_drawn(client, linocut, strip):
    poll = {"headers": {"HX-Request": "true"}}
    going = client.get(address(linocut, "?poll=1"), **poll)
    assert going.status_code == 200
    assert "every 2s" in going.content.decode()
    Frame.objects.filter(position=1).delete()
    end = client.get(address(linocut, "?poll=1"), **poll)
    assert end.status_code == 286
    assert "every 2s" not in end.content.decode()


def test_another_prompt_of_the_board(client, linocut, strip):
    assert strip_view(linocut, position=1).frames[0].state == "waiting"
    assert "a dog" in client.get(address(linocut, "?board=1")).content.decode()


@pytest.mark.parametrize(("weight", "nearest"), [(0.1, 0), (0.65, 0.8), (7, 1.0), (-3, 0)])
def test_the_nearest_drawn_weight_is_shown(linocut, strip, weight, nearest):
    assert strip_view(linocut, weight=weight).chosen.weight in {nearest, 0.5}
    assert abs(strip_view(linocut, weight=weight).chosen.weight - weight) == min(
        abs(w - weight) for w in (0, 0.5, 0.8, 1)
    )


@pytest.mark.parametrize(
    "query", ["?board=99", "?board=x", "?weight=x", "?weight=nan", "?weight=1e99", "?strip-weight=zz"]
)
def test_odd_addresses_still_show_it(client, linocut, strip, query):
    assert client.get(address(linocut, query)).status_code == 200


def test_nothing_drawn_yet_is_said(client, alice, nano):
    early = world.version(alice, "Early", base="SD 2.1")
    assert "no base for SD 2.1 is installed here" in client.get(address(early)).content.decode()


def test_a_draft_is_not_there_for_charlie(client, alice, charlie, nano):
    draft = world.version(alice, "Secret", published=False)
    client.force_login(charlie)
    assert client.get(address(draft)).status_code == 404


def test_made_with_it(client, alice, linocut, draw):
    from hub.gallery.queries import made_with

    kept = draw(alice, visible=True, salt="kept")
    draw(alice, salt="private")
    assert made_with(alice, linocut) == ([kept], False)


def test_a_weight_that_was_asked_for_is_shown_once_it_is_drawn(client, linocut, strip, draw):
    """Whatever is looked at meanwhile."""
    frame = Frame.objects.get(position=1)
    for weight in (0, 1.5):
        picture = draw(None, visible=True, salt=f"dog{weight}")
        Frame.objects.create(strip=strip, prompt="a dog", position=1, weight=weight, picture=picture)
    here = "?poll=1&board=1&awaited=0.5&strip-weight=150"
    page = show(client, linocut, here)
    assert 'value="150" data-drawn checked' in page
    assert "0.5 is being drawn. The nearest drawn weight is shown." in page
    assert "&amp;awaited=0.5" in page, "and asked for again"
    Frame.objects.filter(pk=frame.pk).update(picture=draw(None, visible=True, salt="dog0.5"), generation=None)
    page = show(client, linocut, here)
    assert 'value="50" data-drawn checked' in page
    assert "awaited" not in page


def test_the_rule_is_as_long_as_what_was_drawn(client, linocut, strip, draw):
    assert '<input id="strip-range" type="range" min="0" max="100" step="5" value="80"' in show(client, linocut)
    for weight in (-1, 1.5):
        picture = draw(None, visible=True, salt=str(weight))
        Frame.objects.create(strip=strip, prompt="a cat", position=0, weight=weight, picture=picture)
    page = show(client, linocut, "?strip-weight=-100")
    assert 'min="-100" max="150" step="5" value="-100" aria-valuetext="−1.0"' in page
    assert "Shown at −1.0." in page
    assert '<text x="40%" y="28" text-anchor="middle">0</text>' in page
    assert '<text x="40%"' in client.get(address(linocut), headers={"Accept-Language": "de"}).content.decode()


def show(client, version, query=""):
    return client.get(address(version, query), headers={"HX-Request": "true"}).content.decode()


def test_weights_that_have_no_room_are_not_written():
    written = [mark.weight for mark in rule_of([0, 0.5, 0.65, 0.8, 0.85, 1]).marks]
    assert written == [0, 1, 0.5, 0.8, 0.65]
    assert len(rule_of([-7, 0, 0.5, 0.8, 1, 7]).ticks) == 15, "a tick for each whole weight, where the rule is long"
    assert rule_of([0.33, -0.33]).first == -35, "so that 0 is among the slider's stops"


@pytest.mark.parametrize(
    ("kind", "base", "said"),
    [
        ("controlnet", "nano", "It steers by a picture that it is given"),
        ("vae", "nano", "A part like this draws nothing by itself"),
        ("lora", "Flux.1 D", "This hub draws no pictures on Flux.1 D"),
        ("lora", "SD 2.1", "no base for SD 2.1 is installed here"),
    ],
)
def test_why_there_is_no_strip(client, alice, kind, base, said):
    version = world.version(alice, "Alone", kind, base=base)
    page = client.get(f"/model-versions/{version.pk}/strip").content.decode()
    assert said in page
    assert "Pictures by people are below." in page
