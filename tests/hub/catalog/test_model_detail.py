import re

import pytest
from django.urls import reverse

from hub.catalog import actions, queries
from hub.catalog.models import Model
from tests.hub.catalog.files import added


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


def test_training_details_can_be_hidden(client, alice):
    file = added(alice, inspected={"summary": {"metadata": {"training": {"epochs": 10, "notes": "secret-folder"}}}})
    assert "secret-folder" in client.get(url(file)).content.decode()
    actions.version_edit(version=file.version, by=alice, fields={"hide_training": True})
    assert "secret-folder" not in client.get(url(file)).content.decode()


def test_a_model_taken_down_keeps_its_title(client, alice):
    file = added(alice)
    Model.objects.filter(pk=file.version.model_id).update(status="taken-down")
    text = client.get(url(file)).content.decode()
    assert "A moderator removed it." in text
    assert "/api/download/" not in text
