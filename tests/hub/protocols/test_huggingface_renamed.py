"""A name that a model had leads to it, for whoever may see the model; as `huggingface_hub` follows."""

import pytest
from django.test import Client

from hub.accounts import actions as accounts
from hub.catalog import commits
from hub.catalog.actions import model_delete, version_unpublish
from hub.catalog.models import FormerName, Model
from hub.community import groups
from tests.hub.catalog.files import added

FILE = "resolve/main/ink.safetensors"


@pytest.fixture
def ink(alice):
    """Alice's, and by now her group's."""
    model = added(alice, "Ink", filename="ink.safetensors").version.model
    groups.group_create(by=alice, name="printers")
    return groups.model_transfer(by=alice, model_id=model.pk, to="printers")


def asked(path, user=None, method="get", **more):
    client = Client()
    if user is not None:
        client.force_login(user)
    return getattr(client, method)(path, **({"RAW_URI": path} | more))  # as the server keeps it


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize(
    "path",
    [
        f"/alice/ink/{FILE}", "/api/models/alice/ink", "/api/models/alice/ink/revision/main?blobs=True",
        "/api/models/alice/ink/tree/main?recursive=True&expand=False", "/api/models/alice/ink/refs",
        "/api/models/alice/ink/commits/main", "/api/models/Alice/INK", "/alice/ink/resolve/refs%2Fpr%2F1/a%20b.txt",
    ],
)  # fmt: skip
def test_it_works(ink, path, method):
    answer = asked(path, method=method)
    assert answer.status_code == 307
    assert answer["Location"] == path.replace("Alice/INK", "alice/ink").replace("alice/ink", "printers/ink")
    assert "no-store" in answer["Cache-Control"]


def test_where_it_leads_there_is_the_model(ink):
    assert asked(asked("/api/models/alice/ink")["Location"]).json()["id"] == "printers/ink"
    assert asked(asked(f"/alice/ink/{FILE}", method="head")["Location"], method="head")["X-Repo-Commit"]
    assert asked("/alice/ink")["Location"] == f"/models/{ink.pk}/ink", "people too"
    looked = asked("/api/models/alice/ink/paths-info/main", method="post", data={"paths": ["ink.safetensors"]})
    assert looked["Location"] == "/api/models/printers/ink/paths-info/main"


def test_it_leads_nowhere_else(ink):
    """Two slashes in front would name another host."""
    answer = asked("/api/models/alice/ink", RAW_URI="//api/models/alice/ink")
    assert answer["Location"] == "/api/models/printers/ink"


def test_through_several_names(ink, alice):
    commits.repo_move(model=ink, name="woodcut")
    for name in ("alice/ink", "printers/ink"):
        assert asked(f"/api/models/{name}")["Location"] == "/api/models/printers/woodcut"
    groups.model_transfer(by=alice, model_id=ink.pk, to="alice")
    commits.repo_move(model=Model.objects.get(pk=ink.pk), name="ink")
    assert asked("/api/models/alice/ink").status_code == 200
    assert asked("/api/models/printers/woodcut")["Location"] == "/api/models/alice/ink"


def test_a_new_model_of_that_name_wins(ink, alice):
    new = added(alice, "Ink", filename="ink.safetensors", seed="new", publish=False).version.model
    assert new.slug == "ink"
    assert asked("/api/models/alice/ink", alice).json()["id"] == "alice/ink"
    assert asked("/api/models/alice/ink").status_code == 307, "of a draft nobody else learns"
    Model.objects.filter(pk=new.pk).update(status="published")
    new.versions.update(status="published")
    assert asked("/api/models/alice/ink").json()["id"] == "alice/ink"


def test_what_is_private_is_absent(ink, alice, bob):
    version_unpublish(version=ink.versions.get(), by=alice)
    Model.objects.filter(pk=ink.pk).update(status="draft")
    missing = asked("/api/models/alice/none")
    for path in ("/api/models/alice/ink", f"/alice/ink/{FILE}"):
        for user in (None, bob):
            answer = asked(path, user)
            assert (answer.status_code, answer.content) == (404, missing.content)
            assert answer["X-Error-Code"] == "RepoNotFound"
    assert asked("/alice/ink").status_code == 404
    assert asked("/api/models/alice/ink", alice).status_code == 307


def test_what_it_was_called_before_others_saw_it_stays_its_owners(alice, bob):
    model = added(alice, "My secret face", publish=False).version.model
    commits.repo_move(model=model, name="portrait")
    Model.objects.filter(pk=model.pk).update(status="published")
    assert asked("/api/models/alice/my-secret-face", bob).status_code == 404
    assert asked("/api/models/alice/my-secret-face", alice).status_code == 307


def test_who_writes_says_the_name_it_has_now(ink, alice):
    _, token = accounts.token_create(user=alice, name="hf", scopes=["read", "upload"])
    answer = Client(headers={"Authorization": f"Bearer {token}"}).put(
        "/api/models/alice/ink/settings", {"private": True}, content_type="application/json"
    )
    assert answer.status_code == 404


def test_deleted_it_is_gone(ink, alice):
    model_delete(model=ink, by=alice)
    assert asked("/api/models/alice/ink").status_code == 404
    assert not FormerName.objects.exists()


def test_another_case_is_the_same_name(alice):
    model = added(alice, "Ink").version.model
    commits.repo_move(model=model, name="INK")
    assert not FormerName.objects.exists()
