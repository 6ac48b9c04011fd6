"""comparison-detail and comparison-draw: stacks side by side, on the same prompts and seeds."""

import re
from datetime import timedelta

import pytest

from hub.tryit.models import Generation
from tests.hub.tryit import world


@pytest.fixture
def blue(alice, nano):
    return world.version(alice, "Blue Hour", "hypernetwork", weight=0.5)


def address(nano, *stacks, prompts=("cat", "house"), seed=7):
    pairs = [("base", str(nano.pk)), *(("stack", stack) for stack in stacks), *(("prompt", p) for p in prompts)]
    return "/compare?" + "&".join(f"{name}={value}" for name, value in [*pairs, ("seed", str(seed))])


def params(nano, *stacks, prompts=("cat", "house"), seed="7", **more):
    return {"base": nano.pk, "stack": list(stacks), "prompt": "\n".join(prompts), "seed": seed} | more


def test_it_works(client, bob, nano, linocut, finish):
    client.force_login(bob)
    stack = f"{linocut.pk}:0.8"
    page = client.get(address(nano, "", stack)).content.decode()
    assert "The base alone" in page
    assert "Linocut 0.8" in page
    assert "Draw the 4 missing" in page
    assert "4 pictures, none is drawn yet." in page
    assert 'aria-label="On Nano: Linocut 0.8"' in page  # the loaded bar's name
    answer = client.post("/compare/draw", params(nano, "", stack))
    assert answer.status_code == 302
    asked = list(Generation.objects.order_by("created_at"))
    assert [len(one.recipe["uses"]) for one in asked] == [0, 1, 0, 1]
    assert {one.recipe["seed"] for one in asked} == {7}
    assert "hx-trigger" in client.get(answer["Location"]).content.decode()
    for one in asked:
        finish(one)
    page = client.get(answer["Location"]).content.decode()
    assert "4 of 4 are drawn." in page
    assert page.count("<td><a") == 4
    assert 'hx-trigger="every' not in page


def test_what_is_drawn_already_is_not_drawn_again(client, bob, nano, linocut, finish):
    client.force_login(bob)
    client.post("/compare/draw", params(nano, ""))
    for one in Generation.objects.all():
        finish(one)
    client.post("/compare/draw", params(nano, "", f"{linocut.pk}:1"))
    assert Generation.objects.count() == 4

    def told():
        page = client.get(address(nano, "", f"{linocut.pk}:1")).content.decode()
        return re.search(r"4 pictures, 2 are drawn already; about (.*) for the rest", page)[1]

    assert told() == "2 s"  # the two shared a worker for 2 s
    earlier = Generation.objects.filter(status="done").first()
    Generation.objects.filter(pk=earlier.pk).update(finished_at=earlier.finished_at - timedelta(minutes=1))
    assert told() == "4 s"  # each had it to itself


def test_choices_become_rows(client, bob, nano):
    """Bob's list is his own, so the address holds what it makes: Alice is shown the same rows."""
    bob.wildcards.create(name="animals", values=["fox", "hare"])
    client.force_login(bob)
    answer = client.get("/compare", params(nano, "", prompts=["a {red|blue} __animals__", "a house"]))
    assert "{" not in answer["Location"]
    client.logout()
    page = client.get(answer["Location"]).content.decode()
    rows = re.findall(r'<th scope="row">(.*?)</th>', page)
    assert rows == ["a red fox", "a red hare", "a blue fox", "a blue hare", "a house"]
    client.force_login(bob)
    client.post("/compare/draw", params(nano, "", prompts=["a {red|blue} cat"]))
    assert [one.recipe["prompt"] for one in Generation.objects.order_by("created_at")] == ["a red cat", "a blue cat"]


def test_a_brace_can_be_meant(client, bob, nano):
    client.force_login(bob)
    answer = client.post("/compare/draw", params(nano, "", prompts=[r"a \{red|blue\} cat"]))
    assert Generation.objects.get().recipe["prompt"] == "a {red|blue} cat"
    page = client.get(answer["Location"]).content.decode()
    assert '<th scope="row">a {red|blue} cat</th>' in page
    assert r"a \{red|blue\} cat" in page  # as it has to be written


def test_a_choice_over_two_lines_of_the_box_is_one_choice(client, bob, nano):
    client.force_login(bob)
    client.post("/compare/draw", params(nano, "", prompts=["a {red", "|blue} cat", "a house"]))
    asked = Generation.objects.order_by("created_at").values_list("recipe__prompt", flat=True)
    assert list(asked) == ["a red cat", "a blue cat", "a house"]


@pytest.mark.parametrize(
    ("prompt", "sentence"),
    [
        ("a {1|2|3|4|5|6|7} cat", "A comparison has 6 prompts at most; these make 7."),
        ("{1|2|3|4} cat\n{1|2|3} dog", "A comparison has 6 prompts at most; these make 7."),
        ("\n".join("1234567"), "A comparison has 6 prompts at most; these make 7."),
        ("{1|2|3|4}" * 12, "The choices make more prompts than are counted here; a comparison has 6 at most."),
        ("a ${x=cat} cat", "“${x=cat” is not understood here"),
        ("a __endless__", "The list endless names itself, so its choices never end."),
    ],
)
def test_choices_that_are_no_rows_are_said_and_nothing_is_drawn(client, bob, nano, prompt, sentence):
    bob.wildcards.create(name="endless", values=["cat", "__endless__ and a cat"])
    client.force_login(bob)
    page = client.get("/compare", params(nano, "", prompts=[prompt])).content.decode()
    assert sentence in page
    assert prompt in page  # to be mended
    assert "missing" not in page
    answer = client.post("/compare/draw", params(nano, "", prompts=[prompt]))
    assert (answer.status_code, Generation.objects.count()) == (400, 0)


