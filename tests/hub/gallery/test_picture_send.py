"""A person sends a picture: to a model's gallery, or to have its recipe read."""

import base64
import io
import json
import urllib.request

import msgspec
import numpy as np
import pytest
from django.urls import reverse
from django.utils import timezone
from PIL import Image, PngImagePlugin

from hub import queue, storage
from hub.catalog.models import Block, Digest
from hub.gallery import sent
from hub.gallery.models import Picture, SentPicture
from hub.gallery.tasks import image_inspected
from hub.tryit.desk import from_sent
from tests.hub.tryit import world
from workers import messages
from workers.messages import HEADER, Failed, Finding, ImageInspected, PictureRecipe, Resource


@pytest.fixture(autouse=True)
def empty_line():
    queue.cache().delete(HEADER)
    yield
    queue.cache().delete(HEADER)


@pytest.fixture
def nano(alice):
    made = world.version(alice, "Nano", "base")
    digest = bytes.fromhex(world.sha(made))
    Digest.objects.create(digest=digest, kind=Digest.Kind.SHA256, file=made.files.get(), version=made, model=made.model)
    return made


@pytest.fixture
def linocut(alice, nano):
    return world.version(alice, "Linocut", "lora")


@pytest.fixture
def committed(django_capture_on_commit_callbacks):
    return lambda: django_capture_on_commit_callbacks(execute=True)


def png(text=""):
    info = PngImagePlugin.PngInfo()
    if text:
        info.add_text("parameters", text)
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def begin(client, raw, **fields):
    asked = {"name": "fox.png", "size": len(raw)} | fields
    return client.post("/api/v1/pictures/send", asked, content_type="application/json")


def put(url, raw):
    with urllib.request.urlopen(urllib.request.Request(url, data=raw, method="PUT")) as answer:
        assert answer.status == 200


def waiting():
    """The messages that workers would take, as they travel."""
    found = []
    for raw in queue.cache().lrange(HEADER, 0, -1):
        [payload, then], *_ = json.loads(base64.b64decode(json.loads(raw)["body"]))
        found.append((messages.unpack(payload), then))
    return found


def send(client, committed, raw=None, **fields):
    """As a browser does it: begin, put, finish. Gives the row and the message that a worker gets."""
    raw = raw or png()
    begun = begin(client, raw, **fields)
    assert begun.status_code == 201, begun.content
    put(begun.json()["put"], raw)
    with committed():
        answer = client.post(begun.json()["finish"])
    assert answer.status_code == 202, answer.content
    (asked, then), *more = waiting()
    assert (then, more) == ("hub.gallery.image_inspected", [])
    return SentPicture.objects.get(pk=begun.json()["id"]), asked


RECIPE = PictureRecipe(
    program="A1111",
    prompt="a fox <lora:linocut:0.6> <lora:lost:1>",
    negative="blurry",
    resources=(
        Resource(kind="base", name="other name", digest="?"),
        Resource(kind="lora", name="linocut", weight=0.6),
        Resource(kind="lora", name="lost", weight=1.0),
    ),
    sampler="DPM++ 2M Karras",
    steps=25,
    cfg=6.5,
    seed=7,
    width=512,
    height=640,
)


def told(nano):
    base = msgspec.structs.replace(RECIPE.resources[0], digest=world.sha(nano)[:10].upper())
    return msgspec.structs.replace(RECIPE, resources=(base, *RECIPE.resources[1:]))


def inspected(asked, recipe=None, **fields):
    given = {"verdict": "accepted", "sha256": "5e" * 32, "width": 60, "height": 40, "bytes": 9, "blurhash": "L00000"}
    answer = ImageInspected(upload_id=asked.upload_id, attempt=asked.attempt, recipe=recipe, **(given | fields))
    image_inspected(messages.pack(answer))


def test_it_works(client, bob, nano, linocut, committed):
    client.force_login(bob)
    row, asked = send(client, committed, version=linocut.pk)
    assert (asked.name, asked.keep, asked.attempt) == ("fox.png", True, 1)
    assert storage.object_size(asked.key) == asked.size
    with committed():
        inspected(asked, told(nano))
    assert storage.object_size(asked.key) is None
    news = client.get(f"/api/v1/pictures/send/{row.pk}").json()
    assert (news["state"], news["recipe"]["prompt"]) == ("accepted", "a fox")
    assert [one["found_by"] for one in news["resources"]] == ["digest", "name", ""]
    picture = Picture.objects.get(pk=news["picture"])
    assert (picture.owner, picture.visible, picture.blurhash) == (bob, True, "L00000")
    assert sorted(picture.uses.values_list("version_id", "weight")) == sorted([(nano.pk, None), (linocut.pk, 0.6)])
    client.logout()
    page = client.get(f"/models/{linocut.model_id}/{linocut.model.slug}", follow=True).content.decode()
    assert f"/pictures/{picture.pk}" in page
    seen = client.get(f"/pictures/{picture.pk}").content.decode()
    assert "as A1111 wrote it" in seen
    assert "not on this hub" in seen


