from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from hub.accounts import actions, queries, tokens
from hub.accounts.models import Token
from tests.hub.accounts.conftest import bearer

API = "/api/v1/tokens"
FORM = {"name": "my laptop", "scopes": ["read", "upload"], "expires": "90"}


def test_it_works(signed_in, alice):
    answer = signed_in.post(reverse("accounts:token-create"), FORM)
    row = Token.objects.get(user=alice)
    page = answer.content.decode()
    assert "Copy it now. We keep only a fingerprint." in page
    token = tokens.PATTERN.search(page)[0]
    assert row.digest == tokens.digest(token)
    assert row.start == token[:8]
    assert row.scopes == ["read", "upload"]
    assert timedelta(days=89) < row.expires_at - timezone.now() < timedelta(days=91)
    assert queries.token_holder(token) == alice
    assert "no-store" in answer["Cache-Control"]


def test_it_is_shown_once(signed_in):
    token = tokens.PATTERN.search(signed_in.post(reverse("accounts:token-create"), FORM).content.decode())[0]
    assert token not in signed_in.get(reverse("accounts:token-list")).content.decode()


def test_only_a_fingerprint_is_kept(alice):
    row, token = actions.token_create(user=alice, name="x", scopes=["read"])
    assert token not in str(Token.objects.filter(pk=row.pk).values().get())


def test_the_api_makes_one(signed_in, alice):
    answer = signed_in.post(API, {"name": "ci", "scopes": ["generate"]}, content_type="application/json")
    assert answer.status_code == 201
    assert queries.token_holder(answer.json()["token"]) == alice
    assert answer.json()["expires_at"]  # in 90 days unless said otherwise
    assert "no-store" in answer["Cache-Control"]


def test_a_token_with_admin_makes_one(client, alice, token_of):
    answer = client.post(
        API,
        {"name": "ci", "scopes": ["read"], "expires_at": None},
        content_type="application/json",
        **bearer(token_of(alice, "admin")),
    )
    assert answer.status_code == 201
    assert answer.json()["expires_at"] is None


@pytest.mark.parametrize("scope", ["read", "upload", "generate"])
def test_a_token_cannot_make_a_stronger_one(client, alice, token_of, scope):
    given = bearer(token_of(alice, scope))
    answer = client.post(API, {"name": "x", "scopes": ["admin"]}, content_type="application/json", **given)
    assert answer.status_code == 403
    assert "scope admin" in answer.json()["error"]
    assert Token.objects.count() == 1


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"name": "", "scopes": ["read"]}, "name"),
        ({"name": "   ", "scopes": ["read"]}, "name"),
        ({"name": "x" * 81, "scopes": ["read"]}, "name"),
        ({"name": "x\x00", "scopes": ["read"]}, "name"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": ["root"]}, "scopes"),
        ({"name": "x", "scopes": "read"}, "scopes"),
        ({"name": "x", "scopes": ["read"], "expires_at": "2001-01-01T00:00:00Z"}, "must lie ahead"),
        ({"name": "x", "scopes": ["read"], "expires_at": "soon"}, "expires_at"),
    ],
)
def test_bad_input_gets_a_sentence(signed_in, wanted, sentence):
    answer = signed_in.post(API, wanted, content_type="application/json")
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]
    assert not Token.objects.exists()


def test_the_form_keeps_what_was_typed(signed_in):
    answer = signed_in.post(reverse("accounts:token-create"), {"name": "kept <b>", "expires": "90"})
    assert answer.status_code == 422
    assert "Choose at least one thing that it may do." in answer.content.decode()
    assert "kept &lt;b&gt;" in answer.content.decode()


def test_a_hundred_are_enough(alice, monkeypatch):
    monkeypatch.setattr(actions, "TOKENS_EACH", 2)
    for _ in range(2):
        actions.token_create(user=alice, name="x", scopes=["read"])
    with pytest.raises(actions.TokensTooMany):
        actions.token_create(user=alice, name="x", scopes=["read"])


def test_it_takes_a_session(client, db):
    assert reverse("account_login") in client.post(reverse("accounts:token-create"), FORM).url
    assert client.post(API, {}, content_type="application/json").status_code == 401


def test_a_session_needs_its_csrf_token(alice):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert strict.post(API, {"name": "x", "scopes": ["read"]}, content_type="application/json").status_code == 403
    assert strict.post(reverse("accounts:token-create"), FORM).status_code == 403
    assert not Token.objects.exists()
