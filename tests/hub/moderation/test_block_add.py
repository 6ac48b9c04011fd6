"""`block-add`: bytes that may not come in, by a digest of theirs; `block-list`, `block-lift`."""

import base64
import hashlib
import json
from contextlib import contextmanager

import pytest
from django.core.management import call_command

from hub import queue
from hub.catalog.hashes import EMPTY
from hub.catalog.models import Block, File
from hub.gallery.models import Picture
from hub.moderation.models import Case, Entry
from hub.moderation.tasks import blocked_tell
from hub.moderation.telling import blocked_sweep
from tests.hub.catalog.files import added
from tests.hub.gallery.conftest import draw, linocut, nano  # noqa: F401  fixtures
from tests.hub.moderation.conftest import Api, random_file, report
from tests.hub.moderation.test_case_appeal import MINE, RIGHT
from tests.hub.moderation.test_case_decide import signed_in
from tests.hub.uploads.test_upload_inspected import answer
from workers.messages import HUB

WHY = "It reads the passwords of whoever loads it."


def test_it_works(api, monas):
    data = random_file()
    sha256 = hashlib.sha256(data).hexdigest()
    made = monas("POST", "/blocks", {"kind": "sha256", "value": f"0x{sha256.upper()}", "sentence": WHY}, status=201)
    assert made["value"] == sha256
    upload = api.arrive(data)
    answer(report(upload, data))
    upload.refresh_from_db()
    assert upload.status == "refused"
    assert upload.findings[-1]["sentence"] == f"This hub does not take this file: {WHY}"
    monas("POST", f"/blocks/{made['id']}/lift", {"sentence": "It was another file."}, status=204)
    again = api.arrive(data)
    answer(report(again, data))
    again.refresh_from_db()
    assert again.status == "accepted"
    assert [line.action for line in Entry.objects.order_by("id")] == ["blocked", "unblocked"]


def test_what_is_here_is_held_back_by_its_tensors_too(api, alice, monas, monas_page):
    file = added(alice, "Ink")
    autov3 = hashlib.sha256(b"3alice/Ink").hexdigest()[:12]
    said = {"kind": "autov3", "value": autov3, "sentence": WHY}
    page = monas_page.post("/moderation/blocks/add", said, follow=True).content.decode()
    assert "1 here is held back now" in page
    assert WHY in page
    file.refresh_from_db()
    assert file.verdict == "refused"
    data = random_file()
    upload = api.arrive(data)  # other bytes, the same tensors
    digests = {"sha256": hashlib.sha256(data).hexdigest(), "autov3": autov3}
    answer(report(upload, data, digests=digests))
    upload.refresh_from_db()
    assert upload.status == "refused"


def test_a_picture(alice, bob, monas, draw):  # noqa: F811
    picture = draw(alice, visible=True)
    monas("POST", "/blocks", {"kind": "picture", "value": picture.sha256, "sentence": WHY}, status=201)
    assert Picture.objects.get().held
    assert draw(bob, visible=True).held  # drawn again, the same bytes


@pytest.fixture
def blocked(alice, monas, draw):  # noqa: F811
    """The digest of a picture of Alice's that was blocked."""
    picture = draw(alice, visible=True)
    monas("POST", "/blocks", {"kind": "picture", "value": picture.sha256, "sentence": WHY}, status=201)
    return picture.sha256


@pytest.fixture
def committed(django_capture_on_commit_callbacks):
    """Commit, and do what the hub's own worker is asked to do then."""

    @contextmanager
    def done():
        queue.cache().delete(HUB)
        with django_capture_on_commit_callbacks(execute=True):
            yield
        while raw := queue.cache().rpop(HUB):
            asked = json.loads(raw)
            if asked["headers"]["task"] == blocked_tell.name:
                blocked_tell(*json.loads(base64.b64decode(asked["body"]))[0])

    return done


def test_whoever_draws_it_later_is_told_why_and_may_answer(blocked, bob, draw, adams, committed):  # noqa: F811
    with committed():
        picture = draw(bob, visible=True)
    notice = bob.notices.get()
    assert "A moderator hid this picture, whoever has it." in notice.sentence
    assert WHY in notice.sentence
    page = signed_in(bob).get(f"/pictures/{picture.pk}").content.decode()
    assert notice.address in page
    with committed():
        again = draw(bob)
    assert bob.notices.count() == 1, "the same decision, told once"
    assert notice.address in signed_in(bob).get(f"/pictures/{again.pk}").content.decode()
    blocked_sweep()
    assert bob.notices.count() == 1
    case = Case.objects.get(owner=bob)
    signed_in(bob).post(f"{notice.address}/answer", MINE)
    adams("POST", f"/cases/{case.pk}/appeal", RIGHT)
    assert [one.held for one in Picture.objects.filter(owner=bob)] == [False, False]
    assert [one.held for one in Picture.objects.exclude(owner=bob)] == [True], "Alice's stays as it was decided"


def test_where_the_message_was_lost_the_sweep_tells(blocked, bob, draw):  # noqa: F811
    draw(bob)
    assert not bob.notices.exists()
    blocked_sweep()
    blocked_sweep()
    assert WHY in bob.notices.get().sentence


@pytest.mark.parametrize(
    ("kind", "value"),
    [("sha256", "ab" * 31), ("sha256", "g" * 64), ("autov3", "ab" * 5), ("picture", ""), ("sha256", EMPTY)],
)  # fmt: skip
def test_what_is_no_digest(monas, kind, value, monas_page):
    monas("POST", "/blocks", {"kind": kind, "value": value, "sentence": WHY}, status=422 if value else 400)
    page = monas_page.post("/moderation/blocks/add", {"kind": kind, "value": value, "sentence": WHY})
    assert page.status_code == 422
    assert WHY in page.content.decode()


def test_twice(monas):
    block = {"kind": "sha256", "value": "ab" * 32, "sentence": WHY}
    monas("POST", "/blocks", block, status=201)
    monas("POST", "/blocks", block, status=409)
    assert len(monas("GET", "/blocks")) == 1


def test_at_the_command_line(alice, capsys, tmp_path):
    file = added(alice, "Ink")
    call_command("block", "add", file.blob_id, "--why", WHY)
    assert "1 here is held back now" in capsys.readouterr().out
    assert File.objects.get().verdict == "refused"
    call_command("block", "list")
    assert file.blob_id in capsys.readouterr().out
    call_command("block", "lift", file.blob_id, "--why", "It was another file.")
    assert not Block.objects.exists()
    assert [line.actor for line in Entry.objects.all()] == [None] * 3


def test_only_moderators(alice, charlie, monas_page):
    api = Api(charlie, "/api/v1/moderation")
    api("GET", "/blocks", status=403)
    api("POST", "/blocks", {"kind": "sha256", "value": "ab" * 32, "sentence": WHY}, status=403)
    api("POST", "/blocks/1/lift", {"sentence": WHY}, status=403)
    assert not Block.objects.exists()
