import re

import pytest
from django.urls import reverse

from hub.catalog import actions, queries
from hub.catalog.models import File, Model
from tests.hub.catalog.files import added
from workers.messages import Converted, Finding, Scan


def url(file):
    return reverse("catalog:model-detail", args=[file.version.model_id, file.version.model.slug])


def test_it_works(client, alice):
    file = added(alice, trigger_words=["lnct print"], description="Cut in **linoleum**.", tags=["style"])
    page = client.get(url(file))
    text = page.content.decode()
    assert page.status_code == 200
    for part in [
        "<h1>Linocut</h1>", "lnct print", "<strong>linoleum</strong>", "A LoRA for SD 1.5, rank 16.",
        f"/try?use={file.version_id}", f"/api/download/models/{file.version_id}", "&lt;lora:linocut:1&gt;",
        file.blob_id[:10].upper(), "urn:air:sd1:lora:", "CreativeML OpenRAIL-M",
    ]:  # fmt: skip
        assert part in text, part
    assert len(page.content) < 60_000


def test_a_model_is_read_in_few_statements(alice, django_assert_num_queries):
    file = added(alice, tags=["a", "b"])
    for n in range(4):
        added(alice, seed=str(n), model_id=file.version.model_id)
    with django_assert_num_queries(5):
        model = queries.model_detail(alice, file.version.model_id)
        assert len([queries.file_hashes(f) for v in model.shown_versions for f in v.shown_files]) == 5
        assert model.owner.username == "alice"


def test_a_version_can_be_chosen(client, alice):
    first = added(alice)
    added(alice, seed="2", model_id=first.version.model_id)
    for name in ("version", "modelVersionId"):
        assert f"/try?use={first.version_id}" in client.get(f"{url(first)}?{name}={first.version_id}").content.decode()
    assert client.get(f"{url(first)}?version=999999").status_code == 404
    assert client.get(f"{url(first)}?version=x").status_code == 404


@pytest.mark.parametrize(
    ("who", "seen"), [("alice", True), ("mona", True), ("bob", False), ("charlie", False), ("", False)]
)
def test_a_draft_is_for_its_owner_and_moderators(client, request, alice, who, seen):
    file = added(alice, publish=False)
    if who:
        client.force_login(request.getfixturevalue(who))
    expected = 200 if seen else 404
    assert client.get(url(file)).status_code == expected
    assert client.get(f"/model-versions/{file.version_id}").status_code == (302 if seen else 404)
    assert client.get(f"/api/download/models/{file.version_id}").status_code == (307 if seen else 404)


@pytest.mark.parametrize("verdict", ["refused", "unknown"])
@pytest.mark.parametrize(("who", "seen"), [("alice", True), ("mona", False), ("charlie", False), ("", False)])
def test_a_file_that_is_not_accepted_is_for_its_owner(client, request, alice, verdict, who, seen):
    file = added(alice)
    added(alice, seed="bad", version_id=file.version_id, filename="bad.safetensors", inspected={"verdict": verdict})
    if who:
        client.force_login(request.getfixturevalue(who))
    text = client.get(url(file)).content.decode()
    assert ("bad.safetensors" in text) == seen


def test_what_is_not_there_looks_as_what_is_private(client, alice):
    file = added(alice, publish=False)
    private, missing = client.get(url(file)), client.get("/models/999999/linocut")
    assert private.status_code == missing.status_code == 404
    address = rb"models(/|%2F)\d+(/|%2F)linocut"
    assert re.sub(address, b"", private.content) == re.sub(address, b"", missing.content)


def test_hostile_text_is_cleaned(client, alice):
    evil = (
        "<script>alert(1)</script><img src=https://evil.example/x.png onerror=alert(1)>\n\n"
        "[x](javascript:alert(1)) ![p](https://evil.example/p.png) <a href='data:text/html,x' style='x'>d</a>"
        "\n\n<iframe src=/></iframe> <img src='/image/abc/original=true/1.png'>"
    )
    file = added(
        alice, '"><script>alert(2)</script>', description=evil, trigger_words=['"><svg onload=alert(3)>'],
        tags=["<b>bold"], filename='"><i>.safetensors',
    )  # fmt: skip
    text = client.get(url(file)).content.decode()
    assert "alert(1)</script>" not in text
    assert "<script>alert" not in text
    for bad in [
        "evil.example",
        'href="javascript:',
        "<iframe",
        "onerror=",
        "<svg onload",
        '"><i>',
        "<b>bold",
        "data:text",
    ]:
        assert bad not in text, bad
    assert '<img src="/image/abc/original=true/1.png">' in text


