"""A picture's bytes: kept for ever by whoever may see them."""

import pytest

from tests.hub.gallery.conftest import PNG


def address(picture, name="castle.png"):
    return f"/image/{picture.sha256}/width=450/{name}"


def test_it_works(client, alice, draw):
    answer = client.get(address(draw(alice, visible=True, salt="public", stored=True)))
    assert answer.content == PNG + b"public"
    assert answer["Content-Type"] == "image/png"
    assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_not_sent_twice(client, alice, draw):
    picture = draw(alice, visible=True, salt="public", stored=True)
    etag = client.get(address(picture))["ETag"]
    again = client.get(address(picture), headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")


def test_saved_under_its_name(client, alice, draw):
    picture = draw(alice, visible=True, salt="public", stored=True)
    answer = client.get(address(picture, "été.png") + "?download")
    assert answer["Content-Disposition"].startswith("attachment; ")
    assert "%C3%A9t%C3%A9.png" in answer["Content-Disposition"]


def test_a_private_one_is_its_owners_and_no_proxy_keeps_it(client, alice, charlie, draw):
    picture = draw(alice, salt="private", stored=True)
    assert client.get(address(picture)).status_code == 404
    client.force_login(charlie)
    assert client.get(address(picture)).status_code == 404
    client.force_login(alice)
    assert client.get(address(picture))["Cache-Control"].startswith("private")


def test_gone_from_the_store(client, alice, draw):
    assert client.get(address(draw(alice, visible=True, salt="never stored"))).status_code == 404


@pytest.mark.parametrize("sha256", ["0" * 64, "x", "..", "A" * 64, "0" * 63 + "\n"])
def test_other_addresses(client, db, sha256):
    assert client.get(f"/image/{sha256}/original/x.png").status_code == 404
