"""Alice imports a model from another server."""

import pytest
from django.test import Client, TestCase

from hub.accounts.actions import token_create
from hub.accounts.mailing import language_keep
from hub.catalog.actions import model_edit
from hub.catalog.models import Model, Version
from hub.gallery.models import Picture
from hub.imports import actions
from hub.imports.models import Import, Item, Origin
from hub.protocols.civitai import airs
from hub.uploads.models import Upload
from tests.hub.imports.conftest import begin, imported, later, step, work
from tests.workers import models

Status, State = Import.Status, Item.State


def states(of: Import) -> dict[str, str]:
    return {item.name: item.state for item in of.items.all()}


def test_it_works(there, alice):
    made = imported(alice, f"{there.origin}/models/12", publish=True)
    assert made.status == Status.DONE, (made.sentence, states(made), [i.sentence for i in made.items.all()])
    assert states(made) == {"ink_wash.safetensors": "done", "78.png": "done", "79.png": "done"}
    model = Model.objects.get()
    assert (model.name, model.type, model.status, model.owner) == ("Ink Wash", "LORA", "published", alice)
    assert sorted(model.tags.values_list("name", flat=True)) == ["ink", "style"]
    assert (model.allow_no_credit, model.allow_commercial_use) == (True, ["Image", "RentCivit"])
    assert (model.allow_derivatives, model.allow_different_licence, model.level) == (True, False, 5)
    version = model.versions.get()
    assert (version.name, version.base.name, version.trigger_words) == ("v1.0", "SD 1.5", ["inkwash style"])
    file = version.files.get()
    assert (file.blob_id, file.verdict, file.adapter) == (there.sha256, "accepted", "lora")
    origin = Origin.objects.get()
    assert (origin.server, origin.remote, origin.creator) == (there.origin, "12", "ada")
    assert made.notes == ["Videos among the pictures were left out."]
    Origin.objects.update(server="https://civitai.com")
    told = Client().get(f"/api/v1/model-versions/{version.pk}").json()["air"]
    assert told == "urn:air:sd1:lora:civitai:12@34", "its name is what it is called everywhere"
    assert airs.file_of(alice, told) == file


def test_pictures_come_with_their_recipes(there, alice):
    imported(alice, f"{there.origin}/models/12")
    carried, told = Picture.objects.order_by("id")
    assert (carried.recipe["prompt"], carried.recipe["seed"], carried.level) == ("inkwash style cat", 7, 1)
    assert (told.recipe["prompt"], told.recipe["seed"], told.level) == ("inkwash style fox", 11, 4)
    assert told.recipe["uses"][0]["sha256"] == there.sha256, "the file it names is found here"
    assert all(picture.uses.filter(version__model__name="Ink Wash").exists() for picture in (carried, told))


def test_the_page_says_where_it_is_from(there, alice, client):
    imported(alice, f"{there.origin}/models/12", publish=True, pictures=False)
    client.force_login(alice)
    page = client.get(f"/models/{Model.objects.get().pk}", follow=True).content.decode()
    assert "Imported from" in page
    assert f'href="{there.origin}/models/12?modelVersionId=34"' in page
    assert "made there by ada" in page
    assert "alert(1)" not in page
    assert "<b>wash</b>" in page


@pytest.mark.parametrize(
    "link",
    ["{0}/models/12?modelVersionId=34", "{0}/model-versions/34", "{0}/api/download/models/34", "SHA", "SHA10",
     "urn:air:sd1:lora:civitai:12@34"],
)  # fmt: skip
def test_every_kind_of_link(there, alice, link):
    link = link.replace("SHA10", there.sha256[:10].upper()).replace("SHA", there.sha256)
    made = imported(alice, link.format(there.origin), server=there.origin, pictures=False)
    assert made.status == Status.DONE, made.sentence
    assert Model.objects.get().versions.get().files.get().blob_id == there.sha256


def test_importing_again_doubles_nothing_and_follows_the_source(there, alice):
    imported(alice, f"{there.origin}/models/12")
    model_edit(model=Model.objects.get(), by=alice, fields={"name": "My ink"})
    newer = there.version(id=35, name="v2.0", files=[there.file(id=57, downloadUrl=f"{there.origin}/two")], images=[])
    there.data = models.lora(rank=4)
    newer["files"][0]["hashes"] = {"SHA256": there.sha256}
    there.gives("/two", there.data)
    old = there.version()
    old["files"] = []
    there.tells(name="Ink Wash XL", description="new words", modelVersions=[newer, there.model()["modelVersions"][0]])
    fetched = len(there.asked("/api/download/models/34"))
    made = imported(alice, f"{there.origin}/models/12")
    assert made.status == Status.DONE
    model = Model.objects.get()
    assert (model.name, model.description) == ("My ink", "new words"), "what Alice wrote stays, the rest follows"
    assert [one.name for one in model.versions.order_by("index")] == ["v2.0", "v1.0"]
    assert Picture.objects.count() == 2
    assert made.items.filter(kind="picture").count() == 0
    assert len(there.asked("/two")) == 2, "measured and fetched once"
    assert len(there.asked("/api/download/models/34")) <= fetched + 2


