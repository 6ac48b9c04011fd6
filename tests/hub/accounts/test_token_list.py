from datetime import timedelta

from django.urls import reverse
from django.utils import timezone

from hub.accounts import actions
from hub.accounts.models import Token
from tests.hub.accounts.conftest import bearer

API = "/api/v1/tokens"


def test_it_works(signed_in, alice, token_of):
    token_of(alice, "read", "generate")
    page = signed_in.get(reverse("accounts:token-list")).content.decode()
    assert "Read: browse and download" in page
    assert "Never used." in page
    assert "Never expires." in page
    assert "Revoke" in page
    (item,) = signed_in.get(API).json()["items"]
    assert item["scopes"] == ["read", "generate"]
    assert set(item) == {"id", "name", "start", "scopes", "created_at", "expires_at", "last_used_at"}


def test_everyone_sees_only_theirs(signed_in, bob, token_of):
    token_of(bob)
    assert "You have no tokens." in signed_in.get(reverse("accounts:token-list")).content.decode()
    assert signed_in.get(API).json() == {"items": []}


def test_expired_ones_say_so_and_revoked_ones_are_gone(signed_in, alice):
    old, _ = actions.token_create(user=alice, name="old", scopes=["read"])
    Token.objects.filter(pk=old.pk).update(expires_at=timezone.now() - timedelta(days=1))
    gone, _ = actions.token_create(user=alice, name="gone-one", scopes=["read"])
    actions.token_revoke(user=alice, id=gone.pk)
    page = signed_in.get(reverse("accounts:token-list")).content.decode()
    assert "Expired on" in page
    assert "gone-one" not in page


def test_names_are_text(signed_in, alice):
    actions.token_create(user=alice, name="<script>alert(1)</script>", scopes=["read"])
    assert "<script>alert" not in signed_in.get(reverse("accounts:token-list")).content.decode()


def test_a_token_without_admin_does_not_list_tokens(client, alice, token_of):
    assert client.get(API, **bearer(token_of(alice, "read", "upload", "generate"))).status_code == 403
    assert client.get(API, **bearer(token_of(alice, "admin"))).status_code == 200


def test_nobody_else(client, db):
    assert client.get(API).status_code == 401
    assert "Sign in" in client.get(API).json()["error"]
    assert reverse("account_login") in client.get(reverse("accounts:token-list")).url
