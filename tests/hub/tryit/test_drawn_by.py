"""Try it with pictures: a ControlNet's hint, a picture to start from, another VAE."""

import pytest
from django.urls import reverse
from msgspec.structs import replace

from hub.gallery.models import SentPicture
from hub.tryit import actions
from hub.tryit.models import Generation
from hub.tryit.stacks import BadRecipe, DoesNotFit, FileNotHere
from tests.hub.tryit import world
from workers.hints import Hint, Source
from workers.messages import Axis, Use

URL = "/api/v1/generations"


def sent(owner, letter="a"):
    """The digest of a picture that ``owner`` sent to draw by."""
    SentPicture.objects.create(owner=owner, name="p.png", size=1, material=True, status="accepted", sha256=letter * 64)
    return letter * 64


@pytest.fixture
def edges(alice, nano):
    return world.version(alice, "Edges", "controlnet")


@pytest.fixture
def controlled(alice, recipe, edges):
    hint = Hint(picture=sent(alice), preprocessor="canny", low=100, high=200, end=0.5)
    return replace(recipe, uses=(*recipe.uses, Use(kind="controlnet", sha256=world.sha(edges), hint=hint, weight=0.7)))


def form(nano, *versions, **fields):
    usual = {
        "prompt": "cat",
        "sampler": "Euler a",
        "schedule": "Automatic",
        "steps": 4,
        "cfg": 5,
        "seed": 7,
        "count": 1,
    }
    ids = [str(one.pk) for one in versions]
    usual |= {"width": 128, "height": 128, "clip_skip": 1, "base": nano.pk, "use": ids, "on": ids, "do": "draw"}
    return usual | {"weight": ["1"] * len(ids)} | fields


def test_it_works(client, alice, nano, edges):
    client.force_login(alice)
    page = client.get(reverse("tryit:generation-create")).content.decode()
    assert f'<option value="Edges · ControlNet · #{edges.pk}" data-kind="controlnet">' in page
    picture = sent(alice)
    fields = {f"h{edges.pk}_picture": picture, f"h{edges.pk}_preprocessor": "canny", f"h{edges.pk}_end": "0.5"}
    source = {"source_picture": picture, "source_denoising": "0.4", "source_mask": "", "source_fill": "original"}
    answer = client.post(reverse("tryit:generation-create"), form(nano, edges, **fields, **source))
    assert answer.status_code == 302, answer.content.decode()
    made = Generation.objects.get().recipe
    assert made["uses"][0]["hint"] | {"mode": ""} == {
        "picture": picture, "preprocessor": "canny", "low": 100.0, "high": 200.0, "resize": "Crop and Resize",
        "mode": "", "start": 0.0, "end": 0.5,
    }  # fmt: skip
    assert (made["source"]["picture"], made["source"]["denoising"]) == (picture, 0.4)
    again = client.get(answer.url).content.decode()
    assert f'name="h{edges.pk}_picture" value="{picture}"' in again
    assert f'name="source_picture" value="{picture}"' in again


def test_a_controlnet_without_its_picture_is_refused_in_words(client, alice, nano, edges):
    client.force_login(alice)
    answer = client.post(reverse("tryit:generation-create"), form(nano, edges))
    assert answer.status_code == 400
    assert "Edges needs a picture to read." in answer.content.decode()


def test_only_pictures_that_one_may_see_are_drawn_by(alice, charlie, controlled):
    actions.generation_create(owner=alice, recipe=controlled)
    with pytest.raises(FileNotHere, match="drawn by"):
        actions.generation_create(owner=charlie, recipe=controlled)
    strange = replace(controlled, source=Source(picture="b" * 64))
    with pytest.raises(FileNotHere, match="drawn by"):
        actions.generation_create(owner=alice, recipe=strange)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"start": 0.8, "end": 0.5}, "begins and ends"),
        ({"low": 1e9}, "thresholds"),
        ({"high": float("nan")}, "thresholds"),
        ({"picture": ""}, "needs a picture"),
    ],
)
def test_hints_out_of_bounds_are_refused(alice, controlled, change, sentence):
    use = controlled.uses[1]
    changed = replace(controlled, uses=(replace(use, hint=replace(use.hint, **change)),))
    with pytest.raises(BadRecipe, match=sentence):
        actions.generation_create(owner=alice, recipe=changed)


