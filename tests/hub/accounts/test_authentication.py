"""Who asks: tokens in the header or the address, good and bad ones, and what wins."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.http import HttpResponse, JsonResponse
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import include, path
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.views import APIView

from hub.accounts import actions, queries, tokens
from hub.accounts.authentication import take_token
from hub.accounts.models import Token
from hub.accounts.permissions import scope_required
from tests.hub.accounts.conftest import bearer


class Anybody(APIView):
    scope, public = "read", True

    def get(self, request):
        return Response({"name": request.user.username})


class People(APIView):
    scope = "upload"

    def get(self, request):
        return Response({"name": request.user.username})

    def post(self, request):
        return Response({"name": request.user.username})


@scope_required("read", public=True)
def download(request):
    return JsonResponse({"name": request.user.username})


@scope_required("read")
def private(request):
    return JsonResponse({"name": request.user.username})


def says_nothing(request):
    return HttpResponse(request.user.username)


urlpatterns = [
    path("api/anybody", Anybody.as_view()),
    path("elsewhere/people", People.as_view()),
    path("api/people", People.as_view()),
    path("o/m/resolve/main/f", download),
    path("api/download/models/1", download),
    path("api/private", private),
    path("api/plain", says_nothing),
    path("page", says_nothing),
    path("", include("hub.accounts.urls")),
]
pytestmark = pytest.mark.urls(__name__)
EVERYWHERE = ["/api/anybody", "/api/people", "/elsewhere/people", "/o/m/resolve/main/f", "/api/download/models/1"]


@pytest.mark.parametrize("address", EVERYWHERE)
def test_it_works(client, alice, token_of, address):
    token = token_of(alice)
    assert client.get(address, **bearer(token)).json() == {"name": "alice"}
    assert client.get(address, {"token": token}).json() == {"name": "alice"}
    assert client.get(address, HTTP_AUTHORIZATION=f"bearer  {token} ").json() == {"name": "alice"}


@pytest.fixture(params=["unknown", "mistyped", "foreign", "revoked", "expired", "closed"])
def bad(request, alice, token_of) -> tuple[str, str]:
    """A token that is no good, and the sentence that says why."""
    token = token_of(alice)
    row = Token.objects.filter(digest=tokens.digest(token))
    match request.param:
        case "unknown":
            return tokens.make(), "not known here"
        case "mistyped":
            return token[:-1] + ("0" if token[-1] != "0" else "1"), "not known here"
        case "foreign":
            return "hf_abcdefghijklmnopqrstuvwxyzABCDEFGH", "not known here"
        case "revoked":
            row.update(revoked_at=timezone.now())
            return token, "was revoked"
        case "expired":
            row.update(expires_at=timezone.now() - timedelta(seconds=1))
            return token, "expired on"
        case _:
            alice.is_active = False
            alice.save()
            return token, "is closed"


def test_a_bad_one_is_nobody_where_anybody_may_read(client, bad):
    for address in ("/api/anybody", "/o/m/resolve/main/f", "/api/download/models/1"):
        for answer in (client.get(address, **bearer(bad[0])), client.get(address, {"token": bad[0]})):
            assert answer.status_code == 200
            assert answer.json() == {"name": ""}
    assert queries.token_holder(bad[0]) is None


@pytest.mark.parametrize("address", ["/api/people", "/elsewhere/people", "/api/private"])
def test_a_bad_one_gets_401_with_the_reason_elsewhere(client, bad, address):
    answer = client.get(address, **bearer(bad[0]))
    assert answer.status_code == 401
    assert bad[1] in answer.json()["error"]
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert bad[0] not in answer.content.decode()


def test_no_token_at_all(client, db):
    answer = client.get("/api/people")
    assert answer.status_code == 401
    assert "Bearer wr_" in answer.json()["error"]


def test_a_bad_token_is_not_rescued_by_a_session(signed_in):
    for address in ("/api/people", "/elsewhere/people"):
        assert signed_in.get(address, **bearer(tokens.make())).status_code == 401
    assert signed_in.get("/api/people").json() == {"name": "alice"}


def test_the_token_speaks_not_the_session(signed_in, bob, token_of):
    for address in EVERYWHERE:
        assert signed_in.get(address, **bearer(token_of(bob))).json() == {"name": "bob"}


def test_pages_do_not_listen_to_tokens(client, alice, token_of):
    token = token_of(alice, "admin")
    assert client.get("/page", **bearer(token)).content == b""
    assert client.get("/page", {"token": token}).content == b""
    for page in ("/settings", "/settings/tokens", "/settings/email", "/settings/two-factor/codes"):
        assert client.get(page, **bearer(token)).status_code == 302


def test_plain_views_under_api_are_read_only_to_tokens(client, alice, token_of):
    token = token_of(alice)
    assert client.get("/api/plain", **bearer(token)).content == b"alice"
    assert client.post("/api/plain", **bearer(token)).status_code == 403
    assert client.get("/api/plain", **bearer(token_of(alice, "generate"))).status_code == 403


def test_programs_are_not_sent_to_a_form(client, db):
    answer = client.get("/api/private", HTTP_ACCEPT="*/*")
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/json"
    browser = client.get("/api/private", HTTP_ACCEPT="text/html,*/*;q=0.8")
    assert browser.status_code == 302
    assert browser.url == "/sign-in?next=/api/private"


def test_no_csrf_token_with_a_token_and_one_with_a_session(alice, token_of):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    token = token_of(alice, "upload")
    assert strict.post("/api/people", **bearer(token)).status_code == 200
    assert strict.post("/elsewhere/people", **bearer(token)).status_code == 200
    strict.force_login(alice)
    assert strict.post("/api/people").status_code == 403
    assert strict.post("/elsewhere/people").status_code == 403
    assert strict.post("/api/people?token=wr_bad").status_code == 401


def test_last_used_is_noted_at_most_once_a_minute(client, alice, token_of):
    token = token_of(alice)
    row = Token.objects.get()
    assert row.last_used_at is None
    client.get("/api/people", **bearer(token))
    first = Token.objects.get().last_used_at
    assert timezone.now() - first < timedelta(seconds=10)
    client.get("/api/people", **bearer(token))
    assert Token.objects.get().last_used_at == first
    Token.objects.update(last_used_at=first - timedelta(minutes=2))
    client.get("/api/people", **bearer(token))
    assert Token.objects.get().last_used_at > first


def test_a_bad_token_costs_no_look_up_and_a_good_one_one(client, alice, token_of):
    token, request = token_of(alice), RequestFactory()
    with CaptureQueriesContext(
        connection,
    ) as asked:
        given = request.get("/", **bearer("wr_" + "0" * 46))
        given.user = AnonymousUser()
        assert take_token(given) is None
    assert len(asked) == 0
    client.get("/api/people", **bearer(token))
    with CaptureQueriesContext(connection) as asked:
        client.get("/api/people", **bearer(token))
    assert len(asked) == 1


def test_it_is_found_by_its_digest_alone(alice, token_of):
    """No comparison whose time depends on the token: the database sees only the digest."""
    token = token_of(alice)
    with CaptureQueriesContext(connection) as asked:
        assert queries.token_holder(token) == alice
    assert all(token not in one["sql"] and token[8:30] not in one["sql"] for one in asked)
    assert tokens.digest(token) in asked[0]["sql"]


def test_revocation_holds_from_the_next_request(client, alice, token_of):
    token = token_of(alice)
    assert client.get("/api/people", **bearer(token)).status_code == 200
    actions.token_revoke(user=alice, id=Token.objects.get().pk)
    assert client.get("/api/people", **bearer(token)).status_code == 401
