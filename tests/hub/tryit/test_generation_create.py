"""Asking for a picture: by the page, by the API, and every way to be refused."""

import json
import threading

import pytest
from django.db import connection
from msgspec.structs import replace

from hub import queue
from hub.catalog.models import Model, Version
from hub.errors import Refused
from hub.tryit import actions
from hub.tryit.models import Generation
from hub.tryit.sending import LimitReached
from hub.tryit.stacks import BadRecipe, DoesNotFit, FileNotHere
from tests import cast
from tests.hub.tryit import world
from workers.messages import GENERATE, Recipe, Use


def form(nano, linocut, **changes):
    data = {"base": nano.pk, "use": linocut.pk, "on": linocut.pk, "weight": "0.8", "prompt": "a cat", "negative": ""}
    data |= {"sampler": "Euler a", "schedule": "Automatic", "steps": "20", "cfg": "4", "seed": "5", "width": "128"}
    return data | {"height": "128", "clip_skip": "1", "count": "1", "do": "draw"} | changes


def test_it_works(client, alice, nano, linocut, committed):
    client.force_login(alice)
    with committed():
        answer = client.post("/try", form(nano, linocut))
    generation = Generation.objects.get()
    assert answer.status_code == 302
    assert answer.url == f"/try/{generation.pk}"
    assert generation.recipe["uses"][0]["name"] == "Linocut"
    assert generation.recipe["seed"] == 5
    assert queue.waiting(GENERATE) == 1


def test_the_message_names_every_file_by_its_digest(alice, recipe, linocut, committed):
    with committed():
        generation = actions.generation_create(owner=alice, recipe=recipe, count=2)
    import base64

    sent = json.loads(queue.cache().lindex(GENERATE, 0))
    [payload, then], *_ = json.loads(base64.b64decode(sent["body"]))
    assert then == "hub.tryit.generated"
    assert payload["recipe"]["uses"][0]["sha256"] == world.sha(linocut)
    assert (payload["generation_id"], payload["attempt"], payload["count"]) == (str(generation.pk), 1, 2)


def test_a_seed_is_drawn_here(alice, recipe):
    generation = actions.generation_create(owner=alice, recipe=replace(recipe, seed=-1))
    assert 0 <= generation.recipe["seed"] < 2**32


def test_old_sampler_names_are_understood(alice, recipe):
    made = actions.generation_create(owner=alice, recipe=replace(recipe, sampler="DPM++ 2M Karras"))
    assert (made.recipe["sampler"], made.recipe["schedule"]) == ("DPM++ 2M", "Karras")


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": 0},
        {"steps": 151},
        {"cfg": 30.5},
        {"cfg": float("nan")},
        {"seed": 2**32},
        {"seed": -2},
        {"width": 100},
        {"width": 8},
        {"width": 2048, "height": 1024},
        {"clip_skip": 0},
        {"clip_skip": 13},
        {"sampler": "Teleport"},
        {"schedule": "Tuesday"},
        {"prompt": "x" * 6001},
        {"negative": "a\x00b"},
    ],
)
def test_numbers_out_of_bounds_are_refused(alice, recipe, changes):
    with pytest.raises(BadRecipe):
        actions.generation_create(owner=alice, recipe=replace(recipe, **changes))
    assert not Generation.objects.exists()


@pytest.mark.parametrize("count", [0, 9])
def test_count_is_bounded(alice, recipe, count):
    with pytest.raises(BadRecipe):
        actions.generation_create(owner=alice, recipe=recipe, count=count)


@pytest.mark.parametrize("weight", [float("inf"), 11, -10.5])
def test_weights_are_bounded(alice, recipe, weight):
    with pytest.raises(BadRecipe):
        actions.generation_create(owner=alice, recipe=replace(recipe, uses=(replace(recipe.uses[0], weight=weight),)))


def test_the_same_adapter_twice_is_refused(alice, recipe):
    with pytest.raises(BadRecipe, match="twice"):
        actions.generation_create(owner=alice, recipe=replace(recipe, uses=recipe.uses * 2))


def test_an_adapter_of_another_family_is_refused_in_words(alice, nano, recipe):
    neon = world.version(alice, "Neon", "lora", base="SDXL 1.0")
    wanted = replace(recipe, uses=(Use(kind="lora", sha256=world.sha(neon)),))
    with pytest.raises(DoesNotFit, match=r"Made for SDXL; Nano is nano\."):
        actions.generation_create(owner=alice, recipe=wanted)
    Model.objects.filter(pk=nano.model_id).update(name="nano")
    with pytest.raises(DoesNotFit, match=r"Made for SDXL, not for nano\."):
        actions.generation_create(owner=alice, recipe=wanted)


