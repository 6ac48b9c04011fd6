"""The library: prompt-create, prompt-edit, prompt-list, prompt-detail, prompt-fork, prompt-delete, and running one."""

import pytest

from hub.catalog.models import File
from hub.prompts.models import Prompt


def new(client, **fields):
    given = {"title": "", "prompt": "a lighthouse, ink", "negative": "", "tags": "sea, Ink", "licence": "cc-by"}
    return client.post("/prompts/new", given | fields)


def test_it_works(client, alice, bob):
    client.force_login(alice)
    answer = new(client, title="Lighthouse")
    prompt = Prompt.objects.get()
    assert answer["Location"] == f"/prompts/{prompt.pk}"
    client.force_login(bob)
    page = client.get(f"/prompts/{prompt.pk}").content.decode()
    assert "a lighthouse, ink" in page
    assert "CC BY: anybody may use it who names its author" in page
    assert {tag.name for tag in prompt.tags.all()} == {"sea", "ink"}


def test_a_name_is_found_where_none_is_given(client, alice):
    client.force_login(alice)
    new(client)
    assert Prompt.objects.get().title == "a lighthouse, ink"


def test_nothing_said_comes_back_with_a_sentence(client, alice):
    client.force_login(alice)
    answer = new(client, prompt="  ", title="Kept")
    assert answer.status_code == 422
    assert b"A prompt needs words." in answer.content
    assert b'value="Kept"' in answer.content


def test_from_a_picture_with_its_stack(client, alice, draw):
    picture = draw(alice, visible=True)
    client.force_login(alice)
    assert b"a cat" in client.get(f"/prompts/new?picture={picture.pk}").content
    new(client, prompt="a cat, better", picture=picture.pk)
    prompt = Prompt.objects.get()
    assert prompt.stacked
    assert [use["name"] for use in prompt.recipe["uses"]] == ["Linocut"]
    assert list(prompt.examples.values_list("picture", flat=True)) == [picture.pk]
    assert f"/pictures/{picture.pk}" in client.get(f"/prompts/{prompt.pk}").content.decode()


def test_charlie_keeps_no_prompt_of_a_picture_that_he_cannot_see(client, alice, charlie, draw):
    picture = draw(alice)
    client.force_login(charlie)
    assert new(client, picture=picture.pk).status_code == 404


def test_prompt_edit_keeps_the_earlier_wording(client, alice, lighthouse):
    client.force_login(alice)
    fields = {"title": "Lighthouse", "prompt": "a lighthouse in fog", "negative": "", "tags": "", "licence": "cc0"}
    assert client.post(f"/prompts/{lighthouse.pk}/edit", fields).status_code == 302
    page = client.get(f"/prompts/{lighthouse.pk}").content.decode()
    assert "a lighthouse in fog" in page
    earlier = page.split("Earlier wordings")[1]
    assert "a lighthouse <del>" in earlier, "what stayed is not marked"
    assert "at {dawn|dusk}, ink" in earlier
    assert "</span>in fog<span" in earlier.split("<ins>")[1]
    lighthouse.refresh_from_db()
    assert not lighthouse.template


def test_any_two_wordings_are_compared(client, alice, bob, lighthouse):
    client.force_login(alice)
    for words in ("a lighthouse in fog", "a lighthouse in snow, oil", "a harbour in snow, oil"):
        client.post(
            f"/prompts/{lighthouse.pk}/edit", {"title": "", "prompt": words, "negative": "blurry", "licence": "cc0"}
        )
    client.force_login(bob)
    here = f"/prompts/{lighthouse.pk}"

    def compared(asked):
        return client.get(here + asked).content.decode().split("Compare two wordings")[1].split("</details>")[0]

    assert "Struck out" not in compared(""), "nothing is compared before somebody chooses"
    found = compared("?before=2&after=3")
    assert "fog" in found.split("<del>")[1].split("</del>")[0]
    assert "snow" in found.split("<ins>")[1].split("</ins>")[0]
    assert "harbour" not in found
    assert '<option value="3" selected>Number 3' in found, "what was chosen stays chosen"
    assert "harbour" in compared("?before=3&after=").split("<ins>")[1].split("</ins>")[0]
    assert "Their words are the same." in compared("?before=2&after=2")
    assert client.get(here + "?before=99&after=x").status_code == 200
    client.force_login(alice)
    client.post(f"{here}/edit", {"title": "", "prompt": "a harbour", "negative": "", "licence": "cc0", "private": "on"})
    client.force_login(bob)
    assert client.get(f"{here}?before=1&after=2").status_code == 404