def test_without_a_recipe_it_still_belongs_to_its_version(client, bob, linocut, committed):
    client.force_login(bob)
    _row, asked = send(client, committed, version=linocut.pk)
    inspected(asked)
    picture = Picture.objects.get()
    assert list(picture.uses.values_list("version_id", flat=True)) == [linocut.pk]
    page = client.get(f"/pictures/{picture.pk}").content.decode()
    assert "carries no recipe" in page
    assert "Remix" not in page
    assert "recipe-table" not in page


def test_a_dropped_picture_becomes_a_recipe(client, bob, nano, linocut, committed):
    client.force_login(bob)
    row, asked = send(client, committed)
    assert not asked.keep
    inspected(asked, told(nano), sha256="")
    assert not Picture.objects.exists()
    news = client.get(f"/api/v1/pictures/send/{row.pk}").json()
    assert news["page"].endswith(f"/try?sent={row.pk}")
    page = client.get(f"/try?sent={row.pk}").content.decode()
    assert ">a fox</textarea>" in page
    assert "Uses lost, which is not on this hub. It can be drawn without it." in page
    recipe, _ = sent.recipe_of(bob, SentPicture.objects.get())
    desk = from_sent(bob, recipe)
    assert desk.base.version_id == nano.pk
    assert [(one.file.version_id, one.weight) for one in desk.rows] == [(linocut.pk, 0.6)]
    assert {name: desk.fields[name] for name in ("sampler", "schedule", "steps", "seed", "width", "height")} == {
        "sampler": "DPM++ 2M", "schedule": "Karras", "steps": "25", "seed": "7", "width": "512", "height": "640",
    }  # fmt: skip


def test_what_it_does_not_say_is_the_bases_own(client, bob, nano, committed):
    client.force_login(bob)
    _row, asked = send(client, committed)
    inspected(asked, PictureRecipe(program="ComfyUI", prompt="a fox", sampler="res_multistep", width=509, height=640))
    recipe, _ = sent.recipe_of(bob, SentPicture.objects.get())
    desk = from_sent(bob, recipe)
    assert desk.fields["seed"] == "-1"
    assert desk.fields["width"] == "504"
    assert any("res_multistep" in note for note in desk.notes)
    assert any("does not say which base" in note for note in desk.notes)


def test_one_without_a_recipe_says_so(client, bob, nano, committed):
    client.force_login(bob)
    row, asked = send(client, committed)
    inspected(asked)
    assert "This picture carries no recipe." in client.get(f"/try?sent={row.pk}").content.decode()


def test_a_refused_one_says_why(client, bob, linocut, committed):
    client.force_login(bob)
    row, asked = send(client, committed, version=linocut.pk)
    inspected(asked, verdict="refused", sha256="", findings=(Finding("danger", "The picture is broken."),))
    news = client.get(f"/api/v1/pictures/send/{row.pk}").json()
    assert (news["state"], news["sentence"], news["picture"]) == ("refused", "The picture is broken.", None)


def test_an_answer_that_comes_twice_or_late_changes_nothing(client, bob, linocut, committed):
    client.force_login(bob)
    _row, asked = send(client, committed, version=linocut.pk)
    late = msgspec.structs.replace(asked, attempt=0)
    inspected(late)
    assert not Picture.objects.exists()
    inspected(asked)
    inspected(asked)
    assert Picture.objects.count() == 1


def test_it_is_asked_for_again_where_that_may_help(client, bob, committed, settings):
    client.force_login(bob)
    row, asked = send(client, committed)
    for attempt in range(1, settings.JOB_ATTEMPTS + 1):
        failed = Failed(id=asked.upload_id, attempt=attempt, code="store-down", sentence="No answer.", retry=True)
        with committed():
            image_inspected(messages.pack(failed))
    row.refresh_from_db()
    assert (row.status, row.sentence) == ("refused", "No answer.")
    assert len(waiting()) == settings.JOB_ATTEMPTS


def test_a_silent_worker_is_replaced_and_what_never_came_forgotten(client, bob, committed, settings):
    client.force_login(bob)
    row, _asked = send(client, committed)
    long_ago = timezone.now() - timezone.timedelta(hours=5)
    SentPicture.objects.update(asked_at=long_ago)
    with committed():
        sent.sent_pictures_sweep()
    assert [asked.attempt for asked, _ in waiting()] == [2, 1]
    SentPicture.objects.update(asked_at=long_ago, attempt=settings.JOB_ATTEMPTS)
    sent.sent_pictures_sweep()
    row.refresh_from_db()
    assert row.status == "refused"
    begun = begin(client, png()).json()["id"]
    SentPicture.objects.filter(pk=begun).update(created_at=long_ago)
    sent.sent_pictures_sweep()
    assert not SentPicture.objects.filter(pk=begun).exists()