def test_an_sd15_adapter_does_not_fit_nano(alice, recipe):
    real = world.version(alice, "Real", "lora", base="SD 1.5")
    with pytest.raises(DoesNotFit, match=r"Made for SD 1\.5"):
        actions.generation_create(owner=alice, recipe=replace(recipe, uses=(Use(kind="lora", sha256=world.sha(real)),)))


def test_an_adapter_is_not_a_base(alice, recipe, linocut):
    with pytest.raises(DoesNotFit, match="not a base"):
        actions.generation_create(owner=alice, recipe=replace(recipe, base=world.sha(linocut), uses=()))


def test_a_file_that_is_not_here_is_refused(alice, recipe):
    with pytest.raises(FileNotHere):
        actions.generation_create(owner=alice, recipe=replace(recipe, base="0" * 64))


@pytest.mark.parametrize("verdict", ["refused", "unknown"])
def test_a_file_that_was_not_accepted_is_refused(alice, recipe, verdict):
    bad = world.version(alice, "Bad", "lora", verdict=verdict)
    with pytest.raises(FileNotHere):
        actions.generation_create(owner=alice, recipe=replace(recipe, uses=(Use(kind="lora", sha256=world.sha(bad)),)))


def test_charlie_cannot_draw_with_a_draft_of_alice(alice, charlie, recipe):
    draft = world.version(alice, "Secret", "lora", published=False)
    wanted = replace(recipe, uses=(Use(kind="lora", sha256=world.sha(draft)),))
    assert actions.generation_create(owner=alice, recipe=wanted)
    with pytest.raises(FileNotHere):
        actions.generation_create(owner=charlie, recipe=wanted)


def test_the_line_is_limited(alice, recipe, settings):
    settings.GENERATIONS_WAITING = 3
    actions.generation_create(owner=alice, recipe=recipe, count=3)
    with pytest.raises(LimitReached, match="3 of your pictures are in line already"):
        actions.generation_create(owner=alice, recipe=recipe)


def test_the_day_is_limited(alice, bob, recipe, settings, finish):
    settings.GENERATIONS_PER_DAY = 2
    finish(actions.generation_create(owner=alice, recipe=recipe, count=2))
    with pytest.raises(LimitReached, match=r"2 pictures today is this hub's limit\. The next is possible at 00:00"):
        actions.generation_create(owner=alice, recipe=replace(recipe, seed=99))
    assert actions.generation_create(owner=bob, recipe=recipe)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_two_at_once_cannot_both_take_the_last_place(settings):
    settings.GENERATIONS_WAITING = 1
    owner = cast.person("racer")
    nano = world.version(owner, "Nano of a race", "base")
    wanted = Recipe(base=world.sha(nano), base_family="sd1", width=128, height=128)
    said = []

    def ask():
        try:
            actions.generation_create(owner=owner, recipe=wanted)
            said.append("drawn")
        except LimitReached:
            said.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(said) == ["drawn", "refused", "refused", "refused"]


# The page


def test_the_first_visit_is_not_blank(client, nano, linocut):
    page = client.get("/try")
    text = page.content.decode()
    assert page.status_code == 200
    assert "sunflower, green background, lnct print" in text
    assert "Linocut" in text
    assert 'value="128"' in text


def test_with_no_base_the_page_says_so(client, db):
    assert "There is no base to draw on yet" in client.get("/try").content.decode()


def test_signed_out_keeps_the_recipe(client, alice, nano, linocut):
    answer = client.post("/try", form(nano, linocut, prompt="my own words"))
    assert answer.status_code == 401
    assert "Sign in to draw. Your recipe stays here." in answer.content.decode()
    assert not Generation.objects.exists()
    client.force_login(alice)
    assert "my own words" in client.get("/try").content.decode()


def test_a_refusal_keeps_the_fields(client, alice, nano, linocut):
    client.force_login(alice)
    answer = client.post("/try", form(nano, linocut, steps="999", prompt="<b>kept</b>"))
    text = answer.content.decode()
    assert answer.status_code == 400
    assert "Steps must be from 1 to 150." in text
    assert "&lt;b&gt;kept&lt;/b&gt;" in text
    assert 'value="999"' in text


