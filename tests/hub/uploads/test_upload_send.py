"""`POST /uploads/send`: a file in one form, as browsers send it that run no scripts."""

import io
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.handlers.wsgi import WSGIRequest
from django.test import Client, TestCase

from hub import bodies, storage
from hub.accounts.models import User
from hub.uploads import forms
from hub.uploads.models import Upload
from tests.hub.catalog.files import added
from tests.hub.uploads.conftest import MIB, in_store, random_file

PAGE = "/uploads/start"


class Browser:
    """Opens the page, and sends the form that stands in its ``<noscript>``."""

    def __init__(self, person) -> None:
        self.client = Client(enforce_csrf_checks=True, headers={"accept": "text/html"})
        self.client.force_login(person)

    def form(self, page: str = PAGE) -> str:
        shown = self.client.get(page).content.decode()
        return re.search(r'<noscript><form[^>]+action="([^"]+)"', shown)[1].replace("&amp;", "&")

    def send(self, name: str, data: bytes, *, to: str = "", status: int = 302):
        file = SimpleUploadedFile("any", data)
        file._name = name  # Django would tidy it up before it is sent
        with TestCase.captureOnCommitCallbacks(execute=True):
            answer = self.client.post(to or self.form(), {"file": file})
        assert answer.status_code == status, answer.content[-500:]
        return answer


@pytest.fixture
def browser(alice):
    return Browser(alice)


