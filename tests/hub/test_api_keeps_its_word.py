"""The API answers as its OpenAPI file says: schemathesis makes up calls of every operation and holds the answers
against it, whoever asks. ``WORD_EXAMPLES`` asks for more of them (`make conformance`)."""

import os

import hypothesis
import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from drf_spectacular.generators import SchemaGenerator
from hypothesis import given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from hub.accounts.actions import token_create
from hub.catalog.actions import version_publish
from hub.catalog.models import Version
from hub.community.models import Collection
from hub.gallery.models import Picture
from hub.prompts.models import Prompt
from hub.uploads.actions import upload_start
from tests import cast
from tests.hub.test_private_is_absent import private  # noqa: F401

EXAMPLES = int(os.environ.get("WORD_EXAMPLES", 2))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
FEW = settings(
    max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, phases=[hypothesis.Phase.generate],
    suppress_health_check=list(hypothesis.HealthCheck),
)  # fmt: skip
WHO = {"alice": ["read", "upload", "generate"], "mona": ["admin"]}
LEAST = {"anonymous": 20, "alice": 35, "mona": 40}  # operations that each of them is answered in


@pytest.fixture(scope="module")
def schema():
    schema = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(request=None, public=True))
    schema.app = WSGIHandler()
    return schema


@pytest.fixture
def one_connection():
    """A request's end closes its connection to the database; here that would end the test's transaction."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def real(things, path, given):
    """A path's parameters with what Alice has in their place."""
    known = things | {"username": things["owner"], "number": 1}
    known["id"] = things["token_id" if "tokens" in path else "import_id" if "import" in path else "upload_id"]
    return {name: str(known.get(name, value)) for name, value in given.items()}


class Told:
    """Asks, and keeps what broke a promise, and which statuses were seen of whom."""

    def __init__(self, things, people):
        self.things, self.people, self.broken, self.seen = things, people, {}, {}

    def asks(self, operation):
        @FEW
        @given(case=operation.as_strategy())
        def asked(case):
            made_up = dict(case.path_parameters)
            for parameters in (made_up, real(self.things, operation.path, made_up)) if made_up else (made_up,):
                case.path_parameters = parameters
                for who, headers in self.people.items():
                    self.once(case, who, headers, operation.label)

        asked()

    def once(self, case, who, headers, label):
        with transaction.atomic():  # what one call changes, the next does not see
            answer = case.call(headers=headers)
            self.seen.setdefault((who, label), set()).add(answer.status_code)
            try:
                case.validate_response(answer, checks=CHECKS)
            except BaseException as failed:
                for one in getattr(failed, "exceptions", [failed]):
                    told = f"{who}\n{case.as_curl_command()}\n{answer.content[:300]}"
                    self.broken[label, str(one)[:400]] = told
            transaction.set_rollback(True)


@pytest.fixture
def shown(private):  # noqa: F811
    """Alice's things, for everybody to see; and an upload of hers that has begun."""
    private["upload_id"] = upload_start(owner=cast.alice(), filename="secret.safetensors", size=1000).pk
    version_publish(version=Version.objects.get(pk=private["version_id"]), by=cast.alice())
    Picture.objects.update(visible=True)
    Collection.objects.update(private=False)
    Prompt.objects.update(private=False)
    return private


def test_it_works(schema, shown, one_connection):
    people = {"anonymous": {}}
    for name, scopes in WHO.items():
        _, token = token_create(user=getattr(cast, name)(), name="x", scopes=scopes)
        people[name] = {"Authorization": f"Bearer {token}"}
    told = Told(shown, people)
    for found in schema.get_all_operations():
        told.asks(found.ok())
    for (operation, failed), call in told.broken.items():
        print(f"{operation}: {failed}\n{call}\n")
    assert not told.broken
    fine = [who for (who, _), statuses in told.seen.items() if min(statuses) < 400]
    assert {who: fine.count(who) >= least for who, least in LEAST.items()} == dict.fromkeys(LEAST, True), told.seen
