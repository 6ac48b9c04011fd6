"""`about-set`: the line that one's profile says of one."""

from django.test import Client


def test_it_works(alice):
    client = Client()
    client.force_login(alice)
    client.post("/settings/about", {"about": "I cut\nand <b>print</b>.\x07"})
    alice.refresh_from_db()
    assert alice.about == "I cut and <b>print</b>."
    assert "I cut and &lt;b&gt;print" in Client().get("/u/alice").content.decode()


def test_not_without_signing_in(alice):
    assert Client().post("/settings/about", {"about": "x"}).headers["Location"].startswith("/sign-in")
