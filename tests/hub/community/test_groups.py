"""Groups that own models together: `group-list`, `group-detail`, `group-edit`, `member-invite`, `invite-answer`,
`member-set`, `model-transfer`."""

import pytest
from django.test import Client

from hub.accounts.models import Membership, User
from hub.accounts.queries import quota_of
from hub.catalog.models import Model
from hub.community import groups
from hub.community.actions import comment_create, review_write
from hub.community.models import Notice
from hub.uploads.actions import upload_start
from hub.uploads.allowed import QuotaReached, WrongFields
from tests.hub.catalog.files import added


def signed_in(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def joined(group, person, role="editor"):
    return Membership.objects.create(group=group, person=person, role=role, accepted_at="2026-01-01T00:00Z")


@pytest.fixture
def printers(alice):
    return groups.group_create(by=alice, name="printers", about="We cut and print.")


def test_it_works(alice, bob, charlie):
    owner, helper, stranger = signed_in(alice), signed_in(bob), signed_in(charlie)
    assert owner.post("/groups", {"name": "printers", "about": "We cut and print."}).status_code == 302
    owner.post("/groups/printers/invite", {"person": "bob", "role": "editor"})
    assert "asks you to join the group printers as editor" in helper.get("/notifications").content.decode()
    assert "Join printers?" in helper.get("/groups/printers").content.decode()
    helper.post("/groups/printers/answer", {"yes": "1"})
    model = added(alice, "Linocut", publish=False).version.model
    assert helper.get(f"/models/{model.pk}/linocut").status_code == 404
    owner.post(f"/transfers/models/{model.pk}", {"to": "printers"})
    assert Model.objects.get().owner.username == "printers"
    assert helper.get(f"/models/{model.pk}/linocut").status_code == 200
    version = model.versions.get()
    assert helper.post(f"/model-versions/{version.pk}/publish").status_code == 302
    assert stranger.get(f"/models/{model.pk}/linocut").status_code == 200
    page = stranger.get("/u/printers").content.decode()
    for words in ("We cut and print.", "alice", "bob", "Linocut"):
        assert words in page, words
    assert stranger.get("/api/models/printers/linocut").json()["id"] == "printers/linocut"
    assert stranger.get("/api/v1/models?username=printers").json()["items"][0]["creator"]["username"] == "printers"
    assert stranger.get("/groups/printers").status_code == 404


@pytest.mark.parametrize(("role", "sees", "edits"), [("owner", 200, 200), ("editor", 200, 200), ("viewer", 200, 404)])
def test_roles(printers, alice, bob, charlie, role, sees, edits):
    joined(printers, bob, role)
    model = added(alice, "Linocut", publish=False).version.model
    groups.model_transfer(by=alice, model_id=model.pk, to="printers")
    client = signed_in(bob)
    assert client.get(f"/models/{model.pk}/linocut").status_code == sees
    assert client.get(f"/models/{model.pk}/edit").status_code == edits
    assert client.get("/api/models/printers/linocut").status_code == 200
    if role == "viewer":
        with pytest.raises(WrongFields):
            upload_start(owner=bob, filename="ink.safetensors", size=1000, fields={"model_id": model.pk})
    else:
        added(bob, "x", model_id=model.pk, publish=False, seed="second")
        assert model.versions.count() == 2
    member = {"person": "charlie", "role": "viewer"}
    assert client.post("/groups/printers/invite", member).status_code == (302 if role == "owner" else 403)


def test_a_new_model_of_the_group(printers, alice, bob):
    joined(printers, bob)
    file = added(bob, "Riso", group="Printers")
    assert file.version.model.owner == printers
    with pytest.raises(WrongFields):
        upload_start(owner=bob, filename="ink.safetensors", size=1000, fields={"group": "strangers"})


def test_its_files_count_against_its_own_quota(printers, alice, settings):
    settings.GROUP_QUOTA_BYTES = 20_000_000
    model = added(alice, "Linocut").version.model  # 19.5 MB
    groups.model_transfer(by=alice, model_id=model.pk, to="printers")
    assert quota_of(printers) == 20_000_000
    with pytest.raises(QuotaReached, match="printers has"):
        upload_start(owner=alice, filename="ink.safetensors", size=10**6, fields={"model_id": model.pk})


def test_whoever_leaves_sees_it_no_more(printers, alice, bob):
    joined(printers, bob)
    model = added(bob, "Riso", group="printers", publish=False).version.model
    client = signed_in(bob)
    assert client.get(f"/models/{model.pk}/riso").status_code == 200
    client.post("/groups/printers/members", {"person": "bob", "role": ""})
    assert client.get(f"/models/{model.pk}/riso").status_code == 404
    assert client.get("/groups/printers").status_code == 404


def test_a_group_keeps_an_owner(printers, alice):
    answer = signed_in(alice).post("/groups/printers/members", {"person": "alice", "role": ""})
    assert answer.status_code == 409
    assert signed_in(alice).post("/groups/printers/members", {"person": "alice", "role": "viewer"}).status_code == 409


def test_an_invitation_is_not_a_membership(printers, alice, bob):
    groups.member_invite(by=alice, name="printers", person="bob", role="owner")
    model = added(alice, "Linocut", publish=False).version.model
    groups.model_transfer(by=alice, model_id=model.pk, to="printers")
    client = signed_in(bob)
    assert client.get(f"/models/{model.pk}/linocut").status_code == 404
    assert client.post("/groups/printers/members", {"person": "alice", "role": ""}).status_code == 404
    client.post("/groups/printers/answer", {"yes": "0"})
    assert Membership.objects.count() == 1


def test_what_is_said_reaches_who_edits(printers, alice, bob, charlie):
    joined(printers, bob)
    model = added(alice, "Linocut").version.model
    groups.model_transfer(by=alice, model_id=model.pk, to="printers")
    model.refresh_from_db()
    comment_create(author=charlie, target=model, text="How fine!")
    review_write(author=charlie, model=model, recommends=True, text="Fine.")
    assert sorted(Notice.objects.values_list("user__username", "kind")) == [
        ("alice", "comment"), ("alice", "review"), ("bob", "comment"), ("bob", "review"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["", "a b", "models", "ALICE", "x" * 97])
def test_names_that_cannot_be(alice, name):
    answer = signed_in(alice).post("/groups", {"name": name})
    assert answer.status_code in {409, 422}
    assert not User.objects.filter(is_group=True).exists()


def test_nobody_signs_in_as_a_group(printers):
    assert not Client().login(username="printers", password="")
    answer = Client().post("/sign-in", {"login": "printers", "password": "correct horse battery"})
    assert "do not match" in answer.content.decode()


def test_others_things(printers, alice, charlie):
    theirs = added(alice, "Linocut").version.model
    client = signed_in(charlie)
    assert client.post(f"/transfers/models/{theirs.pk}", {"to": "charlie"}).status_code == 404
    mine = added(charlie, "Riso").version.model
    assert client.post(f"/transfers/models/{mine.pk}", {"to": "printers"}).status_code == 404
    assert client.post("/groups/printers/edit", {"about": "Ours now"}).status_code == 404
    assert client.post("/groups/printers/answer", {"yes": "1"}).status_code == 404
