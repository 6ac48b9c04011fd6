"""`POST /api/v1/uploads` and the page `/uploads/start`."""

import threading
from html.parser import HTMLParser

import pytest
from django.db import connection
from django.test import Client

from hub.accounts.models import User
from hub.uploads import actions, allowed, queries
from hub.uploads.models import Upload
from tests import cast
from tests.hub.catalog.files import added
from tests.hub.uploads.conftest import MIB, PART, Api

GIB = 1024**3


def test_it_works(api, alice):
    upload = api.start("Ink wash.safetensors", 40 * MIB, fields={"model_name": "Ink wash", "publish": True})
    assert upload["status"] == "waiting"
    assert (upload["part_size"], upload["parts"]) == (16 * MIB, 3)
    row = Upload.objects.get(id=upload["id"])
    assert row.owner == alice
    assert row.fields == {"model_name": "Ink wash", "publish": True}
    assert row.s3_upload_id
    assert row.key == f"incoming/{row.id}"
    assert upload["url"] == f"/api/v1/uploads/{row.id}"


def test_part_size_grows_so_that_ten_thousand_parts_do(settings):
    settings.UPLOAD_PART_BYTES = PART
    assert queries.part_size_for(200 * GIB) * 10_000 >= 200 * GIB
    assert queries.part_size_for(200 * GIB) % MIB == 0
    assert queries.part_size_for(1) == PART


def test_a_token_with_the_scope_upload_is_enough_and_one_to_read_is_not(alice):
    from hub.accounts import actions as accounts

    _, secret = accounts.token_create(user=alice, name="cli", scopes=["upload"])
    Api(None, authorization=f"Bearer {secret}").start()
    _, secret = accounts.token_create(user=alice, name="look", scopes=["read"])
    Api(None, authorization=f"Bearer {secret}").start(status=403)


def test_signed_out(db):
    assert "Sign in" in Api(None).start(status=401)["error"]


def test_empty(api):
    assert api.start(size=0, status=422) == {"error": "The file is empty.", "code": "empty"}


def test_too_big(api, settings):
    settings.MAX_UPLOAD_BYTES = 20 * 10**9
    refused = api.start(size=24 * 10**9, status=413)
    assert refused["error"] == "24.0 GB is over this hub's limit of 20.0 GB."


def test_quota_counts_files_on_their_way(api, alice):
    alice.quota_bytes = 10_000_000
    alice.save()
    api.start(size=6_000_000)
    refused = api.start(size=6_100_000, status=413)
    assert refused["error"] == "This needs 6.1 MB; you have 4.0 MB left."
    assert refused["code"] == "quota-reached"


def test_too_many_open(api, settings):
    settings.UPLOADS_OPEN = 1
    api.start()
    assert "1 files are on their way" in api.start(status=429)["error"]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_of_two_starts_at_once_the_second_counts_the_first():
    """The person's row is the lock; without it both would see the room that is there for one."""
    alice = cast.alice()
    User.objects.filter(pk=alice.pk).update(quota_bytes=1000)
    ready, outcomes = threading.Barrier(6), []

    def start(n: int) -> None:
        owner = User.objects.get(pk=alice.pk)
        ready.wait(10)
        try:
            actions.upload_start(owner=owner, filename=f"{n}.safetensors", size=600)
            outcomes.append("started")
        except allowed.QuotaReached:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=start, args=[n]) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == ["refused"] * 5 + ["started"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cat.webp", "This is a picture (WebP). Pictures are added on the model's page."),
        ("notes.txt", "“.txt” files are not taken here"),
        ("safetensors", "without an extension"),
        ("a/b.safetensors", "cannot hold /"),
        ("..\\b.safetensors", "cannot hold \\"),
        ("a\u0007b.safetensors", "control characters"),
        ("a\nb.safetensors", "control characters"),
        ("a\u202esrotesnet.safetensors", "control characters"),
        ("con.safetensors", "device on Windows"),
        ("COM1.tar.safetensors", "device on Windows"),
        (".safetensors", "begin or end with a dot"),
        ("a.safetensors.", "begin or end with a dot"),
        ("é" * 120 + ".safetensors", "longer than 200 bytes"),
    ],
)
def test_bad_names(api, name, words):
    assert words in api.start(name, status=422)["error"]
    assert not Upload.objects.exists()


