"""user-follow, notice-list and the feeds: who is told of what."""

import re
import xml.etree.ElementTree as ElementTree

from hub.accounts.models import User
from hub.catalog.models import Model
from hub.catalog.removal import listing_refresh
from hub.community.actions import comment_create, review_write
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


def test_a_feed_is_read_elsewhere(client, alice):
    """So each address in it is whole, its words are of one language, and what it says is what the page says."""
    version = added(alice, "Wood & cut").version
    version.description = (
        "Best at **0.7**; see [the base](/models/1) and ![a print](/image/ab/print.png)\x0b <script>x</script>"
    )
    version.save()
    answer = client.get("/models/feed", headers={"Accept-Language": "de"})
    feed = ElementTree.fromstring(answer.content)
    assert feed.get("{http://www.w3.org/XML/1998/namespace}lang") == "de"
    assert feed.find(f"{ATOM}title").text == "Neue Modelle · Weightroom"
    entry = feed.find(f"{ATOM}entry")
    said = entry.find(f"{ATOM}summary").text
    assert "Best at <strong>0.7</strong>" in said
    assert "<script" not in said
    addresses = re.findall(r'(?:href|src)="([^"]+)', said) + [link.get("href") for link in feed.iter(f"{ATOM}link")]
    addresses += [entry.find(f"{ATOM}author/{ATOM}uri").text, entry.find(f"{ATOM}id").text]
    assert len(addresses) == 7
    assert {address.split("/")[2] for address in addresses} == {"127.0.0.1:8000"}
    assert entry.find(f"{ATOM}author/{ATOM}uri").text.endswith("/u/alice")
    assert 'type="application/atom+xml"' in client.get("/models").content.decode(), "a reader finds it from the list"


def test_feeds_and_profiles_show_what_their_reader_wants_to_see(client, alice, bob):
    model = added(alice, "Bold").version.model
    Model.objects.update(level=16)
    listing_refresh(model)
    client.force_login(bob)
    client.post("/u/alice/follow", {"on": "1"})
    everywhere = ("/models/feed", "/u/alice/feed", "/u/alice", "/notifications")
    assert [b"Bold" in client.get(page).content for page in everywhere] == [False] * 4
    assert b"What alice has published is above your content level." in client.get("/u/alice").content
    User.objects.filter(pk=bob.pk).update(levels=31)
    assert [b"Bold" in client.get(page).content for page in everywhere] == [True] * 4
    client.force_login(alice)
    assert b"Bold" in client.get("/u/alice").content, "her own page shows her own things"


def test_a_notice_is_a_sentence(client, alice, bob, charlie, draw):
    """In German the verb stands last; and a picture is "yours" only where it is."""
    model = added(alice, "Wood & cut").version.model
    comment_create(author=bob, target=draw(charlie, visible=True), text="@alice look")
    review_write(author=bob, model=model, recommends=True, text="Clean <lines>.")
    client.force_login(alice)
    page = client.get("/notifications").content.decode()
    assert '<a href="/u/bob">bob</a> mentioned you under <a href="/pictures/' in page
    assert ">a picture</a>." in page
    assert f'reviewed <a href="/models/{model.pk}/wood-cut#reviews">Wood &amp; cut</a>.' in page
    assert "Clean &lt;lines&gt;." in page
    german = client.get("/notifications", headers={"Accept-Language": "de"}).content.decode()
    assert (
        f'<a href="/u/bob">bob</a> hat <a href="/models/{model.pk}/wood-cut#reviews">Wood &amp; cut</a> besprochen.'
        in german
    )