TRAINED = {
    "network": {"module": "networks.lora", "rank": 16, "alpha": 8},
    "resolution": [512, 768],
    "dataset": {"pictures": 1200, "top_tags": [["lighthouse", 900], ["<b>sea</b>", 40]]},
    "training": {"steps": 2400, "learning_rate": 0.0001, "started_at": 1700000000, "session": "secret-folder"},
}


def test_training_details_are_read(client, alice):
    base = added(alice, "Base", inspected={"kind": "base", "base_family": "sd1"})
    told = TRAINED | {"base": {"name": "base.safetensors", "sha256": base.blob_id}}
    address = url(added(alice, inspected={"summary": told}))
    text = client.get(address).content.decode()
    for words in ("512 × 768", "<dd>16</dd>", "<dd>8</dd>", "<dd>2,400</dd>", "0.0001", "14 Nov 2023", "lighthouse"):
        assert words in text, words
    assert "That is Base, v1, of this hub." in text
    assert "<b>sea" not in text
    german = client.get(address, headers={"Accept-Language": "de"}).content.decode()
    for words in ("Lernrate", "<dd>2\u202f400</dd>", "14. Nov. 2023"):
        assert words in german, words


def test_training_details_can_be_hidden_from_pages_and_api(client, alice, charlie):
    file = added(alice, inspected={"summary": TRAINED})
    api = f"/api/v1/model-versions/{file.version_id}"
    assert "secret-folder" in client.get(url(file)).content.decode()
    assert client.get(api).json()["trainingDetails"]["network"]["rank"] == 16
    actions.version_edit(version=file.version, by=alice, fields={"hide_training": True})
    client.force_login(charlie)
    assert "secret-folder" not in client.get(url(file)).content.decode()
    assert client.get(api).json()["trainingDetails"] is None
    client.force_login(alice)
    assert "Hidden from others." in client.get(url(file)).content.decode()


def test_who_downloads_is_told_of_metadata_that_attacks_other_programs(client, alice):
    attack = Finding("warning", "The metadata holds HTML or a script.", "<img src=x>", public=True)
    mine = Finding("warning", "4 of 268 keys are unknown.")
    file = added(alice, inspected={"findings": (attack, mine)})
    text = client.get(url(file)).content.decode()
    assert "May harm other programs" in text
    assert "<img src=x>" not in text
    answer = client.get(f"/api/download/models/{file.version_id}")
    assert answer.headers["X-Weightroom-Warning"] == "The metadata holds HTML or a script."
    told = client.get(f"/api/v1/model-versions/{file.version_id}").json()["files"][0]
    assert told["virusScanMessage"] == "The metadata holds HTML or a script."


def test_a_model_taken_down_keeps_its_title(client, alice):
    file = added(alice)
    Model.objects.filter(pk=file.version.model_id).update(status="taken-down")
    text = client.get(url(file)).content.decode()
    assert "A moderator removed it." in text
    assert "/api/download/" not in text


def test_a_pickle_is_told_in_words_beside_the_safetensors_made_from_it(client, alice):
    made = Converted(key="incoming/converted/u.1.safetensors", sha256="cd" * 32, size=900, digests={})
    scans = (Scan(tool="picklescan", version="1.0.5", verdict="clean"),)
    inspected = {"format": "PickleTensor", "tier": "B", "scans": scans, "converted": made}
    file = added(alice, "Ink", filename="ink.ckpt", inspected=inspected)
    html = client.get(url(file)).content.decode()
    assert "Made here from ink.ckpt" in html
    assert "objects that do nothing (tier B)" in html
    assert "picklescan 1.0.5: nothing found" in html
    assert f"fileId={file.pk}" in html


def test_the_parts_of_a_folder_are_told_apart_by_their_paths(client, alice):
    file = added(alice, "Ink")
    File.objects.filter(pk=file.pk).update(name="text_encoder/model.safetensors")
    assert ">text_encoder/model.safetensors</a>" in client.get(url(file)).content.decode()
