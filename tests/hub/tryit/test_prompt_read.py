"""A prompt is read before it is drawn: what it names is found here, and what keeps it from drawing is said."""

import pytest
from msgspec.structs import replace

from hub.tryit import actions
from hub.tryit.stacks import BadRecipe, FileNotHere
from tests.hub.tryit import world
from tests.hub.tryit.test_generation_create import form


def read(client, nano, **words):
    answer = client.post("/api/v1/prompts/read", {"base": str(nano.pk), **words}, content_type="application/json")
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_it_works(client, alice, nano, linocut):
    answer = client.post("/try/prompt", form(nano, linocut, prompt="a [cat:dog:0.5], red AND sea", use=[], on=[]))
    page = answer.content.decode()
    assert "4 of 75 tokens · 2 prompts mixed · the words change once" in page
    assert "<html" not in page


def test_the_whole_page_tells_it_too(client, alice, nano, linocut):
    client.force_login(alice)
    assert 'id="reading"' in client.get("/try").content.decode()


def test_a_name_is_found_whatever_it_is_called_by(client, nano, linocut):
    for name in ("Linocut", "linocut", "linocut.safetensors"):
        (named,) = read(client, nano, prompt=f"a cat <lora:{name}:0.7>")["named"]
        assert (named["state"], named["version"], named["sentence"]) == ("found", linocut.pk, "Linocut at 0.7")


def test_what_is_missing_is_said(client, nano):
    found = read(client, nano, prompt="a cat <lora:nowhere:0.7>")
    assert found["named"][0]["state"] == "missing"
    assert found["problems"] == ["The prompt names nowhere, which is not on this hub."]


def test_what_was_made_for_another_base_is_said(client, alice, nano):
    world.version(alice, "Big", "lora", base="SDXL 1.0")
    found = read(client, nano, prompt="<lora:big:1>")
    assert found["named"][0]["state"] == "misfit"
    assert "Made for SDXL" in found["problems"][0]


def test_anothers_draft_is_not_there(client, bob, charlie, nano):
    world.version(bob, "Secret", "lora", published=False)
    client.force_login(charlie)
    assert read(client, nano, prompt="<lora:secret:1>")["named"][0]["state"] == "missing"
    client.force_login(bob)
    assert read(client, nano, prompt="<lora:secret:1>")["named"][0]["state"] == "found"


def test_an_inversion_that_the_words_say_is_offered(client, alice, nano):
    world.version(alice, "peach-v1", "textual_inversion")
    found = read(client, nano, prompt="a bowl of peach-v1, red")
    assert [one["name"] for one in found["offered"]] == ["peach-v1"]


def test_warnings_and_problems_are_told(client, nano):
    found = read(client, nano, prompt="ratio 16:9 <odd:x:1>", negative="a AND b")
    assert "counts 9 times" in found["warnings"][0]
    assert "only a word" in found["warnings"][1]
    assert "kind of adapter" in found["problems"][0]
    assert "20 is most" in read(client, nano, prompt="a " * 2900)["problems"][0]


def test_other_languages_are_read_as_they_are(client, nano, linocut):
    found = read(client, nano, prompt="a cat withLora(linocut, 0.5)", dialect="invokeai")
    assert found["named"][0]["weight"] == 0.5
    assert read(client, nano, prompt="a [cat|dog]", dialect="comfyui")["changes"] == 0
    wrong = client.post("/api/v1/prompts/read", {"dialect": "klingon"}, content_type="application/json")
    assert wrong.status_code == 400


def test_a_tag_becomes_a_part_of_the_stack(alice, recipe, linocut, nano):
    made = actions.generation_create(
        owner=alice, recipe=replace(recipe, uses=(), prompt="a cat <lora:linocut:0.6:0.4>, red")
    )
    (use,) = made.recipe["uses"]
    assert (use["sha256"], use["weight"], use["text_weight"]) == (world.sha(linocut), 0.4, 0.6)
    assert made.recipe["prompt"] == "a cat , red"


def test_a_tag_counts_more_than_the_stack(alice, recipe):
    made = actions.generation_create(owner=alice, recipe=replace(recipe, prompt="a cat <lora:Linocut:0.3>"))
    (use,) = made.recipe["uses"]
    assert use["weight"] == 0.3


def test_an_inversion_answers_to_the_name_that_was_said(alice, recipe, nano):
    world.version(alice, "peach", "textual_inversion")
    words = replace(recipe, uses=(), prompt="a embedding:peach", dialect="comfyui")
    (use,) = actions.generation_create(owner=alice, recipe=words).recipe["uses"]
    assert use["token"] == "peach"


@pytest.mark.parametrize(
    ("prompt", "refused", "sentence"),
    [
        ("<lora:nowhere:1>", FileNotHere, "names nowhere"),
        ("<lora:linocut:99>", BadRecipe, "must be from -10 to 10"),
        ("<lora:linocut:x>", BadRecipe, "not a number"),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_it_waits(alice, recipe, prompt, refused, sentence):
    with pytest.raises(refused, match=sentence):
        actions.generation_create(owner=alice, recipe=replace(recipe, prompt=prompt))


def test_a_language_that_nobody_speaks_is_refused(alice, recipe):
    with pytest.raises(BadRecipe, match="read as a1111"):
        actions.generation_create(owner=alice, recipe=replace(recipe, dialect="klingon"))


def test_a_wildcard_of_no_list_is_said(client, alice, nano):
    said = "There is no list named birds: __birds__ is drawn as these letters."
    assert read(client, nano, prompt="a __birds__")["warnings"] == [said]
    assert read(client, nano, prompt="a cat", negative="__birds__")["warnings"] == [said]
    alice.wildcards.create(name="birds", values=["heron"])
    client.force_login(alice)
    assert read(client, nano, prompt="a __birds__")["warnings"] == []