@pytest.mark.parametrize("name", ["steps", "cfg", "seed", "width", "count"])
def test_words_for_numbers_are_refused(client, alice, nano, linocut, name):
    client.force_login(alice)
    answer = client.post("/try", form(nano, linocut, **{name: "many"}))
    assert answer.status_code == 400
    assert "must be a number" in answer.content.decode()


def test_the_stack_works_without_scripts(client, alice, nano, linocut):
    blue = world.version(alice, "Blue Hour", "hypernetwork", trigger_words=["blue hour"])
    added = client.post("/try", form(nano, linocut, do="add", adapter=blue.pk)).content.decode()
    assert "Use Blue Hour" in added
    removed = client.post("/try", form(nano, linocut, do=f"remove:{linocut.pk}")).content.decode()
    assert "Use Linocut" not in removed
    worded = client.post("/try", form(nano, linocut, do="word:0-1")).content.decode()
    assert "a cat, two inks" in worded
    assert not Generation.objects.exists()


def test_adding_twice_says_so(client, nano, linocut):
    page = client.post("/try", form(nano, linocut, do="add", adapter=linocut.pk)).content.decode()
    assert "Already in the stack: Linocut." in page


def test_an_adapter_that_does_not_fit_stays_off_with_the_reason(client, alice, nano, linocut):
    client.force_login(alice)
    real = world.version(alice, "Real", "base", base="SD 1.5")
    page = client.post("/try", form(nano, linocut, do="base", base=real.pk, was=nano.pk)).content.decode()
    assert "Made for nano; Real is SD 1.5. It stays out of the picture until you change the base." in page
    assert 'value="512"' in page  # the size follows the base
    client.post("/try", form(nano, linocut, base=real.pk))
    assert Generation.objects.get().recipe["uses"] == []


def test_a_row_that_is_off_stays_out(client, alice, nano, linocut):
    client.force_login(alice)
    data = form(nano, linocut)
    del data["on"]
    client.post("/try", data)
    assert Generation.objects.get().recipe["uses"] == []


def test_use_puts_a_version_on_the_stack(client, nano, linocut):
    page = client.get(f"/try?use={linocut.pk}").content.decode()
    assert "Use Linocut" in page
    assert 'value="0.8"' in page


@pytest.mark.parametrize("query", ["use=999999", "use=x", "base=99999999999999999999", "generation=nonsense"])
def test_bad_addresses_still_give_a_page(client, nano, query):
    assert client.get(f"/try?{query}").status_code == 200


def test_a_draft_of_another_cannot_be_put_on_the_stack(client, alice, charlie, nano):
    draft = world.version(alice, "Secret", "lora", published=False)
    client.force_login(charlie)
    assert "Secret" not in client.get(f"/try?use={draft.pk}").content.decode()


def test_remix_round_trip(client, alice, nano, linocut, recipe, finish):
    client.force_login(alice)
    made = finish(actions.generation_create(owner=alice, recipe=replace(recipe, seed=77, cfg=4.5)))
    picture = made.pictures.get()
    page = client.get(f"/try?picture={picture.pk}")
    desk = page.context["desk"]
    again = actions.generation_create(owner=alice, recipe=desk.recipe(), count=desk.count)
    assert again.recipe == made.recipe
    assert again.recipe_digest == made.recipe_digest == picture.recipe_digest


def test_remix_says_what_is_gone(client, alice, recipe, finish, linocut):
    made = finish(actions.generation_create(owner=alice, recipe=recipe))
    Version.objects.filter(pk=linocut.pk).update(status="deleted")
    client.force_login(alice)
    page = client.get(f"/try?picture={made.pictures.get().pk}").content.decode()
    assert "Uses Linocut, which is not on this hub." in page


def test_all_refusals_are_sentences():
    for kind in (BadRecipe, FileNotHere, DoesNotFit, LimitReached):
        assert issubclass(kind, Refused)
        assert kind.code != "refused"


def test_what_the_recipe_drew_before_is_shown_at_first(client, alice, nano, linocut):
    from hub.gallery.actions import picture_add
    from hub.gallery.queries import board_of
    from hub.tryit.desk import first_visit
    from workers.messages import Drawn

    assert "The picture comes here." in client.get("/try").content.decode()
    seed = board_of(nano.files.get())[0].seed
    recipe = replace(first_visit(alice).recipe(), seed=seed)
    drawn = Drawn(sha256="ab" * 32, width=128, height=128, seed=seed, bytes=1)
    picture = picture_add(owner=alice, drawn=drawn, recipe=recipe, seconds=1, visible=True)
    page = client.get("/try").content.decode()
    assert f"/pictures/{picture.pk}" in page
    assert f"This recipe drew it, with seed {seed}" in page


