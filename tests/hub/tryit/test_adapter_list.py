"""The stack's search, several versions in one address, sizes of the base, styles."""

import pytest
from django.test import Client

from hub.prompts.actions import prompt_create
from tests.hub.tryit import world
from tests.hub.tryit.test_generation_create import form


@pytest.fixture
def hers(alice) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def desk(client, nano, linocut, **changes):
    answer = client.post("/try", form(nano, linocut, **changes))
    assert answer.status_code == 200
    return answer.context["desk"]


def test_it_works(hers, alice, nano, linocut):
    world.version(alice, "Pencil", "lora")
    world.version(alice, "Elsewhere", "lora", base="SDXL 1.0")
    found = hers.get(f"/try/adapters?base={nano.pk}&adapter=penc").content.decode()
    assert "Pencil · LoRA · #" in found
    assert "Linocut" not in found
    assert "Elsewhere" not in hers.get(f"/try/adapters?base={nano.pk}").content.decode()
    assert "option" not in hers.get("/try/adapters?base=x&adapter=penc").content.decode()


def test_what_was_offered_or_named_is_put_on(hers, alice, nano, linocut):
    pencil = world.version(alice, "Pencil", "lora")
    for said in (f"Pencil · LoRA · #{pencil.pk}", "pencil", str(pencil.pk)):
        rows = desk(hers, nano, linocut, do="add", adapter=said).rows
        assert [row.name for row in rows] == ["Linocut", "Pencil"]
    assert desk(hers, nano, linocut, do="add", adapter="nobody").notes == ["That adapter is not on this hub."]


def test_charlies_search_finds_nothing_private(alice, nano):
    world.version(alice, "Secret", "lora", published=False)
    assert "Secret" not in Client().get(f"/try/adapters?base={nano.pk}&adapter=secret").content.decode()


def test_a_stack_in_the_address(hers, alice, nano, linocut):
    pencil = world.version(alice, "Pencil", "lora", trigger_words=["pencil drawing"])
    opened = hers.get(f"/try?use={linocut.pk}&use={pencil.pk}&use={pencil.pk}&use=x").context["desk"]
    assert [row.name for row in opened.rows] == ["Linocut", "Pencil"]
    assert opened.fields["prompt"].endswith("lnct print, pencil drawing")


def test_sizes_of_the_base(hers, alice, linocut, nano):
    large = world.version(alice, "Large", "base", base="SDXL 1.0")
    page = hers.post("/try", form(large, linocut, do="size:832×1216"))
    assert "1216×832" in page.content.decode()
    assert (page.context["f"]["width"], page.context["f"]["height"]) == ("832", "1216")


def test_a_style_goes_around_or_behind(hers, alice, nano, linocut):
    assert "import A1111’s styles.csv</a>" in hers.get("/try").content.decode()  # where styles come from
    for prompt, becomes in (("ink, {prompt}, paper", "ink, a cat, paper"), ("on paper", "a cat, on paper")):
        style = prompt_create(owner=alice, fields={"title": "Ink", "prompt": prompt})
        page = hers.post("/try", form(nano, linocut, do="style", style=style.pk))
        assert page.context["f"]["prompt"] == becomes
        assert ">Ink</option>" in page.content.decode()
    assert hers.post("/try", form(nano, linocut, do="style", style="99999")).status_code == 404
    assert "styles.csv" not in hers.get("/try").content.decode()
