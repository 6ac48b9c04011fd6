"""``{a|b}`` and ``__wildcard__`` where something is drawn: how many pictures they make is told, and each is drawn."""

import json

import pytest
from msgspec.structs import replace

from hub.tryit import actions
from hub.tryit.models import Generation
from hub.tryit.stacks import BadRecipe
from tests.hub.tryit.test_generation_create import form
from tests.hub.tryit.test_prompt_read import read
from workers import plots
from workers.messages import Axis, Drawn, Generated, pack


def asked(client, nano, **body):
    body = {"base": nano.pk, "steps": 4, "seed": 5, **body}
    return client.post("/api/v1/generations", json.dumps(body), content_type="application/json")


def drawn(generation):
    """The prompt, the negative prompt and the seed of each picture that a worker will draw."""
    from hub.gallery import recipes
    from hub.tryit.tasks import generated

    cells = plots.cells(recipes.read(generation.recipe), [Axis(**axis) for axis in generation.plot])
    pictures = [Drawn(sha256=f"{n:064x}", width=128, height=128, seed=5, bytes=10) for n in range(len(cells))]
    answer = Generated(generation_id=str(generation.pk), attempt=1, pictures=tuple(pictures), seconds=3.0)
    generated(pack(answer))
    made = [recipes.read(one.recipe) for one in generation.pictures.order_by("id")]
    return [(one.prompt, one.negative, one.seed) for one in made]


def test_it_works(client, alice, nano, linocut):
    """Alice writes, reads how many pictures it makes, draws them, and finds her words as she wrote them."""
    alice.wildcards.create(name="animals", values=["fox", "hare"])
    client.force_login(alice)
    words = "a {red|blue} __animals__"
    page = client.post("/try/prompt", form(nano, linocut, prompt=words)).content.decode()
    assert "3 of 75 tokens · 4 pictures, one of each choice" in page
    page = client.post("/try/prompt", form(nano, linocut, prompt=words, count="2")).content.decode()
    assert "4 choices × 2 = 8 pictures" in page
    answer = client.post("/try", form(nano, linocut, prompt=words))
    generation = Generation.objects.get()
    assert generation.count == 4
    assert words in client.get(answer.url).content.decode()
    alice.wildcards.all().delete()  # what was asked for once stays
    again = actions.generation_again(generation=generation, by=alice)
    assert (again.count, again.plot) == (4, generation.plot)
    assert drawn(generation) == [
        ("a red fox", "", 5),
        ("a red hare", "", 5),
        ("a blue fox", "", 5),
        ("a blue hare", "", 5),
    ]


def test_several_of_each_and_a_choice_in_the_negative(alice, recipe):
    typed = replace(recipe, prompt="a {cat|dog}", negative="{fog|}", seed=7)
    generation = actions.generation_create(owner=alice, recipe=typed, count=2, typed=True)
    assert generation.count == 8
    assert set(drawn(generation)) == {(p, n, s) for p in ("a cat", "a dog") for n in ("fog", "") for s in (7, 8)}


def test_beside_a_plot(client, alice, nano, linocut):
    client.force_login(alice)
    changes = {"prompt": "a {cat|dog}", "x_axis": "cfg", "x_values": "3, 5, 7"}
    price = client.post("/try/plot", form(nano, linocut, **changes)).content.decode()
    assert "2 × 3 = 6 pictures" in price
    page = client.get(client.post("/try", form(nano, linocut, **changes)).url).content.decode()
    assert 'value="3, 5, 7"' in page
    changes |= {"y_axis": "steps", "y_values": "3", "z_axis": "seed", "z_values": "1"}
    assert "three sides" in client.post("/try", form(nano, linocut, **changes)).content.decode()


def test_by_the_api(client, alice, nano):
    client.force_login(alice)
    answer = asked(client, nano, prompt="a {cat|dog}")
    assert answer.status_code == 202, answer.content
    assert answer.json()["count"] == 2
    assert answer.json()["plot"] == [{"name": "wording", "values": ["a cat", "a dog"]}]
    assert asked(client, nano, prompt="a {cat|dog}", choices=False).json()["recipe"]["prompt"] == "a {cat|dog}"
    assert read(client, nano, prompt="a {cat|dog}", negative="{a|b|c}")["pictures"] == 6


def test_what_looks_like_a_choice_and_is_none(client, alice, nano, linocut):
    """A1111's own alternation, and braces that are only braces: one picture, and it is drawn again as it was."""
    client.force_login(alice)
    client.post("/try", form(nano, linocut, prompt=r"[cat|dog] \{a|b\} {novel}"))
    generation = Generation.objects.get()
    assert (generation.recipe["prompt"], generation.plot) == ("[cat|dog] {a|b} {novel}", [])
    assert r"\{a|b\}" in client.get(f"/try?generation={generation.pk}").content.decode()


@pytest.mark.parametrize(
    ("prompt", "sentence"),
    [
        ("{a|b|c}{a|b|c}{a|b|c}{a|b|c}{a|b|c}", "make 243 pictures; 100 is the most"),
        ("{a|b}" * 30, "more pictures than are counted"),
        ("{2$$a|b|c}", "not understood"),
        ("a {<lora:linocut:1>|dog}", "may not name an adapter"),
    ],
)
def test_what_is_not_drawn_is_said(client, alice, nano, linocut, prompt, sentence):
    client.force_login(alice)
    answer = client.post("/try", form(nano, linocut, prompt=prompt))
    assert answer.status_code == 400
    assert sentence in answer.content.decode()
    answer = asked(client, nano, prompt=prompt)
    assert answer.status_code == 400
    assert sentence in answer.content.decode()
    assert not Generation.objects.exists()
    if "lora" not in prompt:
        assert sentence in read(client, nano, prompt=prompt)["problems"][0]


def test_too_many_of_each(alice, recipe):
    with pytest.raises(BadRecipe, match="make 120 pictures"):
        actions.generation_create(owner=alice, recipe=replace(recipe, prompt="{a|b|c|d|e}{a|b|c}"), count=8, typed=True)


def test_others_words_are_drawn_as_they_stand(alice, recipe):
    """Comparisons and other programs' calls name what they want drawn."""
    made = actions.generation_create(owner=alice, recipe=replace(recipe, prompt="a {cat|dog}"))
    assert (made.count, made.recipe["prompt"]) == (1, "a {cat|dog}")


def test_the_sheet_says_what_differs():
    from workers.sheet import _differing

    assert _differing(["a red fox, ink", "a very blue fox, ink", "a fox, ink"]) == ["red", "very blue", "–"]
