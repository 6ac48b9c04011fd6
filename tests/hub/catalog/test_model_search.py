import re
from html.parser import HTMLParser

import pytest

from hub.catalog import queries
from hub.catalog.actions import model_edit
from hub.catalog.models import TermCount
from hub.catalog.terms import CREATOR, term
from hub.prompts.actions import prompt_create
from tests import cast
from tests.hub.catalog.files import added


class Listbox(HTMLParser):
    """Reads what is offered: [(heading, address)], in the order in which the arrows walk through it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.headings = dict(re.findall(r'<p class="note" role="presentation" id="([^"]+)">([^<]+)</p>', html))
        self.inside: list[tuple[str, str]] = []
        self.offered: list[tuple[str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        held = dict(attributes)
        if tag == "div":
            self.inside.append((held["role"], self.headings.get(held.get("aria-labelledby"), "")))
        elif tag == "a":
            assert held["role"] == "option"
            assert self.inside[0][0] == "listbox"
            self.offered.append((self.inside[-1][1], held["href"]))

    def handle_endtag(self, tag):
        if tag == "div":
            self.inside.pop()


def offered(client, query):
    return Listbox(client.get("/search", {"query": query}).content.decode()).offered


def of(client, query, heading):
    return [address for under, address in offered(client, query) if under == heading]


def test_it_works(client, alice):
    added(alice, trigger_words=["lnct print"])
    text = client.get("/search?query=lnct").content.decode()
    assert "/linocut" in text
    assert "<html" not in text


def test_one_letter_is_too_little(client, alice):
    added(alice)
    assert "/linocut" not in client.get("/search?query=l").content.decode()


def test_a_hash_goes_to_its_file(client, alice):
    file = added(alice)
    text = client.get("/search", {"query": queries.file_hashes(file)["AutoV3"]}).content.decode()
    assert f"?version={file.version_id}" in text
    assert "This is <b>linocut.safetensors</b>, Linocut v1." in text


@pytest.mark.parametrize("digits", [8, 9, 11, 13, 40, 63])
def test_a_hash_may_stop_anywhere(client, alice, digits):
    file = added(alice)
    begun = file.blob_id[:digits]
    for address in ("/search", "/models"):
        text = client.get(address, {"query": f"0x{begun.upper()}"}).content.decode()
        assert f"?version={file.version_id}" in text
        assert "This is <b>linocut.safetensors</b>, Linocut v1." in text


@pytest.mark.parametrize("query", ["ink_wash-v3.safetensors", "ink_wash-v3.SafeTensors wash", "Ink_Wash", "wash v3"])
def test_a_file_s_name_is_found_with_its_ending_too(client, alice, query):
    added(alice, "Linocut", filename="ink_wash-v3.safetensors")
    assert "/linocut" in client.get("/search", {"query": query}).content.decode()


def test_hostile_words_are_text(client, db):
    text = client.get("/search", {"query": "<script>alert(1)</script>\x00"}).content.decode()
    assert "<script>" not in text
    assert "Nothing matches" in text


def test_typing_costs_few_statements(client, alice, django_assert_max_num_queries):
    added(alice)
    with django_assert_max_num_queries(13):
        client.get("/search?query=lino")


def test_models_come_first_and_each_kind_under_its_heading(client, alice):
    model = added(cast.person("lina"), "Linocut", trigger_words=["lino print"]).version.model
    prompt = prompt_create(owner=alice, fields={"title": "Lino fox", "prompt": "a fox, lino print"})
    assert offered(client, "lin") == [
        ("Models", f"/models/{model.pk}/linocut"),
        ("Trigger words", "/models?trigger=lino%20print"),
        ("Creators", "/u/lina"),
        ("Prompts", f"/prompts/{prompt.pk}"),
        ("", "/models?query=lin"),
    ]


def test_a_kind_of_which_there_is_none_has_no_heading(client, db):
    added(cast.person("Walburga"), "Linocut", filename="x.safetensors")
    dawn = prompt_create(owner=cast.charlie(), fields={"title": "Dawn", "prompt": "a quiet sea"})
    assert offered(client, "dawn") == [("Prompts", f"/prompts/{dawn.pk}")]
    assert of(client, "walb", "Creators") == ["/u/Walburga"]


def test_it_speaks_german(client, alice):
    added(alice, trigger_words=["lnct"])
    client.cookies["language"] = "de"
    text = client.get("/search?query=lnct").content.decode()
    assert "Auslösewörter</p>" in text
    assert "2 Vorschläge" in text


def test_how_many_there_are_is_read_aloud(client, alice):
    """The list itself is not: fifteen names at every pause are too many to listen to."""
    added(alice, trigger_words=["lnct"])
    said = '<span id="found-said" hx-swap-oob="innerHTML">{}</span>'
    assert said.format("2 suggestions") in client.get("/search?query=lnct").content.decode()
    assert said.format("Nothing matches “qqqq”.") in client.get("/search?query=qqqq").content.decode()
    assert said.format("") in client.get("/search?query=l").content.decode()
    page = client.get("/models").content.decode()
    assert '<span class="vh" id="found-said" role="status"></span>' in page


def test_a_trigger_word_leads_to_the_models_that_have_it(client, alice, bob):
    ours = added(alice, "Linocut", trigger_words=["lnct print", "ink"]).version.model
    theirs = added(bob, "Woodcut", trigger_words=["lnct print", "lnct rough"]).version.model
    other = added(bob, "Riso").version.model
    address = of(client, "lnct", "Trigger words")
    assert address == ["/models?trigger=lnct%20print", "/models?trigger=lnct%20rough"], (
        "what more models have comes first"
    )
    page = client.get(address[0]).content.decode()
    assert f"/models/{ours.pk}/" in page
    assert f"/models/{theirs.pk}/" in page
    assert f"/models/{other.pk}/" not in page


def test_a_trigger_word_of_an_older_version_is_found(client, alice):
    first = added(alice, "Linocut", trigger_words=["lnct old"])
    of_it = {"model_id": first.version.model_id}
    added(alice, "Linocut", seed="two", trigger_words=["lnct new"], **of_it)
    added(alice, "Linocut", seed="three", trigger_words=["lnct next"], publish=False, **of_it)
    addresses = ["/models?trigger=lnct%20new", "/models?trigger=lnct%20old"]
    assert of(client, "lnct", "Trigger words") == addresses, "of a draft none"
    for address in addresses:
        assert f"/models/{first.version.model_id}/" in client.get(address).content.decode()
    assert f"/models/{first.version.model_id}/" not in client.get("/models?trigger=lnct%20next").content.decode()


@pytest.mark.parametrize("typed", ["print", "PRI", "lnct pr", "pri lnct"])
def test_a_trigger_word_is_found_by_any_word_of_it(client, alice, typed):
    added(alice, trigger_words=["lnct print", "ink"])
    assert of(client, typed, "Trigger words") == ["/models?trigger=lnct%20print"]


def test_a_trigger_word_of_another_spelling_is_the_same(client, alice, bob):
    added(alice, "Linocut", trigger_words=["lnct"])
    added(bob, "Woodcut", trigger_words=["LNCT"])
    assert len(of(client, "lnct", "Trigger words")) == 1


def test_a_few_of_each_kind_are_enough(client, db):
    for n in range(9):
        owner = cast.person(f"lino{n}")
        added(owner, f"Linocut {n}", trigger_words=[f"lino{n} print"])
        prompt_create(owner=owner, fields={"title": f"Lino {n}", "prompt": f"{n} linocuts"})
    headings = [heading for heading, _ in offered(client, "lino")]
    counted = {heading: headings.count(heading) for heading in headings}
    assert counted == {"Models": 5, "Trigger words": 3, "Creators": 3, "Prompts": 3, "": 1}


def test_a_creator_is_found_by_how_the_name_begins_in_any_case(client, db):
    added(cast.person("WarriorMama"), "Linocut")
    assert of(client, "warriorM", "Creators") == ["/u/WarriorMama"]
    assert of(client, "mama", "Creators") == []


def test_of_creators_who_is_called_so_comes_first_then_those_with_most_models(client, db):
    """The hub counts how many, once there are so many that counting takes time."""
    for name, models in {"anna": 2, "anna.b": 3, "anna-c": 9, "anna_d": 5}.items():
        person = cast.person(name)
        added(person, f"Linocut of {name}")
        TermCount.objects.create(term=term(CREATOR, person.pk), n=models)
    assert of(client, "anna", "Creators") == ["/u/anna", "/u/anna-c", "/u/anna_d"]
    assert of(client, "anna_", "Creators") == ["/u/anna_d"], "the line stands for itself and for no other letter"


def test_who_shows_nothing_is_no_creator(client, alice, bob):
    """Of a level that the visitor does not see, a draft, a closed account."""
    added(cast.person("dora-drafts"), "Sketch", publish=False)
    nude = added(cast.person("dora-draws"), "Figure").version.model
    closed = cast.person("dora-left")
    added(closed, "Leaving")
    closed.is_active = False
    closed.save()
    cast.person("dora-reads")
    assert of(client, "dora", "Creators") == ["/u/dora-draws"]
    model_edit(model=nude, by=nude.owner, fields={"level": 4})
    assert of(client, "dora", "Creators") == []
    bob.levels = 31
    bob.save()
    client.force_login(bob)
    assert of(client, "dora", "Creators") == ["/u/dora-draws"]


def test_trigger_words_keep_to_the_levels(client, alice, bob):
    figure = added(alice, "Figure", trigger_words=["fgr style"]).version.model
    model_edit(model=figure, by=alice, fields={"level": 4})
    assert of(client, "fgr", "Trigger words") == []
    bob.levels = 31
    bob.save()
    client.force_login(bob)
    assert of(client, "fgr", "Trigger words") == ["/models?trigger=fgr%20style"]


def test_a_hash_is_no_name(client, alice):
    """Beside the file that it names nothing else is offered."""
    file = added(alice, trigger_words=["lnct"])
    assert {heading for heading, _ in offered(client, file.blob_id)} == {"", "Models"}


def test_hostile_names_are_text(client, alice):
    evil = "<img src=x onerror=alert(1)>\"' evil"
    added(alice, "Linocut", trigger_words=[evil])
    prompt_create(owner=alice, fields={"title": evil, "prompt": "evil"})
    text = client.get("/search?query=evil").content.decode()
    assert "<img" not in text
    assert text.count("&lt;img src=x onerror=alert(1)&gt;") == 2
    assert [heading for heading, _ in offered(client, "evil")] == ["Models", "Trigger words", "Prompts", ""]


@pytest.mark.parametrize("typed", ["%%", "__", "\\\\", "a%", "' OR 1=1 --", "\u202eabc", "x" * 400, "日本", "ß" * 3])
def test_nothing_typed_breaks_it(client, alice, typed):
    added(alice)
    assert client.get("/search", {"query": typed}).status_code == 200
    assert of(client, typed, "Creators") == []
