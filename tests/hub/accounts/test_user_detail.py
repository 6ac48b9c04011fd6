from django.urls import reverse


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
