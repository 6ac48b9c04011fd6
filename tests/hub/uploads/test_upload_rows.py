"""The fragments of the page's rows: row, status, fields, publish, remove."""

import re

import httpx
import pytest
from django.test import Client

from hub import queue
from hub.catalog.models import Version
from hub.uploads import queries, tasks
from hub.uploads.models import Upload
from tests.hub.uploads.conftest import Api, in_store, random_file, report
from workers.messages import Finding, Inspecting, Scan

HTMX = {"hx-request": "true", "accept": "text/html"}


@pytest.fixture
def page(alice) -> Client:
    client = Client(headers=HTMX)
    client.force_login(alice)
    return client


@pytest.fixture
def charlies_page(charlie) -> Client:
    client = Client(headers=HTMX)
    client.force_login(charlie)
    return client


def test_upload_row(page, api):
    upload = api.start("Ink_wash-v2.safetensors")
    html = page.get(f"/uploads/{upload['id']}/row").content.decode()
    assert 'placeholder="Ink wash v2"' in html
    assert f'id="upload-{upload["id"]}"' in html
    assert 'hx-trigger="every 1s"' not in html  # the script moves it now


def test_status_while_it_is_checked(page, api):
    upload = api.arrive(random_file())
    answer = page.get(f"/uploads/{upload.id}/status")
    html = answer.content.decode()
    assert answer.status_code == 200
    assert "No inspector is running just now." in html  # none is, in these tests
    assert 'hx-trigger="every 1s"' in html


@pytest.mark.parametrize(
    ("news", "words", "value"),
    [
        ({"stage": "fetching", "done": 312_000_000, "total": 900_000_000}, "312 MB of 900 MB", 24),
        ({"stage": "digests"}, "Computing its digests.", 70),
        ({"stage": "checks", "what": "weights finite", "done": 4, "total": 5}, "numbers are finite (5 of 5)", 87),
        ({"stage": "conversion"}, "in a sandbox", 90),
        ({"stage": "scans", "what": "picklescan"}, "Asking picklescan", 94),
        ({"stage": "storing"}, "Storing it.", 97),
    ],
)
def test_each_step_of_an_inspection_is_told(page, api, news, words, value):
    upload = api.arrive(random_file())
    queue.say(Inspecting(upload_id=str(upload.id), attempt=1, **news))
    html = page.get(f"/uploads/{upload.id}/status").content.decode()
    assert words in html
    assert f'<progress value="{value}" max="100"' in html
    assert 'aria-current="step"' in html
    assert api("GET", f"/{upload.id}")["inspecting"]["stage"] == news["stage"]


def test_news_of_a_try_that_was_given_up_is_not_told(page, api):
    upload = api.arrive(random_file())
    queue.say(Inspecting(upload_id=str(upload.id), attempt=1, stage="storing"))
    Upload.objects.filter(id=upload.id).update(attempt=2)
    html = page.get(f"/uploads/{upload.id}/status").content.decode()
    assert "Storing it." not in html
    assert "Try 2: the one before did not finish." in html


def test_upload_file_is_given_back_to_its_owner_alone(page, charlies_page, mona, api):
    data = random_file()
    upload = api.arrive(data)
    assert page.get(f"/uploads/{upload.id}/file").status_code == 404  # it is being judged
    tasks.inspected(report(upload, data, verdict="refused", findings=(Finding("danger", "It is not sound."),)))
    answer = page.get(f"/uploads/{upload.id}/file")
    assert answer.status_code == 302
    fetched = httpx.get(answer.headers["Location"])
    assert fetched.content == data
    assert "attachment" in fetched.headers["Content-Disposition"]
    assert charlies_page.get(f"/uploads/{upload.id}/file").status_code == 404
    moderator = Client()
    moderator.force_login(mona)
    assert moderator.get(f"/uploads/{upload.id}/file").status_code == 404


def test_upload_status_at_the_end(page, api):
    data = random_file()
    upload = api.arrive(data, fields={"model_name": "<b>Ink</b>"})
    tasks.inspected(report(upload, data, findings=(Finding("warning", "4 of 268 keys are <i>unknown</i>."),)))
    answer = page.get(f"/uploads/{upload.id}/status")
    html = answer.content.decode()
    assert answer.status_code == 286
    assert "Accepted, with a note" in html
    assert "Publish now" in html
    assert 'hx-swap-oob="delete"' in html
    assert "<b>" not in html
    assert "<i>unknown" not in html