def words(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def test_it_works(browser, alice, mail, settings):
    data = random_file(3000)
    answer = browser.send("Ink wash.safetensors", data)
    row = Upload.objects.get()
    assert answer["Location"] == f"{PAGE}#row-{row.pk}"
    assert (row.owner, row.filename, row.size, row.status) == (alice, "Ink wash.safetensors", 3000, "inspecting")
    [(message, then)] = mail.take()
    assert (message["key"], message["size"], then) == (row.key, 3000, "hub.uploads.inspected")
    assert storage.client().get_object(Bucket=settings.S3_BUCKET, Key=row.key)["Body"].read() == data
    assert "Look again" in words(browser.client.get(PAGE))


def test_a_large_file_passes_in_parts(browser, mail, settings):
    data = random_file(2 * forms.PART + 12345)
    browser.send("ink.safetensors", data)
    row = Upload.objects.get()
    assert row.size == len(data)
    assert storage.client().get_object(Bucket=settings.S3_BUCKET, Key=row.key)["Body"].read() == data


def test_into_a_model_of_ones_own(browser, alice, bob, mail):
    mine, his = added(alice).version.model, added(bob, name="His").version.model
    browser.send("ink-2.safetensors", random_file(), to=browser.form(f"{PAGE}?model={mine.pk}"))
    assert Upload.objects.get().fields == {"model_id": mine.pk}
    answer = browser.send("ink-3.safetensors", random_file(), to=f"{browser.form()}&model={his.pk}", status=422)
    assert "You have no model of that number." in words(answer)


def test_what_is_said_of_it_is_kept_by_a_button(browser, mail):
    browser.send("ink.safetensors", random_file())
    row = Upload.objects.get()
    shown = browser.client.get(PAGE)
    assert re.search(r"<noscript[^>]*><button[^>]*>Save</button>", shown.content.decode())
    token = re.search(r'csrfmiddlewaretoken" value="([^"]+)', shown.content.decode())[1]
    said = {"csrfmiddlewaretoken": token, "model_name": "Ink wash", "publish": "on"}
    answer = browser.client.post(f"/uploads/{row.pk}/fields", said)
    assert answer["Location"] == f"{PAGE}#row-{row.pk}"
    row.refresh_from_db()
    assert row.fields == {"model_name": "Ink wash", "publish": True}


@pytest.mark.parametrize(
    ("name", "data", "status", "sentence"),
    [
        ("ink.safetensors", b"", 422, "The file is empty."),
        ("ink.exe", b"MZ", 422, "“.exe” files are not taken here."),
        ("ink.jpg", b"JFIF", 422, "This is a picture (JPEG)."),
        ("nul.safetensors", b"x", 422, "nul is the name of a device on Windows."),
        ("i<n>k.safetensors", b"x", 422, "A file's name cannot hold < > here."),
        ("i" * 300 + ".safetensors", b"x", 422, "longer than 200 bytes"),
    ],
)  # fmt: skip
def test_what_is_not_taken_is_told_in_a_sentence(browser, mail, name, data, status, sentence):
    answer = browser.send(name, data, status=status)
    assert sentence in words(answer).replace("&#x27;", "'").replace("&lt;", "<").replace("&gt;", ">")
    assert not Upload.objects.exclude(status="aborted").exists()
    assert mail.take() == []


def test_a_form_without_a_file(browser, mail):
    for disposition in ('name="file"; filename=""', 'name="other"'):
        body = f"--x\r\nContent-Disposition: form-data; {disposition}\r\n\r\n\r\n--x--\r\n"
        answer = browser.client.post(browser.form(), body, content_type="multipart/form-data; boundary=x")
        assert answer.status_code == 422
        assert "Choose a file first." in words(answer)


def test_letters_that_turn_a_name_around_are_left_out(browser, mail):
    browser.send("ink\u202esrotesnetefas.bin", random_file())
    assert Upload.objects.get().filename == "inksrotesnetefas.bin"


def test_a_path_is_no_part_of_a_name(browser, mail):
    browser.send("../../etc/ink.safetensors", random_file())
    assert Upload.objects.get().filename == "ink.safetensors"


def test_too_large_for_this_way_or_for_its_owners_quota(browser, alice, settings, mail):
    settings.FORM_UPLOAD_BYTES = MIB
    answer = browser.send("ink.safetensors", random_file(MIB + 200_000), status=413)
    assert "over the 1 MB that can be sent in one form" in words(answer)
    answer = browser.send("ink.safetensors", random_file(MIB + 10), status=413)  # only the file itself tells
    settings.FORM_UPLOAD_BYTES = 10 * MIB
    User.objects.filter(pk=alice.pk).update(quota_bytes=MIB)
    answer = browser.send("ink.safetensors", random_file(2 * MIB), status=413)
    assert "you have 1 MB left" in words(answer) or "you have 1.0 MB left" in words(answer)
    assert {in_store(key) for key in Upload.objects.values_list("key", flat=True)} <= {None}


def test_a_file_that_breaks_off_is_not_taken_for_a_whole_one(browser, alice, mail):
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="ink.safetensors"\r\n\r\n'
    whole = head + random_file(9 * MIB) + b"\r\n--x--\r\n"
    for arrived in (whole[: 5 * MIB], whole[:-9], head[:40]):
        environ = Client()._base_environ(
            REQUEST_METHOD="POST",
            CONTENT_TYPE="multipart/form-data; boundary=x",
            CONTENT_LENGTH=str(len(whole)),
            QUERY_STRING=browser.form().partition("?")[2],
        )
        request = WSGIRequest(environ | {"wsgi.input": io.BytesIO(arrived)})
        request.user = alice
        with pytest.raises(bodies.CutOff):
            forms.upload_take(owner=alice, request=request, fields={})
    assert not Upload.objects.exclude(status="aborted", stored=False).exists()
    assert mail.take() == []


def test_the_form_of_another_page_or_person_is_not_read(browser, charlie, mail):
    his = Browser(charlie)
    for to in ("/uploads/send", "/uploads/send?ticket=nonsense", his.form()):
        assert "open for too long" in words(browser.send("ink.safetensors", random_file(), to=to, status=403))
    assert not Upload.objects.exists()


def test_nobody_sends_without_an_account(db):
    answer = Client().post("/uploads/send", {"file": SimpleUploadedFile("ink.safetensors", b"x")})
    assert answer.status_code == 302
    assert "/sign-in" in answer["Location"]


def test_many_at_once_are_told_to_come_back(browser, mail):
    taken = 0
    while bodies._places.acquire(blocking=False):
        taken += 1
    try:
        assert taken == bodies.AT_ONCE
        assert "Try again in a few minutes" in words(browser.send("ink.safetensors", random_file(), status=503))
    finally:
        for _ in range(taken):
            bodies._places.release()
    browser.send("ink.safetensors", random_file())