def test_parts_of_an_adapter_have_weights_of_their_own(client, alice, nano, linocut):
    """In the panel, in a prompt's tag and over the API; the recipe keeps them, and opens with them again."""
    client.force_login(alice)
    parts = {f"u{linocut.pk}_text_weight": "0.25", f"u{linocut.pk}_blocks": "INALL"}
    client.post("/try", form(nano, linocut, **parts))
    (use,) = Generation.objects.get().recipe["uses"]
    assert (use["weight"], use["text_weight"], use["blocks"]) == (0.8, 0.25, [*[1.0] * 7, *[0.0] * 10])
    page = client.get(f"/try/{Generation.objects.get().pk}").content.decode()
    assert 'value="INALL"' in page
    assert 'value="0.25"' in page
    for odd in ({f"u{linocut.pk}_blocks": "1,0"}, {f"u{linocut.pk}_text_weight": "x"}):
        assert Generation.objects.count() == 1
        refused = client.post("/try", form(nano, linocut, **odd)).content.decode()
        assert "2 block weights are of no known list" in refused or "is not a number" in refused
    tagged = form(nano, linocut, use="", prompt="a cat <lora:Linocut:0.5:lbw=OUTS>")
    client.post("/try", tagged)
    asked = {"base": nano.pk, "prompt": "a cat", "uses": [{"version": linocut.pk, "weight": 0.5, "blocks": "OUTS"}]}
    assert client.post("/api/v1/generations", asked, content_type="application/json").status_code == 202
    by_tag, by_api = Generation.objects.exclude(recipe__uses__0__weight=0.8).order_by("created_at")
    assert by_tag.recipe["uses"] == by_api.recipe["uses"]
    again = by_api.recipe["uses"][0] | {"text_weight": None}
    asked["uses"] = [again]
    assert client.post("/api/v1/generations", asked, content_type="application/json").json()["recipe"]["uses"] == [
        by_api.recipe["uses"][0]
    ]
    asked["uses"] = [{"version": linocut.pk, "blocks": [1, 2, 3]}]
    answer = client.post("/api/v1/generations", asked, content_type="application/json")
    assert answer.status_code == 400
    assert "3 block weights are of no known list" in answer.content.decode()


def test_a_second_base_draws_on(client, alice, nano, linocut, finish):
    """Chosen on the page or over the API; the picture names it, and stays private with it."""
    client.force_login(alice)
    other = world.version(alice, "Ink Mix", "base")
    assert "Ink Mix" in client.get("/try").content.decode()
    client.post("/try", form(nano, linocut, refiner=other.pk, refiner_switch_at="0.6"))
    by_page = finish(Generation.objects.get())
    assert (by_page.recipe["refiner"], by_page.recipe["refiner_switch_at"]) == (world.sha(other), 0.6)
    picture = by_page.pictures.get()
    assert "draws on from 0.6 of the way" in client.get(f"/pictures/{picture.pk}").content.decode()
    assert {use.version_id for use in picture.uses.all()} == {nano.pk, other.pk, linocut.pk}
    opened = client.get(f"/try?picture={picture.pk}").content.decode()
    assert f'value="{other.pk}" selected' in opened
    asked = {"base": nano.pk, "refiner": other.pk, "refiner_switch_at": 0.5, "prompt": "a cat"}
    answer = client.post("/api/v1/generations", asked, content_type="application/json")
    assert answer.json()["recipe"]["refiner"] == world.sha(other)
    same = client.post("/api/v1/generations", asked | {"refiner": nano.pk}, content_type="application/json")
    assert (same.json()["recipe"]["refiner"], same.json()["recipe"]["refiner_switch_at"]) == ("", 0.8)
    odd = world.version(alice, "Grand", "base", base="SDXL 1.0")
    for wrong, sentence in ((linocut, "cannot draw on what Nano left"), (odd, "cannot draw on what Nano left")):
        answer = client.post("/api/v1/generations", asked | {"refiner": wrong.pk}, content_type="application/json")
        assert answer.status_code == 400
        assert sentence in answer.content.decode()


def test_the_sizes_of_the_base_are_offered(client, alice, recipe):
    client.force_login(alice)
    page = client.get("/try").content.decode()
    assert all(f'data-size="{size}"' in page for size in ("128×128", "112×144", "144×112"))