def test_a_list_that_nobody_has_is_told(client, bob, nano):
    client.force_login(bob)
    page = client.get("/compare", params(nano, "", prompts=["a __cats__"])).content.decode()
    assert "There is no list named cats: __cats__ is drawn as these letters." in page


@pytest.fixture
def drawn(client, bob, nano, linocut, finish):
    """The address of a comparison of two columns, all drawn."""
    client.force_login(bob)
    answer = client.post("/compare/draw", params(nano, "", f"{linocut.pk}:0.8"))
    for one in Generation.objects.all():
        finish(one)
    return answer["Location"]


def test_the_ways_to_look_are_in_the_address(client, drawn):
    page = client.get(drawn).content.decode()
    assert 'class="over' not in page  # side by side
    assert 'mode=slider" data-key="m">Slider' in page
    page = client.get(f"{drawn}&mode=slider").content.decode()
    assert page.count('<div class="over slider">') == page.count('type="range"') == 2  # one column over the control
    assert 'aria-label="cat: The base alone left of the handle, Linocut 0.8 right of it"' in page
    assert 'name="mode" value="slider"' in page  # the form keeps it
    assert 'mode=hover" data-key="m">Hover' in page
    assert client.get(f"{drawn}&mode=hover").content.decode().count('<div class="over hover">') == 2
    assert 'class="over' not in client.get(f"{drawn}&mode=%3Cb%3E").content.decode()


def test_difference_to_the_first_column(client, drawn):
    page = client.get(f"{drawn}&mode=hover&difference=1").content.decode()
    assert page.count('<div class="over difference">') == 2
    assert "Difference to the first column" in page
    assert 'mode=hover" aria-current="true" data-key="d">Difference' in page  # leads back to hover
    asked = Generation.objects.earliest("created_at").pictures.get()
    asked.delete()
    assert "The first column is not drawn yet" in client.get(f"{drawn}&difference=1").content.decode()


def test_the_board_s_prompts_where_none_is_given(client, nano):
    assert "cat, blue background" in client.get(f"/compare?base={nano.pk}").content.decode()


def test_a_version_alone_finds_its_base(client, nano, linocut):
    page = client.get(f"/compare?stack=&stack={linocut.pk}:0.8").content.decode()
    assert f'value="{nano.pk}" selected' in page


def test_the_form_becomes_an_address(client, nano, linocut, blue):
    answer = client.get("/compare", params(nano, f"{linocut.pk}:0.8", **{"w0-0": "0.35", "add0": blue.pk}))
    assert f"stack={linocut.pk}%3A0.35%2C{blue.pk}%3A0.5" in answer["Location"]
    answer = client.get("/compare", params(nano, f"{linocut.pk}:0.8,{blue.pk}:1", do="take:0-0"))
    assert f"stack={blue.pk}%3A1&" in answer["Location"]
    answer = client.get("/compare", params(nano, "", do="column"))
    assert answer["Location"].count("stack=") == 2
    answer = client.get("/compare", params(nano, "", f"{blue.pk}:1", do="close:1"))
    assert answer["Location"].count("stack=") == 1


def test_a_stack_that_does_not_fit_says_why_and_the_rest_goes_on(client, alice, bob, nano):
    other = world.version(alice, "Photo", "lora", base="SD 1.5")
    client.force_login(bob)
    page = client.get(address(nano, "", f"{other.pk}:1")).content.decode()
    assert "Made for SD 1.5; Nano is nano." in page
    client.post("/compare/draw", params(nano, "", f"{other.pk}:1"))
    assert Generation.objects.count() == 2


def test_charlie_compares_no_draft(client, alice, charlie, nano):
    draft = world.version(alice, "Secret", "lora", published=False)
    client.force_login(charlie)
    assert "Secret" not in client.get(address(nano, f"{draft.pk}:1")).content.decode()


def test_signed_out_may_look(client, nano, linocut):
    page = client.get(address(nano, "")).content.decode()
    assert "Sign in to draw the missing ones" in page
    assert client.post("/compare/draw", params(nano, ""))["Location"].startswith("/sign-in")


def test_the_limit_is_said_and_what_fits_is_drawn(client, bob, nano, settings):
    settings.GENERATIONS_WAITING = 1
    client.force_login(bob)
    answer = client.post("/compare/draw", params(nano, ""))
    assert answer.status_code == 429
    assert Generation.objects.count() == 1


@pytest.mark.parametrize(
    "query",
    ["stack=x:y", "stack=,,,&seed=-4", "base=99999999999999999999", "seed=1e9&stack=1:nan", "do=take:9-9&stack="],
)
def test_nonsense_shows_something(client, nano, query):
    assert client.get(f"/compare?{query}", follow=True).status_code == 200


def test_with_no_base_the_page_says_so(client, db):
    assert b"no base to draw on yet" in client.get("/compare").content
