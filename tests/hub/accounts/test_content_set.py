"""content-set: which levels one is shown; what is above them stays out of lists, and its own page asks first."""

import pytest

from hub.catalog.actions import model_edit
from tests.hub.catalog.files import added


@pytest.fixture
def nude(alice):
    model = added(alice, "Figure").version.model
    return model_edit(model=model, by=alice, fields={"level": 5})


def shown(client, model):
    return model.name in client.get("/models").content.decode(), b"Show this one" not in client.get(
        f"/models/{model.pk}"
    ).content


def test_it_works(client, bob, nude):
    client.force_login(bob)
    assert shown(client, nude) == (False, False)
    assert client.post("/settings/content", {"level": ["4"]}).status_code == 302
    assert shown(client, nude) == (True, True)
    bob.refresh_from_db()
    assert bob.levels == 5, "the first level is always on"


def test_its_page_asks_first(client, nude):
    asking = client.get(f"/models/{nude.pk}/figure").content.decode()
    assert "marked “Nudity, or violence”" in asking
    assert "Settings that work" not in asking
    assert "Settings that work" in client.get(f"/models/{nude.pk}/figure?show").content.decode()


def test_its_owner_is_not_asked(client, alice, nude):
    client.force_login(alice)
    assert "Settings that work" in client.get(f"/models/{nude.pk}/figure").content.decode()


def test_the_hub_may_show_all_of_it(client, nude, settings):
    settings.CONTENT_LEVELS = 31
    assert shown(client, nude) == (True, True)


def test_search_as_you_type_keeps_to_it(client, nude):
    assert "Figure" not in client.get("/search?query=figure").content.decode()


def test_nonsense_changes_nothing_else(client, bob):
    client.force_login(bob)
    client.post("/settings/content", {"level": ["-1", "x", "64"]})
    bob.refresh_from_db()
    assert bob.levels == 1


def test_it_is_for_people(client):
    assert client.post("/settings/content")["Location"].startswith("/sign-in")


def test_what_is_shown_may_be_blurred(client, bob, nude, settings):
    """In lists, the stronger levels, until one points at them; who said nothing has what the hub says."""
    settings.CONTENT_LEVELS = 31
    page = client.get("/models").content.decode()
    assert '<body data-blur="4 8 16">' in page
    assert '<div class="frame" data-level="4">' in page
    client.force_login(bob)
    client.post("/settings/content", {"level": ["4"]})
    assert "<body>" in client.get("/models").content.decode(), "not for bob, who would rather see them"
    client.post("/settings/content", {"level": ["4"], "blur": "on"})
    settings.CONTENT_BLUR = 0
    assert "data-blur" in client.get("/settings").content.decode()
    client.logout()
    assert "<body>" in client.get("/models").content.decode(), "the hub blurs nothing now"
