"""People as admins see them: found, given roles and quotas, closed with a reason; each change is in the audit log."""

import pytest
from django.test import Client

from hub.accounts.actions import token_create
from hub.accounts.models import User
from hub.accounts.queries import quota_of
from hub.moderation.models import Entry
from hub.templatetags.weightroom import size
from tests.hub.catalog.files import added


@pytest.fixture
def admin(adam) -> Client:
    client = Client()
    client.force_login(adam)
    return client


def test_it_works(admin, alice, bob, mona):
    added(alice, "Linocut")
    page = admin.get("/operator/people").content.decode()
    for words in ("alice", "bob@example.org", "mona", "1 model<", size(19_531_776)):
        assert words in page, words
    page = admin.get("/operator/people?query=ALI").content.decode()
    assert "alice" in page
    assert "bob@" not in page
    assert "mona" in admin.get("/operator/people?who=moderator").content.decode()
    assert "Nobody is called like that." in admin.get("/operator/people?query=nobody").content.decode()


def test_roles_and_quotas(admin, alice):
    admin.post(f"/operator/people/{alice.pk}/role", {"role": "moderator"})
    admin.post(f"/operator/people/{alice.pk}/quota", {"gib": "1,5"})
    alice.refresh_from_db()
    assert (alice.role, quota_of(alice)) == ("moderator", 3 * 2**29)
    assert 'size="6" value="1.5"' in admin.get("/operator/people?query=alice").content.decode()
    admin.post(f"/operator/people/{alice.pk}/quota", {"gib": ""})
    alice.refresh_from_db()
    assert alice.quota_bytes is None
    assert [line.action for line in Entry.objects.order_by("id")] == ["role-set", "quota-set", "quota-set"]


@pytest.mark.parametrize("gib", ["-1", "nan", "inf", "many", "1e30"])
def test_what_is_no_quota(admin, alice, gib):
    assert admin.post(f"/operator/people/{alice.pk}/quota", {"gib": gib}).status_code == 400
    assert not Entry.objects.exists()


def test_a_closed_account(admin, adam, alice):
    token = token_create(user=alice, name="x", scopes=["read"])[1]
    session = Client()
    session.force_login(alice)
    assert admin.post(f"/operator/people/{alice.pk}/close", {"closed": "1", "reason": ""}).status_code == 422
    admin.post(f"/operator/people/{alice.pk}/close", {"closed": "1", "reason": "Sold stolen models."})
    assert session.get("/settings").status_code == 302
    assert Client(headers={"Authorization": f"Bearer {token}"}).get("/api/v1/tokens").status_code == 401
    line = Entry.objects.get()
    assert (line.action, line.reason, line.actor) == ("banned", "Sold stolen models.", adam)
    assert "alice" in admin.get("/operator/people?who=closed").content.decode()
    admin.post(f"/operator/people/{alice.pk}/close", {"closed": "0", "reason": "It was somebody else."})
    assert User.objects.get(pk=alice.pk).is_active


def test_the_last_admin_stays(admin, adam):
    assert admin.post(f"/operator/people/{adam.pk}/close", {"closed": "1", "reason": "Bye."}).status_code == 409
    assert admin.post(f"/operator/people/{adam.pk}/role", {"role": "member"}).status_code == 409


def test_only_admins(mona, alice):
    for person in (mona, alice):
        client = Client()
        client.force_login(person)
        assert client.get("/operator/people").status_code == 404
        for name, sent in (
            ("role", {"role": "admin"}),
            ("quota", {"gib": "1"}),
            ("close", {"closed": "1", "reason": "x y"}),
        ):
            assert client.post(f"/operator/people/{alice.pk}/{name}", sent).status_code == 404
    assert User.objects.get(pk=alice.pk).is_active
    assert not Entry.objects.exists()


def test_queues_and_space(admin, alice):
    added(alice, "Linocut")
    page = admin.get("/operator").content.decode()
    for words in ("Queues and workers", "<code>generate</code>", "In quarantine", size(19_531_776)):
        assert words in page, words
