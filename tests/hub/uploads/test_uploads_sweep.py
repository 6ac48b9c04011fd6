"""`hub.uploads.sweep`: what is overdue is asked again, what nobody wants is let go."""

import uuid
from datetime import timedelta

import msgspec
import pytest
from django.core.cache import cache
from django.test import TestCase
from django.utils import timezone

from hub import queue, storage
from hub.uploads import actions, tasks
from hub.uploads.models import Upload
from tests.hub.uploads.conftest import PART, in_store, random_file
from workers.messages import Inspecting, progress_key


def sweep() -> None:
    with TestCase.captureOnCommitCallbacks(execute=True):
        tasks.sweep()


def age(upload_id, **fields) -> None:
    Upload.objects.filter(id=upload_id).update(**fields)


def test_it_works_on_what_is_overdue(api, mail, settings):
    upload = api.arrive(random_file())
    mail.take()
    sweep()
    assert not mail.take()  # not overdue yet
    age(upload.id, sent_at=timezone.now() - timedelta(seconds=settings.INSPECTION_SILENT_SECONDS + 5))
    sweep()
    sweep()
    [(payload, _)] = mail.take()
    assert payload["attempt"] == 2


def heard(upload, stage: str, seconds_ago: float) -> None:
    news = Inspecting(upload_id=str(upload.id), attempt=1, stage=stage, at=timezone.now().timestamp() - seconds_ago)
    queue.cache().set(progress_key(str(upload.id)), msgspec.json.encode(news))


@pytest.mark.parametrize(
    ("stage", "seconds_ago", "asked_again"),
    [("fetching", 2, False), ("checks", 60, True), ("storing", 15, False), ("storing", 300, True)],
)
def test_a_sign_of_life_keeps_it_from_being_asked_again(api, mail, stage, seconds_ago, asked_again):
    """However long it takes: the inspector itself gives up in time, and says so."""
    upload = api.arrive(random_file())
    mail.take()
    age(upload.id, sent_at=timezone.now() - timedelta(minutes=8))
    heard(upload, stage, seconds_ago)
    sweep()
    assert bool(mail.take()) == asked_again


def test_what_waits_in_line_is_not_lost(api, mail):
    upload = api.arrive(random_file())
    age(upload.id, sent_at=timezone.now() - timedelta(minutes=30))
    sweep()
    assert [payload["attempt"] for payload, _ in mail.take()] == [1]


def test_after_the_last_try_its_owner_reads_why(api, mail, settings):
    upload = api.arrive(random_file())
    mail.take()
    age(upload.id, attempt=settings.JOB_ATTEMPTS, sent_at=timezone.now() - timedelta(hours=2))
    sweep()
    upload.refresh_from_db()
    assert upload.status == "unknown"
    assert "did not finish in 3 tries" in upload.findings[0]["sentence"]
    assert not mail.take()


def test_abandoned_parts_are_aborted(api, settings):
    settings.UPLOAD_PART_BYTES = PART
    data = random_file(PART + 1)
    upload, fresh = api.start(size=len(data)), api.start()
    api.send(upload, data, [1])
    row = Upload.objects.get(id=upload["id"])
    assert len(list(storage.multiparts(row.key))) == 1
    age(row.id, touched_at=timezone.now() - timedelta(hours=settings.UPLOAD_ABANDONED_HOURS, minutes=1))
    sweep()
    row.refresh_from_db()
    assert row.status == "aborted"
    assert list(storage.multiparts(row.key)) == []
    assert Upload.objects.get(id=fresh["id"]).status == "waiting"


def test_a_whole_file_whose_completion_was_not_heard_goes_on(api, mail):
    data = random_file()
    upload = api.start(size=len(data))
    api.send(upload, data)
    row = Upload.objects.get(id=upload["id"])
    storage.multipart_complete(row.key, row.s3_upload_id, storage.parts(row.key, row.s3_upload_id))
    age(row.id, touched_at=timezone.now() - timedelta(days=2))
    sweep()
    row.refresh_from_db()
    assert row.status == "inspecting"
    assert len(mail.take()) == 1


def test_refused_objects_go_after_a_week(api, settings):
    upload = api.arrive(random_file())
    age(upload.id, status="refused", finished_at=timezone.now() - timedelta(days=6))
    sweep()
    assert in_store(upload.key)
    age(upload.id, finished_at=timezone.now() - timedelta(days=settings.UPLOAD_REFUSED_DAYS, minutes=1))
    sweep()
    assert in_store(upload.key) is None
    upload.refresh_from_db()
    assert not upload.stored
    assert upload.findings == []  # the row and its sentences stay


def test_what_was_left_over_after_an_end_goes_at_once(api):
    upload = api.arrive(random_file())
    age(upload.id, status="aborted", finished_at=timezone.now())
    sweep()
    assert in_store(upload.key) is None


@pytest.mark.django_db
def test_orphans_without_a_row_are_cleared(settings):
    prefix = f"incoming/test-{uuid.uuid4()}/"
    client = storage.client()
    client.put_object(Bucket=settings.S3_BUCKET, Key=f"{prefix}object", Body=b"x")
    client.create_multipart_upload(Bucket=settings.S3_BUCKET, Key=f"{prefix}parts")
    actions.orphans_clear(prefix)
    assert len(list(storage.multiparts(prefix))) == len(list(storage.incoming_objects(prefix))) == 1  # too young
    settings.UPLOAD_ABANDONED_HOURS = -actions.ORPHAN_HOURS - 1
    actions.orphans_clear(prefix)
    assert list(storage.multiparts(prefix)) == list(storage.incoming_objects(prefix)) == []


@pytest.mark.django_db
def test_orphans_that_a_row_speaks_for_stay(alice, settings):
    prefix = f"incoming/test-{uuid.uuid4()}/"
    key = f"{prefix}mine"
    Upload.objects.create(owner=alice, filename="a.safetensors", size=1, part_size=PART, key=key, stored=True)
    storage.client().put_object(Bucket=settings.S3_BUCKET, Key=key, Body=b"x")
    multipart = storage.multipart_start(key)
    settings.UPLOAD_ABANDONED_HOURS = -actions.ORPHAN_HOURS - 1
    actions.orphans_clear(prefix)
    assert len(list(storage.multiparts(prefix))) == len(list(storage.incoming_objects(prefix))) == 1
    storage.multipart_abort(key, multipart)
    storage.drop(key)


@pytest.fixture(autouse=True)
def _no_hunt_for_orphans():
    """The store is shared with whatever else runs on it; orphans are only looked for under a test's own prefix."""
    cache.set("uploads:orphans-looked-for", 1, timeout=60)
