"""What a request may do: scopes are asked on every route that exists, and of every kind of caller."""

import re
from collections.abc import Iterator
from itertools import combinations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.response import Response
from rest_framework.views import APIView

from hub.accounts.models import Token
from hub.accounts.permissions import (
    READING,
    ModeratorOnly,
    ScopeAllows,
    ScopeNeeded,
    SignInNeeded,
    check,
    reading_methods,
)
from tests.hub.accounts.conftest import bearer

UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
# Whoever signs in has no token yet: what they start gives them one only when a person allows it on a page. Telemetry
# is answered and dropped. Xet's addresses take a short-lived key of one repository instead of a token; their own tests
# hold who gets one.
OPEN = ("/cas/", "/oauth/device", "/oauth/token", "/v1/telemetry", "/api/telemetry/")


class Asked:
    def __init__(self, user, scopes: list[str] | None = None) -> None:
        self.user, self.token_problem = user, None
        self.token = Token(user=user, scopes=scopes) if scopes is not None else None


def test_it_works(alice):
    check(Asked(alice, ["upload"]), scope="upload", public=False, reads=False)
    check(Asked(alice), scope="admin", public=False, reads=False)
    check(Asked(AnonymousUser()), scope="read", public=True, reads=True)


@pytest.mark.parametrize("scope", Token.Scope.values)
@pytest.mark.parametrize("reads", [True, False])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_token_only_does_its_own(alice, scope, reads, count):
    for scopes in combinations(Token.Scope.values, count):
        enough = {scope, "admin"} | ({"read"} if reads and scope != "admin" else set())
        if not reads and scope == "read":
            enough = {"admin"}  # the view did not say what it takes
        if enough & set(scopes):
            check(Asked(alice, list(scopes)), scope=scope, public=False, reads=reads)
        else:
            with pytest.raises(ScopeNeeded, match="This needs a token with the scope"):
                check(Asked(alice, list(scopes)), scope=scope, public=False, reads=reads)


def test_nobody_changes_anything(db):
    for public in (True, False):
        with pytest.raises(SignInNeeded):
            check(Asked(AnonymousUser()), scope="upload", public=public, reads=False)


def test_a_post_that_only_asks(alice, client, token_of):
    class ByHash(APIView):
        scope, public, reading = "read", True, (*READING, "POST")

        def post(self, request):
            return Response({"asked": True})

    request = RequestFactory().post("/")
    request.user = AnonymousUser()
    assert ByHash.as_view()(request).status_code == 200


def test_moderators_only(alice, mona):
    class Hide(APIView):
        scope, permission_classes = "admin", [ModeratorOnly]

        def post(self, request):
            return Response({"hidden": True})

    for person, status in ((alice, 403), (mona, 200)):
        request = RequestFactory().post("/")
        request.user, request._dont_enforce_csrf_checks = person, True
        assert Hide.as_view()(request).status_code == status


def rest_views(resolver=None, prefix="") -> Iterator[tuple[str, type]]:
    """Every REST view of the hub, with an address that reaches it."""
    for entry in (resolver or get_resolver()).url_patterns:
        address = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from rest_views(entry, address)
        elif isinstance(entry, URLPattern) and hasattr(entry.callback, "cls") and not filled(address).startswith(OPEN):
            yield filled(address), entry.callback.cls


def filled(address: str) -> str:
    """An address with something plausible in each of its holes."""
    samples = {"int": "1", "uuid": "6f1f0f5e-6a9c-4ed7-9c52-0d2a2a8d8f6f"}
    found = re.sub(r"<(?:(\w+):)?\w+>", lambda hole: samples.get(hole[1] or "", "a" * 64), address)
    return "/" + re.sub(r"\(\?P<\w+>[^)]*\)|[\^$\\?]", "1", found)


def test_every_rest_view_asks_for_scopes():
    for address, view in rest_views():
        if "openapi" in address:
            continue
        assert any(issubclass(one, ScopeAllows) for one in view.permission_classes), f"{address} asks for no scope"
        changes = [verb for verb in UNSAFE if hasattr(view, verb.lower()) and verb not in reading_methods(view)]
        assert not changes or getattr(view, "scope", "read") != "read", f"{address} does not say its scope"


def changed_rows() -> str:
    """Every row of every table of ours, as one number: equal before and after means that nothing changed."""
    from django.apps import apps
    from django.db import connection

    sums = []
    with connection.cursor() as cursor:
        for model in apps.get_models():
            if model.__module__.startswith("hub."):
                table = connection.ops.quote_name(model._meta.db_table)
                cursor.execute(f"SELECT count(*), sum(hashtext((t.* )::text)::bigint) FROM {table} t")
                sums.append((table, cursor.fetchone()))
    return str(sums)


@pytest.mark.parametrize("scope", ["read", "upload", "generate"])
def test_no_route_lets_a_token_do_more_than_its_scope(client, alice, token_of, scope):
    """Probes every unsafe method of every REST route with a token of one scope: 401, 403, 404 or 405, no change."""
    given = bearer(token_of(alice, scope))
    client.get("/api/v1/tokens", **given)  # so that last_used_at stands still
    before, probes = changed_rows(), 0
    for address, view in rest_views():
        for verb in UNSAFE:
            if verb in reading_methods(view) or getattr(view, "scope", "read") == scope:
                continue
            answer = client.generic(verb, address, b"{}", content_type="application/json", **given)
            assert answer.status_code in {401, 403, 404, 405}, f"{verb} {address} answered {answer.status_code}"
            if hasattr(view, verb.lower()):
                assert answer.status_code == 403, f"{verb} {address} answered {answer.status_code}"
            probes += 1
    assert probes >= 8
    assert changed_rows() == before


def test_nobody_gets_through_without_signing_in(client, db):
    before = changed_rows()
    for address, view in rest_views():
        for verb in UNSAFE:
            if hasattr(view, verb.lower()) and verb not in reading_methods(view):
                answer = client.generic(verb, address, b"{}", content_type="application/json")
                assert answer.status_code == 401, f"{verb} {address} answered {answer.status_code}"
    assert changed_rows() == before


def test_the_openapi_file_names_the_scopes(client, db):
    from drf_spectacular.generators import SchemaGenerator

    schema = SchemaGenerator().get_schema(request=None, public=True)
    assert schema["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert {"bearer": ["admin"]} in schema["paths"]["/api/v1/tokens"]["post"]["security"]
    assert {} not in schema["paths"]["/api/v1/tokens"]["get"]["security"]