def test_finishing_before_the_bytes_are_there_is_refused(client, bob):
    client.force_login(bob)
    begun = begin(client, png()).json()
    answer = client.post(begun["finish"])
    assert answer.status_code == 409
    assert answer.json()["code"] == "not-arrived"


def test_another_length_than_promised_is_not_taken(client, bob):
    client.force_login(bob)
    begun = begin(client, png()).json()
    with pytest.raises(urllib.error.HTTPError):
        put(begun["put"], png() + b"more")


@pytest.mark.parametrize("fields", [{"size": 0}, {"size": 31_000_000}, {"name": ""}, {"version": 99999}])
def test_what_cannot_be_taken_is_refused(client, bob, fields):
    client.force_login(bob)
    assert begin(client, png(), **fields).status_code in {400, 404}


def test_there_is_a_limit_a_day(client, bob, settings):
    settings.PICTURES_SENT_PER_DAY = 1
    client.force_login(bob)
    assert begin(client, png()).status_code == 201
    answer = begin(client, png())
    assert (answer.status_code, answer.json()["code"]) == (429, "too-many-pictures")


def test_charlie_must_not(client, bob, charlie, alice, committed):
    client.force_login(bob)
    row, _asked = send(client, committed)
    client.force_login(charlie)
    assert client.get(reverse("gallery:api-sent-picture-detail", args=[row.pk])).status_code == 404
    assert client.post(reverse("gallery:api-sent-picture-finish", args=[row.pk])).status_code == 404
    assert client.get(f"/try?sent={row.pk}").status_code == 404
    hidden = world.version(alice, "Secret", "lora", published=False)
    assert begin(client, png(), version=hidden.pk).status_code == 404
    client.logout()
    assert begin(client, png()).status_code == 401


def test_the_pages_offer_it(client, bob, nano, linocut):
    client.force_login(bob)
    page = client.get(f"/models/{linocut.model_id}/{linocut.model.slug}", follow=True).content.decode()
    assert f'data-picture-send data-version="{linocut.pk}"' in page
    assert "Drop a picture here" in client.get("/try").content.decode()


def test_its_noise_is_told_and_what_is_not_here_is_said(client, bob, nano, committed):
    client.force_login(bob)
    row, asked = send(client, committed)
    beside = (Resource(kind="refiner", name="Fine end"), Resource(kind="vae", name="clear.vae"))
    others = {
        "RNG": "NV",
        "ENSD": "31337",
        "Variation seed": "12",
        "Variation seed strength": "0.3",
        "Version": "v1.10.1",
    }
    said = told(nano)
    inspected(asked, msgspec.structs.replace(said, resources=(*said.resources, *beside), others=others), sha256="")
    recipe, _ = sent.recipe_of(bob, SentPicture.objects.get())
    assert (recipe.rng, recipe.ensd, recipe.variation_seed, recipe.variation_strength) == ("GPU", 31337, 12, 0.3)
    page = client.get(f"/try?sent={row.pk}").content.decode()
    assert "Uses the refiner Fine end, which is not on this hub; it goes without." in page
    assert "Uses the VAE clear.vae, which is not on this hub" in page
    assert from_sent(bob, recipe).recipe().variation_seed == 12


def test_one_whose_bytes_are_blocked_is_its_owners_alone(client, bob, linocut, committed):
    """It is held rather than thrown away, so that its owner reads why, and can answer."""
    Block.objects.create(kind=Block.Kind.PICTURE, value="5e" * 32, sentence="It shows somebody who did not agree.")
    client.force_login(bob)
    row, asked = send(client, committed, version=linocut.pk)
    with committed():
        inspected(asked)
    news = client.get(f"/api/v1/pictures/send/{row.pk}").json()
    assert (news["state"], "did not agree" in news["sentence"]) == ("refused", True)
    picture = Picture.objects.get(pk=news["picture"])
    assert picture.held
    page = client.get(f"/pictures/sent/{row.pk}").content.decode()
    assert f"/pictures/{picture.pk}" in page
    assert client.get(f"/pictures/{picture.pk}").status_code == 200
    client.logout()
    assert client.get(f"/pictures/{picture.pk}").status_code == 404
    assert f"/pictures/{picture.pk}" not in client.get(f"/models/{linocut.model_id}/linocut").content.decode()


def test_of_blocked_material_nothing_is_kept(client, bob, committed):
    Block.objects.create(kind=Block.Kind.PICTURE, value="5e" * 32, sentence="It shows somebody who did not agree.")
    client.force_login(bob)
    _row, asked = send(client, committed, material=True)
    with committed():
        inspected(asked)
    assert not Picture.objects.exists()
    assert not sent.may_draw_by(bob, "5e" * 32)
