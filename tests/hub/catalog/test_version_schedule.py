"""A version becomes public at a moment that its owner chose: by the page, by the API, or while it is uploaded."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from hub.catalog.actions import file_add, version_publish
from hub.catalog.models import Version
from hub.catalog.schedule import versions_due
from tests.hub.catalog.files import added, report
from tests.hub.catalog.test_version_create import Script


def signed_in(person):
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def draft(alice):
    return added(alice, "Riso", publish=False).version


def when(version):
    return Version.objects.get(pk=version.pk).publish_at


def past(version):
    Version.objects.filter(pk=version.pk).update(publish_at=timezone.now() - timedelta(seconds=1))


def test_it_works(draft, alice):
    owner, address = signed_in(alice), f"/model-versions/{draft.pk}/schedule"
    tomorrow = (timezone.now() + timedelta(days=1)).replace(second=0, microsecond=0)
    assert owner.post(address, {"at": tomorrow.strftime("%Y-%m-%dT%H:%M")}).status_code == 302
    assert when(draft) == tomorrow
    page = owner.get(f"/models/{draft.model_id}", follow=True).content.decode()
    assert "becomes public by itself" in page
    assert tomorrow.strftime("%Y-%m-%dT%H:%M") in page
    assert versions_due() == 0
    assert Client().get(f"/models/{draft.model_id}").status_code == 404
    past(draft)
    assert versions_due() == 1
    assert "Riso" in Client().get("/models").content.decode()
    assert when(draft) is None


def test_another_word(draft, alice):
    owner, address = signed_in(alice), f"/model-versions/{draft.pk}/schedule"
    owner.post(address, {"at": "2099-01-01T10:00"})
    assert when(draft) is None, "beyond two years"
    for wrong in ("2020-01-01T10:00", "soon"):
        assert owner.post(address, {"at": wrong}).status_code == 422
    in_an_hour = timezone.now() + timedelta(hours=1)
    owner.post(address, {"at": in_an_hour.strftime("%Y-%m-%dT%H:%M")})
    assert when(draft)
    owner.post(address, {"at": ""})
    assert when(draft) is None
    version_publish(version=draft, by=alice)
    assert owner.post(address, {"at": in_an_hour.strftime("%Y-%m-%dT%H:%M")}).status_code == 422


def test_by_a_script(draft, alice):
    script, at = Script(alice), (timezone.now() + timedelta(days=2)).isoformat()
    answer = script.asks("PATCH", f"model-versions/{draft.pk}", {"publish_at": at, "name": "v2"}).json()
    assert datetime.fromisoformat(answer["publish_at"]) == datetime.fromisoformat(at)
    assert answer["name"] == "v2"
    assert script.asks("PATCH", f"model-versions/{draft.pk}", {"publish_at": None}).json()["publish_at"] is None
    refused = script.asks("PATCH", f"model-versions/{draft.pk}", {"publish_at": "2001-01-01T00:00:00Z", "name": "v9"})
    assert refused.status_code == 422
    draft.refresh_from_db()
    assert draft.name == "v2"


def test_with_the_upload(alice):
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    fields = {"publish": True, "publish_at": later, "model_name": "Later"}
    waits = file_add(owner=alice, report=report(), filename="l.safetensors", fields=fields).version
    assert (waits.status, waits.publish_at.isoformat()) == ("draft", later)
    gone_by = fields | {"publish_at": "2001-01-01T00:00:00+00:00", "model_name": "Now"}
    assert (
        file_add(owner=alice, report=report(), filename="n.safetensors", fields=gone_by).version.status == "published"
    )


def test_what_is_not_accepted_waits_on(draft, alice):
    past(draft)
    draft.files.update(verdict="unknown")
    assert versions_due() == 0
    draft.files.update(verdict="accepted")
    type(draft.model).objects.filter(pk=draft.model_id).update(locked=True)
    assert versions_due() == 0, "a moderator's word stands above a clock"
    type(draft.model).objects.filter(pk=draft.model_id).update(locked=False)
    assert versions_due() == 1


def test_others_versions_are_not_there(draft, charlie):
    assert (
        signed_in(charlie).post(f"/model-versions/{draft.pk}/schedule", {"at": "2027-11-01T10:00"}).status_code == 404
    )