def test_a_png_may_come_in_for_it_may_hold_a_textual_inversion(api):
    assert api.start("ink-style.PNG")["status"] == "waiting"


@pytest.mark.parametrize("name", ["", "a\u0000b.safetensors"])
def test_names_that_are_no_text(api, name):
    assert api.start(name, status=400)["code"] == "invalid"


def test_a_lone_surrogate_is_refused_not_a_crash(api):
    raw = b'{"filename": "a\\ud800.safetensors", "size": 5}'
    answer = api.client.post("/api/v1/uploads", raw, content_type="application/json")
    assert answer.status_code in {400, 422}


def test_names_are_composed_and_kept_with_their_spaces(api):
    assert api.start("Ce\u0301zanne  2.SafeTensors")["filename"] == "C\u00e9zanne  2.SafeTensors"


def test_fields_of_others_or_of_nothing(api, charlie):
    from hub.catalog.models import Model

    theirs = Model.objects.create(owner=charlie, name="Secret", slug="secret", type="LORA")
    assert api.start(fields={"model_id": theirs.id}, status=422)["code"] == "wrong-fields"
    assert api.start(fields={"model_id": 10**9}, status=422)["code"] == "wrong-fields"
    assert "no base model" in api.start(fields={"base": "SD 9"}, status=422)["error"]
    assert api.start(fields={"type": "Nonsense"}, status=400)["code"] == "invalid"
    assert api.start(fields={"model_name": "x" * 121}, status=400)["code"] == "invalid"
    assert not Upload.objects.exists()


def test_parts_that_s3_would_not_take(api):
    assert "5 MiB to 1 GiB" in api.start(size=50 * MIB, part_size=1 * MIB, status=422)["error"]


def test_a_silent_store_leaves_nothing_behind(api, settings):
    from hub import storage

    settings.S3_ENDPOINT = "http://127.0.0.1:9"
    storage.client.cache_clear()
    try:
        refused = api.start(status=503)
    finally:
        storage.client.cache_clear()
    assert refused["code"] == "store-silent"
    assert not Upload.objects.exists()


class Texts(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words += data


def test_the_page_lists_what_is_open(api, alice):
    api.start("ink.safetensors", 40 * MIB)
    answer = api.client.get("/uploads/start", headers={"accept": "text/html"})
    page = Texts(answer.content.decode())
    assert answer.status_code == 200
    assert "Drop files here, or choose them." in page.words
    assert "Paused. Choose the same file to go on." in page.words
    assert "Without JavaScript one file goes at a time" in page.words
    row = next(attributes for tag, attributes in page.tags if "data-upload" in attributes)
    assert (row["data-size"], row["data-parts"], row["data-name"]) == (str(40 * MIB), "3", "ink.safetensors")
    for _, attributes in page.tags:
        assert "style" not in attributes
        assert not any(name.startswith(("on", "hx-on")) for name in attributes)


def test_the_page_escapes_what_people_write(api):
    api.start(
        "<img src=x>.safetensors".replace("<", "‹").replace(">", "›"), fields={"model_name": "<script>1</script>"}
    )
    html = api.client.get("/uploads/start", headers={"accept": "text/html"}).content.decode()
    assert "<script>1" not in html


@pytest.mark.parametrize("typed", ["/upload", "/uploads"])
def test_what_people_type_leads_to_the_page(typed):
    answer = Client().get(typed)
    assert (answer.status_code, answer["Location"]) == (302, "/uploads/start")


def test_the_page_is_for_people_who_signed_in(db):
    answer = Client().get("/uploads/start")
    assert answer.status_code == 302
    assert "next=/uploads/start" in answer.url


def test_a_new_version_is_begun_where_its_model_is(alice, charlie):
    model = added(alice, "Ink & wash").version.model
    client = Client()
    client.force_login(alice)
    page = client.get(f"/uploads/start?model={model.pk}").content.decode()
    assert f'data-into="{model.pk}"' in page
    assert "A new version of Ink &amp; wash" in page
    client.force_login(charlie)
    for asked in (model.pk, "x", "9" * 40):
        assert "data-into" not in client.get(f"/uploads/start?model={asked}").content.decode()
