import pytest
from django.urls import reverse

from hub.accounts import actions, queries
from hub.accounts.models import Token
from tests.hub.accounts.conftest import bearer


@pytest.fixture
def token(alice) -> tuple[Token, str]:
    return actions.token_create(user=alice, name="x", scopes=["admin"])


def test_it_works(signed_in, client, token):
    row, text = token
    answer = signed_in.post(reverse("accounts:token-revoke", args=[row.pk]), follow=True)
    assert "The token is revoked." in answer.content.decode()
    assert queries.token_holder(text) is None


def test_it_stops_at_once(client, token):
    row, text = token
    assert client.get("/api/v1/tokens", **bearer(text)).status_code == 200
    assert client.delete(f"/api/v1/tokens/{row.pk}", **bearer(text)).status_code == 204
    answer = client.get("/api/v1/tokens", **bearer(text))
    assert answer.status_code == 401
    assert answer.json()["error"] == "This token was revoked."


def test_twice_is_not_found(signed_in, token):
    assert signed_in.delete(f"/api/v1/tokens/{token[0].pk}").status_code == 204
    assert signed_in.delete(f"/api/v1/tokens/{token[0].pk}").status_code == 404


def test_charlie_cannot_and_cannot_tell(client, charlie, token):
    client.force_login(charlie)
    theirs = client.delete(f"/api/v1/tokens/{token[0].pk}")
    nobodys = client.delete("/api/v1/tokens/999999")
    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.json() == nobodys.json()
    assert client.post(reverse("accounts:token-revoke", args=[token[0].pk])).status_code == 404
    assert queries.token_holder(token[1]) is not None


def test_not_even_an_admin_by_this_address(client, adam, token):
    client.force_login(adam)
    assert client.delete(f"/api/v1/tokens/{token[0].pk}").status_code == 404


@pytest.mark.parametrize("scope", ["read", "upload", "generate"])
def test_it_takes_the_scope_admin(client, alice, token, token_of, scope):
    assert client.delete(f"/api/v1/tokens/{token[0].pk}", **bearer(token_of(alice, scope))).status_code == 403
    assert queries.token_holder(token[1]) == alice


def test_not_by_a_link(signed_in, token):
    assert signed_in.get(reverse("accounts:token-revoke", args=[token[0].pk])).status_code == 405
