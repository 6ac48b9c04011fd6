"""`recheck-start` and what follows: the library is inspected anew in the background, and verdicts reach the files."""

import base64
import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client, TestCase
from django.utils import timezone

from hub import queue
from hub.catalog.models import Blob, File
from hub.moderation import rechecks, tasks
from hub.moderation.models import Entry, Recheck, RecheckItem
from tests.hub.moderation.conftest import DANGER, Api, accepted, downloads, random_file
from workers import messages
from workers.messages import INSPECT, Failed, Finding, Inspected, blob_key, pack


@pytest.fixture
def newer():
    """The inspectors judge by other rules than when these files came in."""
    queue.cache().set(messages.RULES, "newer-rules")
    yield "newer-rules"
    queue.cache().delete(messages.RULES, f"{INSPECT}\x06\x169")


def take() -> list[dict]:
    """What was sent at the lowest priority."""
    found = []
    while raw := queue.cache().rpop(f"{INSPECT}\x06\x169"):
        args, _, _ = json.loads(base64.b64decode(json.loads(raw)["body"]))
        assert args[1] == "hub.moderation.rechecked"
        found.append(args[0])
    return found


def answer(message: Inspected | Failed) -> None:
    with TestCase.captureOnCommitCallbacks(execute=True):
        tasks.rechecked(pack(message))


def judged(asked: dict, verdict: str = "accepted", **more) -> Inspected:
    sha256 = asked["key"].rsplit("/", 1)[-1]
    known = {"digests": {"sha256": sha256}, "kind": "lora", "base_family": "sd1", "format": "SafeTensor"}
    known |= {"rules": "newer-rules", "summary": {"rank": 16}, "size": asked["size"]}
    return Inspected(upload_id=asked["upload_id"], attempt=asked["attempt"], verdict=verdict, **(known | more))


def test_it_works(api, adams, alice, charlie, newer):
    good, bad = accepted(api, random_file()), accepted(api, random_file(), model_name="Bad")
    told = adams("POST", "/rechecks", {}, status=201)
    assert told["counts"] == {"total": 2, "done": 0, "failed": 0, "changed": 0}
    asked = {message["key"]: message for message in take()}
    assert set(asked) == {blob_key(good.file.blob_id), blob_key(bad.file.blob_id)}
    assert asked[blob_key(bad.file.blob_id)]["name"] == bad.file.name
    answer(judged(asked[blob_key(good.file.blob_id)]))
    page = Client()
    page.force_login(charlie)
    assert adams("GET", "/rechecks")[0]["counts"]["done"] == 1
    answer(judged(asked[blob_key(bad.file.blob_id)], "refused", findings=(DANGER,)))

    recheck = Recheck.objects.get()
    assert recheck.finished_at
    assert adams("GET", "/rechecks")[0]["counts"] == {"total": 2, "done": 2, "failed": 0, "changed": 1}
    assert downloads()(good.file) == 307
    assert downloads()(bad.file) == 404
    assert set(Blob.objects.values_list("rules", flat=True)) == {"newer-rules"}
    page.force_login(alice)
    text = page.get(f"/models/{bad.version.model_id}", follow=True).content.decode()
    assert "it is refused now. It is in quarantine." in text
    assert "The header promises more data than the file holds." in text
    line = Entry.objects.get(action="judged-anew")
    assert (line.actor, line.before, line.after, line.owner) == (None, "accepted", "refused", "alice")
    assert line.reason == "The header promises more data than the file holds."
    assert Entry.objects.get(action="recheck-started").actor.username == "adam"


def test_a_repeated_answer_and_one_to_an_earlier_try_change_nothing(api, adams, newer):
    upload = accepted(api, random_file())
    adams("POST", "/rechecks", {}, status=201)
    [asked] = take()
    RecheckItem.objects.update(attempt=2)
    answer(judged(asked, "refused", findings=(DANGER,)))
    assert downloads()(upload.file) == 307
    RecheckItem.objects.update(attempt=1)
    answer(judged(asked))
    answer(judged(asked, "refused", findings=(DANGER,)))
    assert downloads()(upload.file) == 307


def test_what_the_present_rules_judged_is_left_out_unless_everything_is_asked_for(api, adams, newer):
    accepted(api, random_file())
    Blob.objects.update(rules=newer)
    assert adams("POST", "/rechecks", {}, status=409)["code"] == "nothing-to-inspect"
    assert not Recheck.objects.exists()
    assert adams("POST", "/rechecks", {"everything": True}, status=201)["counts"]["total"] == 1


def test_one_at_a_time(api, adams, newer):
    accepted(api, random_file())
    adams("POST", "/rechecks", {}, status=201)
    assert adams("POST", "/rechecks", {}, status=409)["code"] == "already-running"


def test_a_few_at_once_after_those_that_people_upload(api, adams, newer, monkeypatch):
    monkeypatch.setattr(rechecks, "AT_ONCE", 2)
    for n in range(5):
        accepted(api, random_file(), model_name=str(n))
    adams("POST", "/rechecks", {}, status=201)
    seen = []
    while asked := take():
        assert len(asked) <= 2
        seen += asked
        for one in asked:
            answer(judged(one))
    assert len({one["key"] for one in seen}) == 5
    assert Recheck.objects.get().finished_at
    assert queue.waiting(INSPECT, up_to=0) >= 0


