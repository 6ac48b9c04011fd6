"""A plot: asked for once, drawn as one job, kept as a sheet and every cell with its recipe."""

import json

import pytest
from msgspec.structs import replace

from hub import queue
from hub.tryit import actions
from hub.tryit.models import Generation
from hub.tryit.sending import LimitReached
from hub.tryit.stacks import BadRecipe
from hub.tryit.tasks import generated
from tests.hub.tryit import world
from tests.hub.tryit.test_generation_create import form
from workers import plots
from workers.messages import GENERATE, Drawn, Generated, pack

AXES = [plots.axis("cfg", "3, 5, 7"), plots.axis("weight_1", "0, 1")]


def drawn(number):
    return Drawn(sha256=f"{number:064x}", width=128, height=128, seed=5, bytes=10)


def test_it_works(alice, recipe, committed):
    with committed():
        generation = actions.generation_create(owner=alice, recipe=replace(recipe, seed=5), plot=AXES)
    assert generation.count == 6
    assert queue.waiting(GENERATE) == 1
    answer = Generated(
        generation_id=str(generation.pk),
        attempt=1,
        pictures=tuple(drawn(number) for number in range(6)),
        seconds=3.0,
        sheet=drawn(99),
    )
    generated(pack(answer))
    generation.refresh_from_db()
    assert generation.status == "done"
    assert generation.sheet.sha256 == f"{99:064x}"
    told = [(one.recipe["uses"][0]["weight"], one.recipe["cfg"]) for one in generation.pictures.order_by("id")]
    assert told == [(0, 3), (0, 5), (0, 7), (1, 3), (1, 5), (1, 7)]


def test_by_form_and_again(client, alice, nano, linocut):
    client.force_login(alice)
    asked = {"x_axis": "steps", "x_values": "4-8 (+2)", "y_axis": "sampler", "y_values": "Euler, DDIM"}
    answer = client.post("/try", form(nano, linocut, **asked))
    generation = Generation.objects.get()
    assert [axis["name"] for axis in generation.plot] == ["steps", "sampler"]
    page = client.get(answer.url).content.decode()
    assert 'value="4, 6, 8"' in page
    again = actions.generation_again(generation=generation, by=alice)
    assert (again.plot, again.count) == (generation.plot, 6)


def test_by_the_api(client, alice, nano, linocut):
    client.force_login(alice)
    body = {"base": nano.pk, "prompt": "a cat", "steps": 4, "plot": [{"name": "seed", "values": "1-3"}]}
    answer = client.post("/api/v1/generations", json.dumps(body), content_type="application/json")
    assert answer.status_code == 202, answer.content
    assert answer.json()["plot"] == [{"name": "seed", "values": ["1", "2", "3"]}]
    body["plot"][0]["values"] = "many"
    assert client.post("/api/v1/generations", json.dumps(body), content_type="application/json").status_code == 400


@pytest.mark.parametrize(
    ("name", "values", "sentence"),
    [("steps", "5000", "Steps"), ("prompt", "fish, dog", "does not say"), ("weight_5", "1", "no adapter 5")],
)
def test_what_no_cell_could_be_is_refused(alice, recipe, name, values, sentence):
    with pytest.raises(BadRecipe, match=sentence):
        actions.generation_create(owner=alice, recipe=recipe, plot=[plots.axis(name, values)])


def test_a_plot_longer_than_the_line_goes_alone(alice, recipe, settings):
    settings.GENERATIONS_WAITING = 4
    actions.generation_create(owner=alice, recipe=recipe, plot=AXES)
    with pytest.raises(LimitReached):
        actions.generation_create(owner=alice, recipe=recipe, plot=AXES)


def test_the_weights_that_are_offered_are_those_of_the_stack(client, alice, nano, linocut):
    """By name, for what is drawn with; an axis that was chosen before its adapter went is still to be seen."""
    other = world.version(alice, "Panda", "lora")
    client.force_login(alice)
    two = {"use": [linocut.pk, other.pk], "weight": ["0.8", "1"], "do": "look"}
    page = client.post("/try", form(nano, linocut, **two, on=[linocut.pk, other.pk])).content.decode()
    for number, name in ((1, "Linocut"), (2, "Panda")):
        assert f'<option value="weight_{number}">Weight of {name}</option>' in page
    assert 'value="weight_3"' not in page
    page = client.post("/try", form(nano, linocut, **two, on=[other.pk])).content.decode()
    assert '<option value="weight_1">Weight of Panda</option>' in page
    assert 'value="weight_2"' not in page
    page = client.post("/try", form(nano, linocut, do="look", x_axis="weight_2", x_values="0, 1")).content.decode()
    assert '<option value="weight_2" selected>Weight of adapter 2</option>' in page
