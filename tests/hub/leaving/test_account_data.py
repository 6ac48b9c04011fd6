"""account-data: everything of mine as a zip (export-start, export-file), and account-delete, in words before."""

import io
import json
import urllib.request
import zipfile
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from hub.accounts.actions import token_create
from hub.accounts.models import Membership, User
from hub.catalog.models import Model
from hub.community.actions import comment_create, like_set
from hub.community.models import Comment
from hub.leaving.actions import departures_go_on, exports_sweep
from hub.leaving.models import Export
from tests import cast
from tests.hub.catalog.files import added

PASSWORD = "correct horse battery"


def signed_in(person):
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def lived_in(alice, bob):
    mine, theirs = added(alice, "Riso").version.model, added(bob, "Ground").version.model
    added(alice, "Draft", publish=False)
    comment_create(author=alice, target=theirs, text="Fine **lines**.")
    like_set(user=alice, target=theirs, on=True)
    return mine, theirs


def leaves(client, name="alice", password=PASSWORD, **fields):
    form = {"name": name, "password": password, "models": "delete", "words": "delete"}
    return client.post("/settings/data/delete", form | fields)


def test_export(lived_in, alice, bob):
    token_create(user=alice, name="script", scopes=["read"])
    client = signed_in(alice)
    assert client.post("/settings/data/export").status_code == 302
    client.post("/settings/data/export")
    assert Export.objects.count() == 1, "asked twice, made once"
    exports_sweep()
    page = client.get("/settings/data").content.decode()
    export = Export.objects.get()
    assert f"/settings/data/export/{export.pk}" in page
    address = client.get(f"/settings/data/export/{export.pk}").url
    archive = zipfile.ZipFile(io.BytesIO(urllib.request.urlopen(address).read()))
    read = {name: archive.read(name).decode() for name in archive.namelist()}
    assert [row["name"] for row in json.loads(read["models.json"])] == ["Riso", "Draft"]
    assert [row["text"] for row in json.loads(read["comments.json"])] == ["Fine **lines**."]
    account = json.loads(read["account.json"])
    assert (account["email"], account["tokens"][0]["name"]) == ("alice@example.org", "script")
    assert alice.password not in "".join(read.values())
    assert alice.tokens.get().digest not in "".join(read.values())
    assert lived_in[0].versions.get().files.get().blob_id in read["models.txt"]
    assert client.post("/settings/data/export").status_code == 429
    assert signed_in(bob).get(f"/settings/data/export/{export.pk}").status_code == 404
    Export.objects.update(finished_at=timezone.now() - timedelta(days=8))
    exports_sweep()
    assert client.get(f"/settings/data/export/{export.pk}").status_code == 404


def test_delete_everything(lived_in, alice):
    mine, theirs = lived_in
    client, (_, token) = signed_in(alice), token_create(user=alice, name="script", scopes=["read"])
    assert leaves(client).status_code == 302
    assert client.get("/settings").status_code == 302, "signed out at once"
    assert Client().get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code in {401, 404}
    departures_go_on()
    assert Client().get(f"/models/{mine.pk}").status_code == 404
    assert not Model.objects.filter(owner=alice).exclude(status="deleted").exists()
    page = Client().get(f"/models/{theirs.pk}", follow=True).content.decode()
    assert "Fine" not in page
    alice.refresh_from_db()
    assert (alice.username, alice.email, alice.is_active) == (f"gone-{alice.pk}", "", False)
    assert cast.person("alice").pk != alice.pk, "the name is free again"


def test_leave_things_to_others(lived_in, alice):
    mine, theirs = lived_in
    leaves(signed_in(alice), models="keep", words="keep")
    departures_go_on()
    page = Client().get(f"/models/{mine.pk}", follow=True).content.decode()
    assert f"gone-{alice.pk}" in page
    assert "alice" not in page
    comment = Comment.objects.get()
    assert (comment.author, comment.text) == (None, "Fine **lines**.")
    assert "somebody who left" in Client().get(f"/models/{theirs.pk}", follow=True).content.decode()
    assert Model.objects.get(name="Draft").status == "deleted", "drafts are nobody else's"


@pytest.mark.parametrize("wrong", [{"name": "Alice B"}, {"password": "guessed"}])
def test_it_is_confirmed(alice, wrong):
    answer = leaves(signed_in(alice), **wrong)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()
    assert User.objects.get(pk=alice.pk).is_active


def test_somebody_must_be_left(alice, adam):
    group = cast.person("inkers", is_group=True)
    Membership.objects.create(group=group, person=alice, role="owner", accepted_at=timezone.now())
    assert leaves(signed_in(alice)).status_code == 409
    assert leaves(signed_in(adam), "adam").status_code == 409
