"""A picture is dropped beside what one is writing: what it tells is offered, and nothing that was typed is lost."""

import uuid

import msgspec
import pytest

from hub.gallery.models import SentPicture
from tests.hub.tryit.test_generation_create import form
from workers.messages import PictureRecipe, Resource

RECIPE = PictureRecipe(
    program="A1111",
    prompt="a {fox|hare}",
    negative="blurry",
    resources=(Resource(kind="lora", name="linocut", weight=0.6), Resource(kind="lora", name="lost")),
    sampler="Euler a",
    steps=20,
    seed=1234,
)


@pytest.fixture
def drop(client, alice, nano, linocut):
    client.force_login(alice)

    def dropped(do, told=RECIPE, **fields):
        row = SentPicture.objects.create(
            owner=alice,
            name="castle.png",
            size=9,
            status="accepted",
            told=msgspec.to_builtins(told) if told else None,
        )
        typed = {"prompt": "a half-written", "count": "3", "x_axis": "cfg", "x_values": "3, 5", "steps": "11"}
        answer = client.post("/try", form(nano, linocut, do=do, sent=str(row.pk)) | typed | fields)
        assert answer.status_code == 200
        return answer.content.decode()

    return dropped


def test_it_works(drop):
    page = drop("read")
    assert "Read from castle.png: prompt, 20 steps, seed 1234, 2 adapters (1 not on this hub)." in page
    for words in ("Use all", "Prompt only", "Seed only"):
        assert words in page
    assert ">a half-written</textarea>" in page
    assert 'name="steps" min="1" value="11"' in page


def test_without_a_recipe_the_form_stays(drop):
    for do in ("read", "read:all"):
        page = drop(do, told=None)
        assert "This picture carries no recipe." in page
        assert "Use all" not in page
        assert ">a half-written</textarea>" in page
        assert 'name="steps" min="1" value="11"' in page


def test_the_prompt_only(drop):
    page = drop("read:prompt")
    assert r">a \{fox|hare\}</textarea>" in page, "it was drawn as these letters"
    assert ">blurry</textarea>" in page
    assert 'name="steps" min="1" value="11"' in page
    assert 'value="5" inputmode="numeric"' in page, "the seed is as it was typed"


def test_the_seed_only(drop):
    page = drop("read:seed")
    assert 'name="seed" value="1234"' in page
    assert ">a half-written</textarea>" in page


def test_all_of_it_but_what_no_picture_tells(drop):
    page = drop("read:all")
    assert 'name="seed" value="1234"' in page
    assert 'name="steps" min="1" value="20"' in page
    assert "Uses lost, which is not on this hub." in page
    assert 'value="3, 5"' in page
    assert "<option selected>3</option>" in page


def test_what_it_does_not_tell_is_not_offered(drop):
    page = drop("read", told=PictureRecipe(program="ComfyUI", steps=1))
    assert "Read from castle.png: 1 step." in page
    assert "Prompt only" not in page
    assert "Seed only" not in page


def test_anothers_picture_and_none_at_all(client, drop, bob):
    assert ">a half-written</textarea>" in drop("read", sent="no number")
    theirs = SentPicture.objects.create(owner=bob, name="x.png", size=9, status="accepted")
    assert client.post("/try", {"do": "read", "sent": str(theirs.pk)}).status_code == 404
    assert client.post("/try", {"do": "read", "sent": str(uuid.uuid4())}).status_code == 404


@pytest.fixture
def plainly(client, alice, nano, linocut):
    """Without scripts: a button keeps the form and leads to where a picture is sent; afterwards it is given back."""
    client.force_login(alice)

    def sent(place, told=None, who=alice, **fields):
        typed = {"prompt": "a half-written", "steps": "11"}
        answer = client.post("/try", form(nano, linocut, do=f"give:{place}") | typed | fields)
        assert answer["Location"] == f"/pictures/send?field={place}"
        row = SentPicture.objects.create(
            owner=who, name="castle.png", size=9, status="accepted", sha256="5e" * 32, material=told is None,
            told=msgspec.to_builtins(told) if told else None,
        )  # fmt: skip
        return client.get(f"/try?given={row.pk}&field={place}")

    return sent


def test_without_scripts_a_recipe_is_offered_beside_what_was_typed(plainly):
    page = plainly("sent", RECIPE).content.decode()
    assert "Read from castle.png: prompt, 20 steps, seed 1234" in page
    assert "Use all" in page
    assert ">a half-written</textarea>" in page
    assert 'name="steps" min="1" value="11"' in page


def test_without_scripts_a_picture_to_draw_by_is_put_in_and_taken_out(plainly, client, nano, linocut):
    page = plainly("source_picture").content.decode()
    assert f'name="source_picture" value="{"5e" * 32}"' in page
    assert ">a half-written</textarea>" in page
    fields = form(nano, linocut, do="out:source_picture", source_picture="5e" * 32)
    page = client.post("/try", fields).content.decode()
    assert 'name="source_picture" value=""' in page


def test_without_scripts_anothers_picture_or_place_is_not_there(plainly, client, charlie, nano, linocut):
    assert plainly("source_mask", who=charlie).status_code == 404
    answer = client.post("/try", form(nano, linocut, do="give:csrfmiddlewaretoken"))
    assert answer.status_code == 200, "no such place: the form stays"
    assert client.get(f"/try?given={uuid.uuid4()}&field=sent").status_code == 404
    assert client.get("/try?given=x&field=sent").status_code == 200
