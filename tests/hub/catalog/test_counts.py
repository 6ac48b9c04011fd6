"""A large catalogue is answered by other routes; they must say the same as the small one's."""

import pytest

from hub.catalog import actions, counts, lists, queries, wishes
from hub.catalog.models import ModelStat, Text, Word
from hub.catalog.queries import Wish
from tests.hub.catalog.files import added

WISHES = [
    Wish(),
    Wish(types=("LORA",)),
    Wish(bases=("SD 1.5",)),
    Wish(bases=("SD 1.5", "SDXL 1.0")),
    Wish(types=("LORA",), bases=("SDXL 1.0",), can_generate=True),
    Wish(tags=("light",)),
    Wish(tags=("light",), formats=("SafeTensor",)),
    Wish(formats=("SafeTensor",)),
    Wish(creator="bob", newer_than=7),
    Wish(allowing=("Image",)),
    Wish(derivatives=True, no_credit=True),
    Wish(newer_than=30, within=1),
    Wish(types=("LORA",), newer_than=30),
]


@pytest.fixture
def shelf(alice, bob):
    first = added(alice, "Linocut", tags=["style", "light"])
    added(alice, "Linocut", seed="xl", model_id=first.version.model_id, inspected={"base_family": "sdxl"})
    added(bob, "Blue Hour", inspected={"kind": "hypernetwork"}, tags=["light"])
    added(bob, "Harbour", inspected={"kind": "base"}, tags=["style"])
    neon = added(alice, "Neon Sign", inspected={"base_family": "sdxl"}, tags=["light"])
    actions.model_edit(model=neon.version.model, by=alice, fields={"allow_commercial_use": ["Image", "Sell"]})


@pytest.fixture
def large(monkeypatch):
    """Calling it makes the hub take its shelf for a large one."""

    def grow(sets):
        for module in (wishes, counts):
            monkeypatch.setattr(module, "SMALL_SET", sets)
        monkeypatch.setattr(wishes, "SMALL_GUESS", 0)
        assert counts.terms_count()
        assert counts.cells_count()

    return grow


def said(wish):
    page = queries.model_list(wish, with_facets=True)
    return [version.pk for version in page.versions], page.total, page.facets


def known(facets):
    """What a facet says in numbers; choices without one say nothing that could be wrong."""
    rows = {**vars(facets)}
    return {
        (kind, facet.value): facet.count
        for kind, choices in rows.items()
        if isinstance(choices, list)
        for facet in choices
        if facet.count
    }


@pytest.mark.parametrize("sort", ["newest", "downloads", "oldest"])
@pytest.mark.parametrize("sets", [0, 2])
def test_it_works(shelf, large, sort, sets):
    asked = [wishes.replace(wish, sort=sort) for wish in WISHES]
    before = [said(wish) for wish in asked]
    large(sets)
    for wish, (versions, total, facets) in zip(asked, before, strict=True):
        now = said(wish)
        assert now[0] == versions, wish
        assert now[1] == total, wish
        told, exact = known(now[2]), known(facets)
        assert {key: exact.get(key) for key in told} == told, wish
    assert known(said(Wish())[2])[("types", "LORA")] == 2
    assert known(said(Wish())[2])[("tags", "light")] == 3


def test_pages_of_a_large_list_follow_each_other(shelf, large):
    large(0)
    for wish in (Wish(), Wish(bases=("SD 1.5", "SDXL 1.0")), Wish(tags=("light",), sort="downloads")):
        whole = [v.pk for v in queries.model_list(wish).versions]
        seen, cursor = [], ""
        while True:
            page = queries.model_list(wish, limit=1, cursor=cursor)
            seen += [v.pk for v in page.versions]
            if not (cursor := page.next_cursor):
                break
        assert seen == whole


def test_a_hub_that_shrinks_counts_for_itself_again(shelf, large, monkeypatch):
    large(0)
    monkeypatch.setattr(counts, "SMALL_SET", 20_000)
    assert not counts.cells_count()
    monkeypatch.setattr(wishes, "SMALL_SET", 20_000)
    assert said(Wish())[1] == 4


def test_the_vocabulary_follows_the_texts(shelf, alice):
    assert Word.objects.get(word="light").texts == 1  # known at once, counted at night
    Word.objects.create(word="forgotten")
    counts.words_count()
    assert Word.objects.get(word="light").texts == 3
    assert not Word.objects.filter(word="forgotten").exists()


def test_what_is_downloaded_most_is_searched_first(shelf, large, monkeypatch):
    monkeypatch.setattr("hub.catalog.search.RARE_WORD", 0)
    large(0)
    ModelStat.objects.filter(model__name="Neon Sign").update(downloads=5000)
    assert counts.tiers_set() == 1
    assert Text.objects.get(model__name="Neon Sign").tier == 1
    page = queries.model_list(Wish(query="light"), limit=1)
    assert page.versions[0].model.name == "Neon Sign"
    assert len(queries.model_list(Wish(query="light")).versions) == 3
    assert next(v.model.name for v in queries.model_list(Wish(query="light", sort="downloads")).versions) == "Neon Sign"


@pytest.mark.parametrize(
    "way", [{"SMALL_FILTER": 0, "READ": 10**6}, {"SMALL_FILTER": 0, "WALKED": 0}, {"SMALL_FILTER": 5000}]
)
def test_a_frequent_word_is_found_along_an_order(shelf, large, monkeypatch, way):
    """The list walked, or the first texts with it, or a filter first: each finds what reading all of them does."""
    filters = [
        {},
        {"types": ("LORA",)},
        {"bases": ("SD 1.5",)},
        {"tags": ("light",)},
        {"bases": ("SD 1.5", "SDXL 1.0")},
    ]
    asked = [Wish(query="light", sort=sort, **each) for sort in ("newest", "oldest", "downloads") for each in filters]
    before = [said(wish) for wish in asked]
    large(0)
    counts.words_count()
    for name, value in {"CANDIDATES": 3, "SMALL_SET": 0, **way}.items():
        monkeypatch.setattr(lists, name, value)
    for wish, (versions, total, _) in zip(asked, before, strict=True):
        found = queries.model_list(wish)
        assert ([pk for _, pk in found.pairs], found.total, found.capped) == (versions, total, False), wish
        first = queries.model_list(wish, limit=1)
        if len(versions) > 1:
            rest = queries.model_list(wish, cursor=first.next_cursor)
            assert [pk for _, pk in (*first.pairs, *rest.pairs)] == versions, wish


@pytest.mark.parametrize("sort", ["newest", "downloads", "oldest"])
@pytest.mark.parametrize("query", ["", "light"])
def test_a_page_that_was_read_while_it_was_counted_goes_on_where_it_ends(shelf, sort, query):
    wish = Wish(sort=sort, query=query)
    whole = queries.model_list(wish, with_facets=False).pairs
    first = queries.model_list(wish, limit=1, with_facets=True)
    second = queries.model_list(wish, limit=1, cursor=first.next_cursor, with_facets=True)
    assert [*first.pairs, *second.pairs] == list(whole[:2])
    assert queries.model_list(wish, limit=1, offset=1, with_facets=True).pairs == second.pairs