def test_what_reads_no_picture_is_given_none(alice, recipe):
    hinted = replace(recipe.uses[0], hint=Hint(picture=sent(alice)))
    with pytest.raises(BadRecipe, match="reads no picture"):
        actions.generation_create(owner=alice, recipe=replace(recipe, uses=(hinted,)))


def test_the_same_controlnet_may_read_two_pictures(alice, controlled):
    use = controlled.uses[1]
    other = replace(use, hint=replace(use.hint, picture=sent(alice, "b")))
    actions.generation_create(owner=alice, recipe=replace(controlled, uses=(use, other)))
    with pytest.raises(BadRecipe, match="twice"):
        actions.generation_create(owner=alice, recipe=replace(controlled, uses=(use, use)))


def test_kinds_that_are_only_kept_say_so(alice, controlled, edges):
    edges.files.update(summary={"layout": "union"})
    with pytest.raises(DoesNotFit, match="not drawn with yet"):
        actions.generation_create(owner=alice, recipe=controlled)


def test_a_vae_and_a_plot_over_it(alice, recipe):
    vae = world.sha(world.version(alice, "Clear", "vae"))
    made = actions.generation_create(owner=alice, recipe=replace(recipe, vae=vae))
    assert (made.recipe["vae"], made.recipe["vae_name"]) == (vae, "Clear")
    plot = [Axis(name="vae", values=("Automatic", vae))]
    assert actions.generation_create(owner=alice, recipe=recipe, plot=plot).count == 2
    with pytest.raises(FileNotHere, match="VAE"):
        actions.generation_create(owner=alice, recipe=replace(recipe, vae="c" * 64))
    with pytest.raises(DoesNotFit, match="no VAE"):
        actions.generation_create(owner=alice, recipe=replace(recipe, vae=recipe.uses[0].sha256))


def test_the_api_takes_hints_and_a_source(client, alice, nano, edges):
    client.force_login(alice)
    picture = sent(alice)
    body = {
        "base": str(nano.pk), "prompt": "cat", "width": 128, "height": 128, "steps": 4,
        "uses": [{"version": edges.pk, "weight": 0.6, "hint": {"picture": picture, "preprocessor": "canny"}}],
        "source": {"picture": picture, "denoising": 0.5},
    }  # fmt: skip
    answer = client.post(URL, body, content_type="application/json")
    assert answer.status_code == 202, answer.content
    told = answer.json()["recipe"]
    assert told["uses"][0]["hint"]["high"] == 200
    assert told["source"]["denoising"] == 0.5
    body["source"]["denoising"] = 2
    assert client.post(URL, body, content_type="application/json").status_code == 400


def test_a_preprocessed_look_is_its_owner_s(client, alice, charlie):
    picture = sent(alice)
    client.force_login(charlie)
    address = reverse("tryit:hint-trace", args=[picture]) + "?preprocessor=canny"
    assert client.get(address).status_code == 404
    client.force_login(alice)
    assert client.get(address).status_code == 202
    assert client.get(f"/try/hint/{picture}?preprocessor=magic").status_code == 400
    assert client.get(f"{address}&low=many").status_code == 400


def test_who_is_not_signed_in_reads_why_no_picture_can_be_dropped(client, nano, alice):
    page = client.get("/try").content.decode()
    assert "to drop one here or choose one." in page
    assert "Denoising strength" not in page
    client.force_login(alice)
    page = client.get("/try").content.decode()
    assert "to drop one here" not in page
    assert "Denoising strength" in page
