"""state-list: how the hub is, for admins only, in sentences; no secret is told."""

from datetime import timedelta

import pytest
from django.utils import timezone, translation

from hub import queue
from hub.imports.models import Import
from hub.operator.queries import settings_list
from workers.fetch_messages import FETCH
from workers.messages import GENERATE, WORKER_ALIVE


def test_it_works(client, adam):
    client.force_login(adam)
    page = client.get("/operator").content.decode()
    for words in (
        "nothing in line.",
        "files, and",
        "answers in",
        "1 account; admins: 1, moderators: 0.",
        "MEMBER_QUOTA_BYTES",
    ):
        assert words in page


def test_a_living_worker_is_counted(client, adam):
    key = WORKER_ALIVE.format(queue=GENERATE, host="here")
    client.force_login(adam)
    queue.cache().set(key, 1, ex=30)
    try:
        assert "1 worker, nothing in line." in client.get("/operator").content.decode()
    finally:
        queue.cache().delete(key)
    assert "0 workers, nothing in line." in client.get("/operator").content.decode()


def test_imports_are_told_of(client, adam, alice):
    client.force_login(adam)
    now = timezone.now()
    for status, ended in (("waiting", None), ("failed", now), ("failed", now - timedelta(days=3))):
        Import.objects.create(owner=alice, link="x", kind="civitai", server="https://civitai.com", target={"model": 7},
                              status=status, finished_at=ended)  # fmt: skip
    key = WORKER_ALIVE.format(queue=FETCH, host="here")
    queue.cache().set(key, 1, ex=30)
    try:
        page = client.get("/operator").content.decode()
    finally:
        queue.cache().delete(key)
    assert "1 worker, 1 import on its way. 1 failed since yesterday." in page


def test_htmx_gets_the_part_that_changes(client, adam):
    client.force_login(adam)
    part = client.get("/operator", headers={"HX-Request": "true", "HX-Target": "states"}).content.decode()
    assert part.lstrip().startswith("<dl")


@pytest.mark.parametrize("who", ["alice", "mona"])
def test_others_find_nothing(client, request, who):
    client.force_login(request.getfixturevalue(who))
    assert client.get("/operator").status_code == 404


def test_it_is_for_people(client):
    assert client.get("/operator")["Location"].startswith("/sign-in")


def test_no_secret_is_told(settings):
    settings.SECRET_KEY = settings.S3_SECRET_KEY = "do not tell"
    settings.DATABASE_URL = "postgresql://weightroom:do not tell@db/weightroom"
    listed = settings_list()
    assert {one.name for one in listed} >= {"SECRET_KEY", "DATABASE_URL", "MAX_UPLOAD_BYTES"}
    assert not [one for one in listed if "do not tell" in one.value]
    assert all(one.reason for one in listed)


def test_every_setting_has_its_reason_in_german():
    english = {setting.name: setting.reason for setting in settings_list()}
    with translation.override("de"):
        same = [setting.name for setting in settings_list() if setting.reason == english[setting.name]]
    assert same == []
