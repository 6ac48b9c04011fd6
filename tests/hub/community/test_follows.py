"""user-follow, notice-list and the feeds: who is told of what."""

import xml.etree.ElementTree as ElementTree

from tests.hub.catalog.files import added

ATOM = "{http://www.w3.org/2005/Atom}"


def test_it_works(client, alice, bob):
    client.force_login(bob)
    assert client.post("/u/alice/follow", {"on": "1"}).status_code == 302
    added(alice, "Woodcut")
    assert "Woodcut" in client.get("/notifications").content.decode()
    client.force_login(alice)
    assert "follows you" in client.get("/notifications").content.decode()


def test_on_and_off_and_on_again_tells_once(client, alice, bob):
    client.force_login(bob)
    for on in "101":
        client.post("/u/alice/follow", {"on": on})
    assert alice.notices.count() == 1
    assert alice.followers.count() == 1


def test_nobody_follows_themselves(client, alice):
    client.force_login(alice)
    assert client.post("/u/alice/follow", {"on": "1"}).status_code == 409


def test_nobody_of_that_name(client, alice):
    client.force_login(alice)
    assert client.post("/u/zed/follow", {"on": "1"}).status_code == 404


def test_what_was_shown_is_no_longer_new(client, alice, bob):
    client.force_login(bob)
    client.post("/u/alice/follow", {"on": "1"})
    client.force_login(alice)
    assert b"new notifications" in client.get("/models").content
    assert b'class="new"' in client.get("/notifications").content
    assert b'class="new"' not in client.get("/notifications").content
    assert b"new notifications" not in client.get("/models").content


def test_notices_are_ones_own(client):
    assert client.get("/notifications")["Location"].startswith("/sign-in")


def test_model_feed_and_user_feed(client, alice, bob):
    added(alice, "Wood & cut")
    added(bob, "Etching")
    added(alice, "Hidden", publish=False)
    everybody = ElementTree.fromstring(client.get("/models/feed").content)
    assert {entry.find(f"{ATOM}title").text for entry in everybody.iter(f"{ATOM}entry")} == {"Wood & cut", "Etching"}
    answer = client.get("/u/alice/feed")
    assert answer["Content-Type"].startswith("application/atom+xml")
    mine = ElementTree.fromstring(answer.content)
    assert [entry.find(f"{ATOM}title").text for entry in mine.iter(f"{ATOM}entry")] == ["Wood & cut"]
    assert client.get("/u/zed/feed").status_code == 404