def test_two_wordings_need_no_choice(client, alice, lighthouse):
    client.force_login(alice)
    client.post(f"/prompts/{lighthouse.pk}/edit", {"title": "", "prompt": "fog", "negative": "", "licence": "cc0"})
    assert "Compare two wordings" not in client.get(f"/prompts/{lighthouse.pk}").content.decode()


def test_charlie_neither_edits_nor_deletes(client, charlie, lighthouse):
    client.force_login(charlie)
    for what in ("edit", "delete", "examples"):
        answer = client.post(f"/prompts/{lighthouse.pk}/{what}", {"prompt": "mine", "licence": "cc0", "picture": "1"})
        assert answer.status_code == 404
    assert Prompt.objects.count() == 1


def test_a_private_one_is_its_owners(client, alice, bob, lighthouse):
    Prompt.objects.update(private=True)
    client.force_login(bob)
    assert client.get(f"/prompts/{lighthouse.pk}").status_code == 404
    assert client.get(f"/try?prompt={lighthouse.pk}").status_code == 404
    assert client.post(f"/prompts/{lighthouse.pk}/fork").status_code == 404
    assert b"Lighthouse" not in client.get("/prompts").content
    client.force_login(alice)
    assert b"Lighthouse" in client.get("/prompts").content


def test_prompt_fork_says_what_it_was_made_from(client, alice, bob, lighthouse):
    client.force_login(bob)
    client.post(f"/prompts/{lighthouse.pk}/fork")
    fork = Prompt.objects.get(owner=bob)
    assert fork.private
    page = client.get(f"/prompts/{fork.pk}").content.decode()
    assert f'made from <a href="/prompts/{lighthouse.pk}">' in page
    assert "What differs" not in page, "nothing does so far"
    client.post(f"/prompts/{fork.pk}/edit", {"title": "", "prompt": "a lighthouse, oil", "licence": "cc0"})
    assert "oil<span" in client.get(f"/prompts/{fork.pk}").content.decode().split("What differs")[1].split("<ins>")[1]
    client.force_login(alice)
    client.post(f"/prompts/{lighthouse.pk}/delete")
    fork.refresh_from_db()
    assert fork.made_from is None


def test_moderators_delete_public_ones(client, mona, lighthouse):
    client.force_login(mona)
    assert client.post(f"/prompts/{lighthouse.pk}/delete").status_code == 302
    assert not Prompt.objects.exists()


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("?query=light", True), ("?query=lighthouse ink", True), ("?query=sea", True), ("?query=alice", True),
        ("?query=harbour", False), ("?query=%27%3A*|%26", False), ("?tag=sea", True), ("?tag=land", False),
        ("?kind=template", True), ("?kind=stacked", False), ("?licence=cc0", True), ("?licence=cc-by", False),
        ("?creator=alice", True), ("?creator=bob", False), ("?sort=runs", True), ("?like=1000000", False),
    ],
)  # fmt: skip
def test_prompt_list(client, lighthouse, address, found):
    answer = client.get(f"/prompts{address}")
    assert answer.status_code == 200
    # A query of signs alone looks for nothing, so everything is shown.
    assert (b">Lighthouse</a>" in answer.content) is (found or "%27" in address)


