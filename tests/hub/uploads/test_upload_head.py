"""`upload-head`: first bytes are read while the rest is on its way; `upload-header` shows what they tell."""

import httpx
import pytest
from django.test import Client, TestCase

from hub import queue, storage
from hub.uploads import heads, tasks
from hub.uploads.models import Upload
from tests.hub.uploads.conftest import Mail, in_store
from tests.workers import models
from tests.workers.files import made
from workers import early
from workers.messages import HEADER, HeaderRead, pack, unpack


@pytest.fixture
def headers():
    box = Mail(HEADER)
    box.empty()
    yield box
    box.empty()


def lora() -> bytes:
    said = {"modelspec.title": "Ink wash", "modelspec.trigger_phrase": "inkwash, wet"}
    return models.lora(rank=4, metadata=said)


def send_head(api, upload: dict, data: bytes) -> None:
    url = api("POST", f"/{upload['id']}/head", {"size": len(data)})["url"]
    assert httpx.put(url, content=data).status_code == 200
    api("PUT", f"/{upload['id']}/head", status=202)


def read(headers: Mail) -> None:
    """As the worker of the queue ``header`` does, and the hub's own with its answer."""
    [(payload, then)] = headers.take()
    assert then == "hub.uploads.header_read"
    with TestCase.captureOnCommitCallbacks(execute=True):
        tasks.header_read(pack(early.read_header(unpack(payload))))


def test_it_works(api, alice, headers):
    data = lora()
    upload = api.start("ink.safetensors", len(data))  # of which nothing has been sent yet
    assert api("GET", f"/{upload['id']}")["header"] is None
    send_head(api, upload, data[:-64])
    row = Upload.objects.get(id=upload["id"])
    assert in_store(heads.head_key(row))
    read(headers)
    told = api("GET", f"/{upload['id']}")["header"]
    assert (told["kind"], told["base_family"], told["title"]) == ("lora", "sd1", "Ink wash")
    assert told["trigger_words"] == ["inkwash", "wet"]
    assert in_store(heads.head_key(row)) is None

    page = Client()
    page.force_login(alice)
    fragment = page.get(f"/uploads/{upload['id']}/header")
    assert fragment.status_code == 286
    assert b"LoRA for SD 1.5, rank 4." in fragment.content
    assert b'data-words="inkwash, wet"' in fragment.content
    form = page.get(f"/uploads/{upload['id']}/row").content.decode()
    assert 'placeholder="Ink wash"' in form
    assert "from the file: LoRA" in form
    assert 'value="Ink wash"' not in form  # a hint: nothing is written for its owner


def test_a_file_that_fits_several_bases_is_put_to_its_owner(api, alice, headers):
    module = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"  # alike in SD1, SD2
    data = made.shapes({f"{module}.lora_down.weight": [4, 320], f"{module}.lora_up.weight": [320, 4]})
    upload = api.start("ink.safetensors", len(data))
    send_head(api, upload, data[:-64])
    read(headers)
    assert api("GET", f"/{upload['id']}")["base_choices"] == ["SD 1.5", "SD 2.1"]

    page = Client()
    page.force_login(alice)
    fragment = page.get(f"/uploads/{upload['id']}/header").content.decode()
    assert f'id="base-{upload["id"]}" hx-swap-oob="true"' in fragment
    assert fragment.index("Its shapes fit") < fragment.index("<option>SD 2.1") < fragment.index("Others")
    page.post(f"/uploads/{upload['id']}/fields", {"base": "SD 2.1"})
    assert Upload.objects.get(id=upload["id"]).fields["base"] == "SD 2.1"
    row = page.get(f"/uploads/{upload['id']}/row").content.decode()
    assert "<option selected>SD 2.1</option>" in row
    assert "hx-swap-oob" not in row


def test_a_head_that_will_be_refused_says_why_at_once(api, alice, headers):
    upload = api.start("page.safetensors", 90_000)
    send_head(api, upload, b"<!doctype html><html><body>Sign in</body></html>" + b" " * 400)
    read(headers)
    page = Client()
    page.force_login(alice)
    fragment = page.get(f"/uploads/{upload['id']}/header").content.decode()
    assert "This is a web page" in fragment
    assert Upload.objects.get(id=upload["id"]).status == "waiting"  # a hint is no verdict


def test_it_is_polled_until_it_was_read(api, alice, headers):
    data = lora()
    upload = api.start("ink.safetensors", len(data))
    send_head(api, upload, data[:-64])
    page = Client()
    page.force_login(alice)
    waits = page.get(f"/uploads/{upload['id']}/header")
    assert waits.status_code == 200
    assert b"every 1s" in waits.content
    tasks.header_read(pack(HeaderRead(upload_id=upload["id"], read=False)))
    ended = page.get(f"/uploads/{upload['id']}/header")
    assert ended.status_code == 286
    assert b"every 1s" not in ended.content


def test_said_twice_it_is_read_once(api, headers):
    data = lora()
    upload = api.start("ink.safetensors", len(data))
    send_head(api, upload, data[:-64])
    api("PUT", f"/{upload['id']}/head", status=202)
    assert len(headers.take()) == 1
    for title in ("First", "Second"):
        tasks.header_read(pack(HeaderRead(upload_id=upload["id"], read=True, title=title)))
    assert Upload.objects.get(id=upload["id"]).header["title"] == "First"


@pytest.mark.parametrize("size", [0, -1, 1001, 2**40])
def test_more_than_the_file_is_no_head(api, size):
    upload = api.start(size=1000)
    assert api("POST", f"/{upload['id']}/head", {"size": size}, status=422)["code"] == "wrong-head"


def test_a_head_that_has_not_arrived(api, headers):
    upload = api.start()
    assert api("PUT", f"/{upload['id']}/head", status=422)["code"] == "wrong-head"
    assert headers.take() == []


def test_the_url_takes_no_other_length(api):
    upload = api.start(size=1000)
    url = api("POST", f"/{upload['id']}/head", {"size": 100})["url"]
    assert httpx.put(url, content=b"x" * 5000).status_code == 403


def test_others_have_no_part_in_it(api, charlies, charlie):
    upload = api.start()
    charlies("POST", f"/{upload['id']}/head", {"size": 10}, status=404)
    charlies("PUT", f"/{upload['id']}/head", status=404)
    page = Client()
    page.force_login(charlie)
    assert page.get(f"/uploads/{upload['id']}/header").status_code == 404


def test_an_answer_that_nobody_asked_for_changes_nothing(api):
    upload = api.start()
    tasks.header_read(pack(HeaderRead(upload_id=upload["id"], read=True, title="Forged")))
    assert Upload.objects.get(id=upload["id"]).header is None


def test_a_head_nobody_went_on_with_is_cleared(api):
    waiting = queue.waiting(HEADER)
    upload = api.start()
    url = api("POST", f"/{upload['id']}/head", {"size": 10})["url"]
    httpx.put(url, content=b"x" * 10)
    key = heads.head_key(Upload.objects.get(id=upload["id"]))
    assert [k for k, _ in storage.incoming_objects(key)] == [key]  # where `orphans_clear` looks
    assert queue.waiting(HEADER) == waiting