def test_what_the_hub_has_and_alice_may_read_is_linked(there, alice, bob):
    imported(bob, f"{there.origin}/models/12", publish=True, pictures=False)
    before = len(there.asked("/api/download/models/34"))
    made = imported(alice, f"{there.origin}/models/12", pictures=False, publish=True)
    assert states(made) == {"ink_wash.safetensors": State.HERE}
    assert len(there.asked("/api/download/models/34")) == before
    hers = Version.objects.get(model__owner=alice)
    assert (hers.files.get().blob_id, hers.base.name, hers.status) == (there.sha256, "SD 1.5", "published")


def test_what_bob_keeps_private_is_fetched_anew(there, alice, bob):
    imported(bob, f"{there.origin}/models/12", pictures=False)
    before = len(there.asked("/api/download/models/34"))
    made = imported(alice, f"{there.origin}/models/12", pictures=False)
    assert states(made) == {"ink_wash.safetensors": State.DONE}
    assert len(there.asked("/api/download/models/34")) > before, "a known hash is not enough to get his file"


def test_bytes_that_are_not_those_that_were_announced_are_refused(there, alice):
    there.gives("/api/download/models/34", models.lora(rank=8))
    made = imported(alice, f"{there.origin}/models/12", pictures=False)
    item = made.items.get()
    assert (made.status, item.state) == (Status.DONE, State.FAILED)
    assert "not those that were promised: their SHA-256 is another one" in item.sentence
    assert not Version.objects.get().files.exists()
    told = alice.notices.get()
    assert told.sentence == "Your import of “Ink Wash” has ended. Done: 0 of 1 file, 1 did not come."


def test_other_digests_are_checked_where_there_is_no_sha256(there, alice):
    there.tells(modelVersions=[there.version(files=[there.file(hashes={"AutoV2": "0123456789"})], images=[])])
    item = imported(alice, f"{there.origin}/models/12").items.get()
    assert "their AutoV2 is another one" in item.sentence
    there.tells(modelVersions=[there.version(files=[there.file(hashes={"AutoV2": there.sha256[:10]})], images=[])])
    again = imported(alice, f"{there.origin}/models/12")
    assert states(again) == {"ink_wash.safetensors": State.DONE}