def test_what_has_ended_is_taken_away_once(page, api, monkeypatch):
    """While the strip is drawn the row goes on asking; htmx complains of whatever it is told to take away twice."""
    frame = queries.FrameView(0.8, "drawn", "A cat, with Ink at 0.8", "/pictures/1/file", 128, 128)
    monkeypatch.setattr(
        queries, "drawing_of", lambda version: queries.Drawing(drawn=1, frames=4, coming=3, shown=[frame])
    )
    data = random_file()
    upload = api.arrive(data)
    asked = re.search(r'hx-get="([^"]+)"', page.get(f"/uploads/{upload.id}/status").content.decode())[1]
    tasks.inspected(report(upload, data))
    first = page.get(asked).content.decode()
    assert 'hx-swap-oob="delete"' in first
    following = page.get(re.search(r'hx-get="([^"]+)"', first)[1]).content.decode()
    assert "Drawing its strip, 1 of 4" in following
    assert '<img src="/pictures/1/file" alt="A cat, with Ink at 0.8"' in following, "what is drawn is seen at once"
    assert "hx-swap-oob" not in following


def test_status_tells_a_pickles_tier_and_second_opinions(page, api):
    data = random_file()
    upload = api.arrive(data, "ink.ckpt")
    scans = (
        Scan(tool="picklescan", version="1.0.5", verdict="flagged", findings=("<i>dangerous name os.system",)),
        Scan(tool="hayward", version="1.4.1", verdict="clean"),
    )
    tasks.inspected(report(upload, data, verdict="refused", format="PickleTensor", tier="C", scans=scans))
    html = page.get(f"/uploads/{upload.id}/status").content.decode()
    assert "A pickle that can run code" in html
    assert "picklescan 1.0.5: flags it" in html
    assert "&lt;i&gt;dangerous name os.system" in html
    assert "hayward 1.4.1: nothing found" in html


def test_status_of_a_refused_file(page, api):
    data = random_file()
    upload = api.arrive(data)
    finding = Finding("danger", "This file can run code when opened.", "<script>alert(1)</script>")
    tasks.inspected(report(upload, data, verdict="refused", findings=(finding,)))
    answer = page.get(f"/uploads/{upload.id}/status")
    html = answer.content.decode()
    assert answer.status_code == 286
    assert "This file can run code when opened." in html
    assert "save it again with the program that made it" in html
    assert "<script>" not in html


def test_upload_fields(page, api):
    upload = api.start()
    form = {"model_name": "Ink", "type": "LORA", "base": "", "model_id": "", "trigger_words": "ink wash, lino\nx"}
    answer = page.post(f"/uploads/{upload['id']}/fields", form | {"publish": "on"})
    assert answer.content.decode().strip() == "Kept."
    kept = Upload.objects.get(id=upload["id"]).fields
    assert kept == {"model_name": "Ink", "type": "LORA", "trigger_words": ["ink wash", "lino", "x"], "publish": True}
    said = form | {"description": "Cut **deep**.\n\nTwice.", "tags": "ink, lino,"}
    page.post(f"/uploads/{upload['id']}/fields", said)
    kept = Upload.objects.get(id=upload["id"]).fields
    assert not kept.get("publish")
    assert (kept["description"], kept["tags"]) == ("Cut **deep**.\n\nTwice.", ["ink", "lino"])
    assert ">Cut **deep**." in page.get(f"/uploads/{upload['id']}/row").content.decode()


def test_fields_refused_as_a_fragment(page, api):
    upload = api.start()
    answer = page.post(f"/uploads/{upload['id']}/fields", {"type": "Nonsense"})
    assert answer.status_code == 422
    assert "Type:" in answer.content.decode()
    assert "<html" not in answer.content.decode()
    answer = page.post(f"/uploads/{upload['id']}/fields", {"model_id": "4711"})
    assert "You have no model of that number." in answer.content.decode()


def test_upload_publish(page, api):
    data = random_file()
    upload = api.arrive(data)
    assert page.post(f"/uploads/{upload.id}/publish").status_code == 404  # nothing to publish yet
    tasks.inspected(report(upload, data))
    html = page.post(f"/uploads/{upload.id}/publish").content.decode()
    upload.refresh_from_db()
    assert upload.version.status == Version.Status.PUBLISHED
    assert "Published" in html


def test_upload_remove(page, api):
    upload = api.arrive(random_file())
    assert page.post(f"/uploads/{upload.id}/remove").content == b""
    assert in_store(upload.key) is None
    plain = Client()
    plain.force_login(upload.owner)
    assert plain.post(f"/uploads/{upload.id}/remove").url == "/uploads/start"


def test_charlie_must_not(api: Api, charlies_page):
    upload = api.arrive(random_file())
    for what in ("row", "status"):
        assert charlies_page.get(f"/uploads/{upload.id}/{what}").status_code == 404
    for what in ("fields", "publish", "remove"):
        assert charlies_page.post(f"/uploads/{upload.id}/{what}").status_code == 404
    assert Upload.objects.get(id=upload.id).status == "inspecting"


def test_forms_need_their_csrf_token(api, alice):
    upload = api.start()
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert strict.post(f"/uploads/{upload['id']}/remove").status_code == 403
