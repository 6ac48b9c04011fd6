from django.urls import reverse

from tests.hub.catalog.files import added


def test_it_works(client, alice):
    page = client.get(reverse("accounts:user-detail", args=["alice"])).content.decode()
    assert "<h1>alice</h1>" in page
    assert "alice@example.org" not in page


def test_a_name_in_another_case(client, alice):
    assert client.get("/u/ALICE").url == "/u/alice"


def test_what_they_are(client, mona, adam):
    assert "Moderates this hub." in client.get("/u/mona").content.decode()
    assert "Runs this hub." in client.get("/u/adam").content.decode()


def test_nobody_of_that_name(client, db):
    answer = client.get("/u/<script>", HTTP_ACCEPT="application/json")
    assert answer.status_code == 404
    assert client.get("/u/nobody").status_code == 404


def test_a_closed_account(client, alice):
    alice.is_active = False
    alice.save()
    assert client.get("/u/alice").status_code == 404


def test_their_models(client, alice, bob):
    added(alice, "Linocut")
    added(alice, "Halfdone", publish=False)
    added(bob, "Somebody elses")
    for person, drafts in ((None, False), (bob, False), (alice, True)):
        if person:
            client.force_login(person)
        page = client.get("/u/alice").content.decode()
        assert "Linocut" in page
        assert ("Halfdone" in page) is drafts
        assert "Somebody elses" not in page
    assert "bob" not in client.get("/u/alice").content.decode()


def test_nothing_yet(client, alice):
    assert "alice has published nothing yet." in client.get("/u/alice").content.decode()
