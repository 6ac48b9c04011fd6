"""Terms: the models that have exactly this trigger word, in any case and with any accents, not what has its words."""

import re
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection

from hub.catalog import terms
from hub.catalog.actions import version_edit
from hub.catalog.lists import model_list
from hub.catalog.models import Listing, TermCount, Version
from hub.catalog.wishes import Narrowed, Wish
from tests.hub.catalog.files import added

INK = Wish(triggers=("INK wash",), sort="oldest")


@pytest.fixture
def inks(alice) -> list[str]:
    said = {"Ink 1": ["ink wash", "blot"], "Ink 2": ["Ink Wash"], "Ink 3": ["ínk wash"], "Ink 4": ["ink wash", "blot"]}
    for n, (name, words) in enumerate(said.items()):
        added(alice, name, trigger_words=words, tags=["even"] if n % 2 else [])
    added(alice, "Ink wash", trigger_words=["ink wash style"])
    added(alice, "Others", trigger_words=["wash ink"], description="ink wash")
    return list(said)


def names(wish: Wish) -> list[str]:
    return [shown.name for shown in model_list(wish).shown]


def test_it_works(client, inks):
    page = client.get("/models?trigger=ink+wash&sort=oldest").content.decode()
    shown = re.compile(r">(Ink \d|Ink wash|Others)</a>")
    assert shown.findall(page) == inks
    assert 'name="trigger" value="ink wash"' in page, "another filter keeps it"
    chip = re.search(r'<a class="chip is-on" href="([^"]*)">Trigger word: ink wash', page)
    assert chip[1] == "/models?sort=oldest"
    assert "4 of 6" in page
    both = client.get("/models?trigger=ink+wash&trigger=blot&tag=even").content.decode()
    assert shown.findall(both) == ["Ink 4"]


@pytest.mark.parametrize("sort", ["newest", "oldest", "downloads", "likes", "comments"])
@pytest.mark.parametrize("counted", [0, 50_000])
def test_pages_by_key(inks, sort, counted):
    """By both routes: a rare word's models are sorted, for a frequent one the order is walked."""
    if counted:
        TermCount.objects.create(term=terms.ALL, n=100_000)
        TermCount.objects.create(term=terms.triggered("ink wash"), n=counted)
    wish, cursor, seen = Wish(triggers=("INK wash",), sort=sort), "", []
    assert Narrowed.of(wish).small() is not bool(counted)
    while not seen or cursor:
        page = model_list(wish, limit=1, cursor=cursor)
        seen += [shown.name for shown in page.shown]
        cursor = page.next_cursor
    assert sorted(seen) == inks


def test_beside_a_search_and_counted(inks):
    assert names(Wish(query="blot", triggers=INK.triggers, sort="oldest")) == ["Ink 1", "Ink 4"]
    found = model_list(INK, with_facets=True).facets
    assert (found.total, [(tag.value, tag.count) for tag in found.tags]) == (4, [("even", 2)])


def test_what_nothing_has(client, inks):
    assert "Nothing matches with these filters" in client.get("/models?trigger=charcoal").content.decode()
    for odd in ("%00", "%F0%9F%8E%A8", "x" * 500, "%3Cb%3E", ""):
        assert client.get(f"/models?trigger={odd}").status_code == 200


def test_a_word_of_signs_is_itself(alice):
    added(alice, "Smile", trigger_words=[":-)"])
    added(alice, "Frown", trigger_words=[":-("])
    assert names(Wish(triggers=(":-)",))) == ["Smile"]


def test_other_words_later(alice, inks):
    version = Version.objects.get(model__name="Ink 1")
    version_edit(version=version, by=alice, fields={"trigger_words": ["graphite"]})
    assert names(INK) == inks[1:]
    assert names(Wish(triggers=("graphite",))) == ["Ink 1"]


def test_what_was_listed_before_gets_them(inks):
    """The migration writes what publishing writes."""
    wanted = dict(Listing.objects.values_list("model_id", "terms"))
    for row in Listing.objects.all():
        Listing.objects.filter(model=row.model_id).update(terms=[t for t in row.terms if t < terms.TRIGGERS])
    assert names(INK) == []
    import_module("hub.catalog.migrations.0004_trigger_terms").add(apps, SimpleNamespace(connection=connection))
    assert dict(Listing.objects.values_list("model_id", "terms")) == wanted