def test_a_store_that_is_silent_leaves_the_verdict_as_it_was(api, adams, newer, settings):
    settings.JOB_ATTEMPTS = 2
    upload = accepted(api, random_file())
    adams("POST", "/rechecks", {}, status=201)
    for _ in range(2):
        [asked] = take()
        answer(Failed(id=asked["upload_id"], attempt=asked["attempt"], code="store", sentence="Silent.", retry=True))
    assert adams("GET", "/rechecks")[0]["counts"]["failed"] == 1
    assert downloads()(upload.file) == 307
    assert Recheck.objects.get().finished_at


def test_a_lost_message_is_sent_again(api, adams, newer, mail):
    accepted(api, random_file())
    mail.take()
    adams("POST", "/rechecks", {}, status=201)
    take()
    RecheckItem.objects.update(sent_at=timezone.now() - timedelta(minutes=5))
    with TestCase.captureOnCommitCallbacks(execute=True):
        tasks.rechecks_feed()
    assert [asked["attempt"] for asked in take()] == [2]


def test_what_a_moderator_decided_stands(api, adams, newer):
    """Released, until a danger is found that they had not seen; in quarantine, whatever the rules say."""
    lifted, held = accepted(api, random_file()), accepted(api, random_file(), model_name="Held")
    adams("POST", f"/files/{held.file_id}/verdict", {"verdict": "refused", "reason": "Stolen."})
    found = [{"severity": "danger", "sentence": DANGER.sentence, "evidence": ""}]
    File.objects.filter(pk=lifted.file_id).update(verdict="refused", findings=found)
    adams("POST", f"/files/{lifted.file_id}/verdict", {"verdict": "accepted", "reason": "It is sound."})

    def again(*dangers: Finding) -> dict[int, str]:
        adams("POST", "/rechecks", {"everything": True}, status=201)
        for asked in take():
            mine = blob_key(lifted.file.blob_id) == asked["key"]
            answer(judged(asked, "refused", findings=dangers) if mine else judged(asked))
        return dict(File.objects.values_list("id", "verdict"))

    assert again(DANGER) == {lifted.file_id: "accepted", held.file_id: "refused"}
    unseen = Finding("danger", "A tensor's bytes are a program.")
    assert again(DANGER, unseen) == {lifted.file_id: "refused", held.file_id: "refused"}


def test_bytes_that_decayed_are_found(api, adams, newer):
    upload = accepted(api, random_file())
    adams("POST", "/rechecks", {}, status=201)
    [asked] = take()
    answer(judged(asked, digests={"sha256": "0" * 64}))
    assert downloads()(upload.file) == 404
    assert "no longer those of their digest" in Entry.objects.get(action="judged-anew").reason


def test_refused_wrongly_it_is_released_by_better_rules(api, adams, newer):
    upload = accepted(api, random_file())
    for verdict, findings in (("refused", (DANGER,)), ("accepted", ())):
        adams("POST", "/rechecks", {"everything": True}, status=201)
        [asked] = take()
        answer(judged(asked, verdict, findings=findings))
    assert downloads()(upload.file) == 307
    assert File.objects.get().findings[0]["sentence"].endswith("it is accepted now.")


def test_recheck_stop(api, adams, newer, adam):
    accepted(api, random_file())
    adams("POST", "/rechecks", {}, status=201)
    page = Client()
    page.force_login(adam)
    page.post("/moderation/rechecks/stop")
    recheck = Recheck.objects.get()
    assert recheck.finished_at
    assert recheck.stopped
    take()
    tasks.rechecks_feed()
    assert take() == []


def test_recheck_list_and_recheck_status_pages(api, adams, adam, mona, newer):
    accepted(api, random_file())
    page = Client()
    page.force_login(adam)
    shown = page.get("/moderation/rechecks").content.decode()
    assert "newer-rules" in shown
    assert "Inspect that 1 file" in shown
    assert page.get("/moderation/rechecks/status").status_code == 286
    with TestCase.captureOnCommitCallbacks(execute=True):
        assert page.post("/moderation/rechecks/start", {"what": "older"}, follow=True).status_code == 200
    status = page.get("/moderation/rechecks/status")
    assert status.status_code == 200
    assert '<progress value="0" max="1"' in status.content.decode()
    [asked] = take()
    answer(judged(asked))
    assert "1 of 1 inspected" in page.get("/moderation/rechecks/status").content.decode()
    page.force_login(mona)
    assert "Admins begin and stop inspections." in page.get("/moderation/rechecks").content.decode()


def test_only_admins_begin_one(api, monas, alice, newer):
    accepted(api, random_file())
    monas("POST", "/rechecks", {}, status=403)
    Api(alice, "/api/v1/moderation")("POST", "/rechecks", {}, status=403)
    assert not Recheck.objects.exists()


def test_by_command(api, newer):
    accepted(api, random_file())
    said = StringIO()
    call_command("recheck", stdout=said)
    assert "1 files are inspected anew" in said.getvalue()
    Recheck.objects.update(finished_at=timezone.now())
    Blob.objects.update(rules=newer)
    call_command("recheck", stdout=said)
    assert "judged by the present rules" in said.getvalue()


def test_something_else_is_a_defect(db):
    with pytest.raises(TypeError):
        tasks.rechecked({"type": "HeaderRead", "upload_id": "1", "read": False})
    tasks.rechecked(pack(Failed(id="not-ours", attempt=1, code="x", sentence="x")))