def test_running_a_template_with_ones_choice(client, alice, nano, linocut, lighthouse):
    client.force_login(alice)
    page = client.get(f"/prompts/{lighthouse.pk}").content.decode()
    assert "<option" in page.split('name="f0"')[1]
    desk = client.get(f"/try?prompt={lighthouse.pk}&f0=1").content.decode()
    assert "a lighthouse at dusk, ink</textarea>" in desk
    assert "blurry</textarea>" in desk
    lighthouse.refresh_from_db()
    assert lighthouse.runs == 1


def test_example_add_and_example_remove(client, alice, draw, lighthouse):
    picture = draw(alice, visible=True)
    client.force_login(alice)
    client.post(f"/prompts/{lighthouse.pk}/examples", {"picture": f"http://testserver/pictures/{picture.pk}"})
    assert f"/pictures/{picture.pk}" in client.get(f"/prompts/{lighthouse.pk}").content.decode()
    assert client.post(f"/prompts/{lighthouse.pk}/examples", {"picture": "x"}).status_code == 422
    client.post(f"/prompts/{lighthouse.pk}/examples/{picture.pk}/remove")
    assert not lighthouse.examples.exists()


def test_text_is_never_trusted(client, alice):
    client.force_login(alice)
    new(client, title="<script>alert(1)</script>", prompt='"><img src=x onerror=alert(1)>', tags="<b>")
    for address in ("/prompts", f"/prompts/{Prompt.objects.get().pk}"):
        page = client.get(address).content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page


def test_prompt_workflow_is_a_comfyui_graph(client, alice, draw, linocut):
    """It names files as they are downloaded from here."""
    File.objects.filter(version=linocut).update(name="lino cut-000012.safetensors")
    picture = draw(alice, visible=True)
    client.force_login(alice)
    new(client, prompt="a cat", picture=picture.pk)
    for address in (f"/prompts/{Prompt.objects.get().pk}/workflow", f"/pictures/{picture.pk}/workflow"):
        answer = client.get(address)
        assert "attachment" in answer["Content-Disposition"]
        nodes = {node["class_type"]: node["inputs"] for node in answer.json().values()}
        assert {"CheckpointLoaderSimple", "LoraLoader", "CLIPTextEncode", "KSampler", "SaveImage"} <= set(nodes)
        assert nodes["LoraLoader"]["lora_name"] == "lino cut-000012.safetensors", "the file's name as it is downloaded"
        assert nodes["CheckpointLoaderSimple"]["ckpt_name"] == "nano_v1.safetensors"
    text = client.get(f"/prompts/{Prompt.objects.get().pk}").content.decode()
    assert "&lt;lora:lino cut-000012:0.8&gt;" in text
    File.objects.filter(version=linocut).update(verdict="refused")
    assert "&lt;lora:Linocut:0.8&gt;" in client.get(f"/prompts/{Prompt.objects.get().pk}").content.decode(), "not here"


def test_filters_say_how_many_each_leaves(client, alice, bob, draw):
    client.force_login(alice)
    new(client, prompt="{red|blue} boat", licence="cc0", tags="sea")
    new(client, prompt="a cat", picture=draw(alice, visible=True).pk, tags="cat, sea")
    new(client, prompt="secret", private="on", tags="sea", licence="cc0")
    client.force_login(bob)
    page = client.get("/prompts")
    counts = {
        facet.value: facet.count
        for facets in (page.context["facets"].tags, page.context["facets"].kinds, page.context["facets"].licences)
        for facet in facets
    }
    assert counts == {"sea": 2, "cat": 1, "template": 1, "stacked": 1, "cc0": 1, "cc-by": 1}
    assert [facet.value for facet in page.context["facets"].families] == ["sd1"]
    narrowed = client.get("/prompts?licence=cc0")
    assert [prompt.text for prompt in narrowed.context["prompts"]] == ["{red|blue} boat"]
    assert {f.value: f.count for f in narrowed.context["facets"].licences} == {"cc0": 1, "cc-by": 1}
    assert [chip.label for chip in narrowed.context["chips"]] == ["CC0"]
    found = client.get("/prompts?query=boat&kind=stacked")
    assert found.context["prompts"] == []
    assert {f.value: f.count for f in found.context["facets"].tags} == {}