def test_a_fetch_that_is_cut_off_goes_on_from_the_bytes_it_has(there, alice, settings):
    there.data = models.lora(metadata={"filler": "x" * 1000}) + b""
    part = settings.UPLOAD_PART_BYTES
    big = models.lora(width=768, rank=400)
    while len(big) < part + 1_000_000:
        big = models.lora(width=768, rank=len(big) // 500)
    there.data = big
    there.gives("/api/download/models/34", big, breaks=[part + 500_000])
    there.tells(modelVersions=[there.version(images=[])])
    made = begin(alice, f"{there.origin}/models/12")
    work()
    item = made.items.get()
    assert (item.state, item.tries) == (State.WAITING, 1)
    assert "broke off" in item.sentence
    later(0)
    work()
    assert states(made) == {"ink_wash.safetensors": State.DONE}
    assert there.asked("/api/download/models/34")[-1].start == part
    assert Version.objects.get().files.get().blob_id == there.sha256


def test_a_killed_worker_is_noticed_and_its_answer_comes_too_late(there, alice):
    made = begin(alice, f"{there.origin}/models/12", pictures=False)
    while not made.items.filter(state=State.FETCHING).exists():
        step()
    from tests.hub.uploads.conftest import Mail
    from workers.fetch_messages import FETCH

    lost = Mail(FETCH).take()  # taken by a worker that dies
    assert len(lost) == 1
    later()
    work()
    assert states(made) == {"ink_wash.safetensors": State.DONE}
    from hub.imports.tasks import answered

    answered({"type": "Fetched", "id": lost[0][0]["id"], "attempt": lost[0][0]["attempt"]})
    assert Upload.objects.count() == 1


def test_a_private_model_needs_its_token(there, alice):
    there.gives("/api/download/models/34", there.data, token="private-token")
    made = imported(alice, f"{there.origin}/models/12", pictures=False)
    assert "asks for a sign-in" in made.items.get().sentence
    with TestCase.captureOnCommitCallbacks(execute=True):
        actions.import_retry(owner=alice, id=made.pk, token="private-token")
    made.refresh_from_db()
    assert "private-token" not in str(Import.objects.values()), "it is kept sealed"
    assert made.secret
    work()
    made.refresh_from_db()
    assert states(made) == {"ink_wash.safetensors": State.DONE}
    assert made.secret == "", "and no longer than the import lasts"


def test_a_token_in_the_link_is_used_and_never_shown(there, alice):
    there.gives("/api/download/models/34", there.data, token="in-the-link")
    made = imported(alice, f"{there.origin}/api/download/models/34?token=in-the-link", pictures=False)
    assert states(made) == {"ink_wash.safetensors": State.DONE}
    assert "in-the-link" not in str([*Import.objects.values(), *Item.objects.values(), *Upload.objects.values()])


def test_cancelled_in_the_middle(there, alice):
    made = begin(alice, f"{there.origin}/models/12")
    while not made.items.filter(state=State.FETCHING).exists():
        step()
    with TestCase.captureOnCommitCallbacks(execute=True):
        actions.import_cancel(owner=alice, id=made.pk)
    work()
    made.refresh_from_db()
    assert made.status == Status.CANCELLED
    assert set(states(made).values()) <= {State.CANCELLED, State.DONE, State.INSPECTING}
    assert not there.asked("/api/download/models/34")[1:], "only measured"
    with TestCase.captureOnCommitCallbacks(execute=True):
        actions.import_retry(owner=alice, id=made.pk)
    work()
    made.refresh_from_db()
    assert (made.status, set(states(made).values())) == (Status.DONE, {State.DONE})


def test_what_is_not_there(there, alice):
    assert imported(alice, f"{there.origin}/models/99").sentence == "127.0.0.1 has nothing there: Model not found."
    there.says("/api/v1/models/98", ["nonsense"])
    assert "does not answer as Civitai's API does" in imported(alice, f"{there.origin}/models/98").sentence
    there.says("/api/v1/models/97", {"id": 97, "modelVersions": [{"id": 1, "files": [{"name": 5}], "images": 7}]})
    assert imported(alice, f"{there.origin}/models/97").status == Status.DONE


def test_files_of_a_kind_that_is_not_taken_are_named(there, alice):
    files = [there.file(), there.file(name="ink.yaml", type="Config"), there.file(name="d.zip", type="Training Data")]
    files.append(
        there.file(name="../../x.safetensors", hashes={"SHA256": "ab" * 32}, downloadUrl=f"{there.origin}/gone")
    )
    there.tells(modelVersions=[there.version(files=files, images=[])])
    made = imported(alice, f"{there.origin}/models/12")
    assert made.notes[0] == "d.zip is training data; it was left out."
    assert made.notes[1].startswith("ink.yaml: “.yaml” files are not taken here.")
    assert states(made) == {"ink_wash.safetensors": State.DONE, "x.safetensors": State.FAILED}


def test_the_same_link_is_not_asked_for_twice(there, alice):
    first = begin(alice, f"{there.origin}/models/12")
    assert begin(alice, f"{there.origin}/models/12/ink-wash").pk == first.pk


def test_by_default_this_machine_is_not_asked(alice, settings):
    from workers.addresses import DEFAULT_HOSTS

    settings.IMPORT_HOSTS = DEFAULT_HOSTS.split(",")
    for link in ("http://127.0.0.1:8000/models/1", "https://127.0.0.1/models/1", "https://unknown.example/models/1"):
        with pytest.raises(actions.BadLink):
            begin(alice, link)
    assert not Import.objects.exists()


def test_its_owner_hears_that_it_did_not_work_in_their_language(there, alice):
    language_keep(alice, "de")
    made = imported(alice, f"{there.origin}/models/404")
    assert made.status == Status.FAILED
    told = alice.notices.get()
    assert told.sentence.startswith("Dein Import von „")
    assert told.address == f"/import#import-{made.pk}"


def test_by_program(there, alice, charlie):
    program = Client(headers={"Authorization": f"Bearer {token_create(user=alice, name='x', scopes=['upload'])[1]}"})
    body = {"link": f"{there.origin}/models/12", "pictures": False}
    with TestCase.captureOnCommitCallbacks(execute=True):
        answer = program.post("/api/v1/imports", body, content_type="application/json")
    assert answer.status_code == 201, answer.content
    work()
    told = program.get(answer.json()["url"]).json()
    assert (told["status"], told["words"]) == ("done", "Done: 1 of 1 file.")
    assert [(one["name"], one["state"], one["done"]) for one in told["items"]] == [
        ("ink_wash.safetensors", "done", len(there.data))
    ]
    assert program.get("/api/v1/imports").json()[0]["id"] == told["id"]
    assert program.delete(told["url"]).status_code == 409
    with TestCase.captureOnCommitCallbacks(execute=True):
        assert program.post(f"{told['url']}/retry", {}, content_type="application/json").status_code == 200
    assert program.delete(told["url"]).status_code == 204
    bad = program.post("/api/v1/imports", {"link": "hello"}, content_type="application/json")
    assert (bad.status_code, bad.json()["code"]) == (422, "bad-link")
    other = Client()
    other.force_login(charlie)
    assert other.get(told["url"]).status_code == other.delete(told["url"]).status_code == 404
