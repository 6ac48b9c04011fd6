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


@pytest.fixture
def open_hub(settings):
    settings.CONTENT_LEVELS_VISITORS = 31


def test_without_an_account_too(client, nude, open_hub):
    page = client.get("/models").content.decode()
    assert 'href="/settings/content?next=%2Fmodels"' in page
    form = client.get("/settings/content", {"next": "/models"}).content.decode()
    assert 'value="4">' in form
    answer = client.post("/settings/content", {"level": ["4"], "blur": "on", "next": "/models"})
    assert answer["Location"] == "/models"
    assert client.cookies["content"]["httponly"]
    assert shown(client, nude) == (True, True)
    assert 'data-blur="4 8 16"' in client.get("/models").content.decode()
    assert 'value="4" checked' in client.get("/settings/content").content.decode()
    client.post("/settings/content", {"level": ["4"]})
    assert "<body>" in client.get("/models").content.decode(), "who would rather see them unblurred"
    assert nude.name in client.get("/models/feed").content.decode(), "a feed as its reader sees pages"


def test_a_visitor_is_shown_less_than_the_hub_would(client, alice, open_hub):
    mild = added(alice, "Dusk").version.model
    model_edit(model=mild, by=alice, fields={"level": 3})
    assert shown(client, mild) == (True, True)
    client.post("/settings/content", {})
    assert shown(client, mild) == (False, False)


def test_a_visitor_has_no_more_than_the_hub_allows_them(client, nude):
    assert 'value="4"' not in client.get("/settings/content").content.decode()
    client.post("/settings/content", {"level": ["2", "4"]})
    assert client.cookies["content"].value == "3-0"
    assert shown(client, nude) == (False, False)


def test_a_hub_that_blurs_nothing_a_visitor_sees_blurs_the_strongest_for_who_asks(client, db):
    assert 'name="blur">' in client.get("/settings/content").content.decode()
    client.post("/settings/content", {"level": ["2"], "blur": "on"})
    assert '<body data-blur="2">' in client.get("/models").content.decode()


@pytest.mark.parametrize("cookie", ["63-0", "31-0", "4-0", "5-2", "-1-0", "5", "5-0;", "x" * 9000, ""])
def test_a_cookie_that_nobody_here_wrote_says_nothing(client, nude, settings, cookie):
    settings.CONTENT_LEVELS_VISITORS = 7
    client.cookies["content"] = "5-0"
    assert shown(client, nude) == (True, True)
    client.cookies["content"] = cookie
    assert shown(client, nude) == (False, False)


def test_it_says_nothing_of_who_has_an_account(client, bob, nude, open_hub):
    client.cookies["content"] = "31-0"
    client.force_login(bob)
    assert shown(client, nude) == (False, False)
    assert client.get("/settings/content")["Location"] == "/settings#content"


def test_caches_give_nobody_the_page_of_another(client, nude, open_hub):
    """Pages vary by cookie; programs and pictures, which everybody gets alike, know nothing of it."""
    said = client.get("/models"), client.get("/models/feed"), client.get(f"/models/{nude.pk}/figure")
    client.cookies["content"] = "31-0"
    chosen = client.get("/models"), client.get("/models/feed"), client.get(f"/models/{nude.pk}/figure")
    for answer in (*said, *chosen):
        assert "Cookie" in answer["Vary"]
        assert "public" not in answer.get("Cache-Control", "")
    for path in ("/api/v1/models", "/api/v1/images", "/api/v1/tags"):
        asked = client.get(path)
        del client.cookies["content"]
        assert asked.content == client.get(path).content
        client.cookies["content"] = "31-0"


def test_nowhere_else(client, db):
    assert client.post("/settings/content", {"next": "https://evil.example/"}).url == "/"


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
