"""`hf auth login` in a terminal: a code is shown, confirmed in a browser, and becomes a token, once."""

from urllib.parse import urlencode

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from hub.accounts import devices
from hub.accounts.models import Token

GRANT = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.fixture(autouse=True)
def _forgotten():
    cache.clear()


def post(path, **form):
    """As the client sends it: a form, not in parts."""
    body, kind = urlencode(form), "application/x-www-form-urlencoded"
    return Client().post(path, body, content_type=kind, headers={"User-Agent": "hf/2.4.0; python/3"})


def start():
    answer = post("/oauth/device", client_id="26be6b09")
    assert answer.status_code == 200
    return answer.json()


def poll(asked, status=200):
    answer = post("/oauth/token", grant_type=GRANT, device_code=asked["device_code"], client_id="26be6b09")
    assert answer.status_code == status, answer.content
    assert answer["Cache-Control"] == "no-store"
    return answer.json()


def decide(client, code, answer="allow"):
    return client.post(reverse("accounts:device-decide"), {"code": code, "answer": answer})


def test_it_works(signed_in, alice):
    asked = start()
    assert asked["verification_uri"] == "http://testserver/login/device"
    assert poll(asked, 400)["error"] == "authorization_pending"
    assert poll(asked, 400)["error"] == "slow_down"
    page = signed_in.get("/login/device", {"code": asked["user_code"].lower()})
    assert "<b>hf</b>" in page.content.decode()
    assert decide(signed_in, asked["user_code"]).status_code == 302
    said = poll(asked)
    token = Token.objects.get(user=alice)
    assert token.scopes == ["read", "upload"]
    assert token.expires_at is not None
    me = Client(headers={"Authorization": f"Bearer {said['access_token']}"}).get("/api/whoami-v2").json()
    assert me["name"] == "alice"
    assert poll(asked, 400)["error"] == "expired_token", "a code makes one token"


def test_turned_away(signed_in):
    asked = start()
    decide(signed_in, asked["user_code"], "deny")
    assert poll(asked, 400)["error"] == "access_denied"
    assert not Token.objects.exists()


def test_a_code_is_decided_once(signed_in, charlie):
    asked = start()
    decide(signed_in, asked["user_code"])
    other = Client()
    other.force_login(charlie)
    assert decide(other, asked["user_code"]).status_code == 404
    poll(asked)
    assert [token.user.username for token in Token.objects.all()] == ["alice"]


def test_a_code_that_nobody_shows(signed_in):
    answer = signed_in.get("/login/device", {"code": "BCDF-GHJK"})
    assert answer.status_code == 404
    assert "No program waits for this code" in answer.content.decode()


def test_who_is_not_signed_in_signs_in_first(db):
    answer = Client().get("/login/device?code=BCDF-GHJK")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in?next=")


def test_a_code_ends(signed_in):
    asked = start()
    cache.clear()
    assert decide(signed_in, asked["user_code"]).status_code == 404
    assert poll(asked, 400)["error"] == "expired_token"


def test_codes_are_not_had_without_end(db):
    for _ in range(20):
        start()
    assert post("/oauth/device").status_code == 429


def test_other_grants(db):
    answer = post("/oauth/token", grant_type="password")
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


def test_the_programs_own_code_is_nowhere_kept():
    device, code = devices.device_start(program="hf")
    assert cache.get(f"device:{device}") is None
    assert devices.device_waiting(code) == "hf"
