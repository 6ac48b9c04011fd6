import json
from datetime import timedelta

import pytest
from django.utils import timezone

from hub.catalog import actions, queries
from hub.catalog.models import Listing, Model, ModelStat, Version
from hub.catalog.queries import Wish
from tests.hub.catalog.files import added


def names(page):
    return [version.model.name for version in page.versions]


def found(query, **wish):
    return names(queries.model_list(Wish(query=query, **wish)))


@pytest.fixture
def shelf(alice, bob):
    """Five models, the last the newest, with a minute between them."""
    rows = [
        added(alice, "Linocut", trigger_words=["lnct print"], tags=["style"], description="Cut in linoleum."),
        added(bob, "Blue Hour", inspected={"kind": "hypernetwork"}, tags=["light", "style"]),
        added(bob, "Paper Harbour", inspected={"kind": "base"}, filename="harbour_v1.safetensors"),
        added(alice, "Neon Sign", inspected={"base_family": "sdxl"}, tags=["light"]),
        added(alice, "Été à la mer", inspected={"kind": "textual_inversion"}),
    ]
    for n, file in enumerate(rows):
        at = timezone.now() - timedelta(minutes=len(rows) - n)
        Version.objects.filter(pk=file.version_id).update(published_at=at)
        actions.listing_refresh(file.version.model)
    return rows


def test_it_works(client, shelf):
    page = client.get("/models")
    text = page.content.decode()
    assert page.status_code == 200
    for file in shelf:
        assert f'<a href="/models/{file.version.model_id}/{file.version.model.slug}">' in text
    assert names(queries.model_list(Wish())) == ["Été à la mer", "Neon Sign", "Paper Harbour", "Blue Hour", "Linocut"]
    assert len(page.content) < 60_000


def test_the_list_asks_the_database_a_fixed_number_of_times(client, shelf, django_assert_max_num_queries):
    with django_assert_max_num_queries(13):
        client.get("/models?type=LORA&base=SD+1.5&tag=style")


def test_filters(shelf):
    assert names(queries.model_list(Wish(types=("LORA",)))) == ["Neon Sign", "Linocut"]
    assert names(queries.model_list(Wish(bases=("SDXL 1.0",)))) == ["Neon Sign"]
    assert names(queries.model_list(Wish(tags=("Style", "light")))) == ["Blue Hour"]
    assert names(queries.model_list(Wish(tags=("nosuch",)))) == []
    assert names(queries.model_list(Wish(creator="BOB"))) == ["Paper Harbour", "Blue Hour"]
    assert names(queries.model_list(Wish(can_generate=True, types=("Checkpoint",)))) == ["Paper Harbour"]


def test_a_model_with_two_bases_stands_once_and_shows_the_matching_version(alice):
    first = added(alice)
    second = added(alice, seed="xl", model_id=first.version.model_id, inspected={"base_family": "sdxl"})
    assert [v.pk for v in queries.model_list(Wish()).versions] == [second.version_id]
    assert [v.pk for v in queries.model_list(Wish(bases=("SD 1.5",))).versions] == [first.version_id]
    assert [v.pk for v in queries.model_list(Wish(bases=("SD 1.5", "SDXL 1.0"))).versions] == [second.version_id]


def test_each_filter_is_counted_beside_the_others(shelf):
    facets = queries.model_list(Wish(types=("LORA",), bases=("SD 1.5",)), with_facets=True).facets
    assert {f.value: f.count for f in facets.types} == {
        "LORA": 1, "Checkpoint": 1, "Hypernetwork": 1, "TextualInversion": 1,
    }  # fmt: skip
    assert {f.value: f.count for f in facets.bases} == {"SD 1.5": 1, "SDXL 1.0": 1}
    assert {f.value: f.count for f in facets.tags} == {"style": 1}
    assert [f.value for f in facets.types if f.on] == ["LORA"]


@pytest.mark.parametrize("sort", ["newest", "oldest", "downloads", "likes", "pictures", "comments", "collected"])
def test_pages_by_key_show_each_model_once(shelf, sort):
    ModelStat.objects.filter(model=shelf[1].version.model_id).update(downloads=40, likes=3)
    actions.listing_refresh(shelf[1].version.model)
    seen, cursor = [], ""
    while True:
        page = queries.model_list(Wish(sort=sort), limit=2, cursor=cursor)
        seen += names(page)
        cursor = page.next_cursor
        if not cursor:
            break
    assert sorted(seen) == sorted(Model.objects.values_list("name", flat=True))
    if sort in {"downloads", "likes"}:
        assert seen[0] == "Blue Hour"


def test_more_is_a_real_link(client, shelf, monkeypatch):
    monkeypatch.setattr("hub.catalog.pages.PAGE", 2)
    page = client.get("/models?sort=downloads").content.decode()
    link = page.split('<p class="more"><a class="btn" href="')[1].split('"')[0].replace("&amp;", "&")
    following = client.get(link, headers={"HX-Request": "true"})
    assert following.status_code == 200
    assert following.content.decode().count("<article") == 2
    assert "<html" not in following.content.decode()
    assert following["HX-Replace-Url"] == "/models?sort=downloads&shown=4", "Back and a reload come to the same place"
    assert client.get(following["HX-Replace-Url"]).content.decode().count("<article") == 4


def test_a_wrong_cursor_is_refused(client, shelf):
    for cursor in ("x", "!!!!", "bnVsbA", "WzEsMiwzXQ", "WyJuZXdlc3QiLDFlOTk5LDEsIiJd", "9" * 4000):
        with pytest.raises(queries.BadCursor):
            queries.model_list(Wish(), cursor=cursor)
        assert client.get(f"/models?after={cursor}").status_code == 400, cursor


def test_a_cursor_of_another_list_is_refused(shelf):
    cursor = queries.model_list(Wish(), limit=1).next_cursor
    with pytest.raises(queries.BadCursor):
        queries.model_list(Wish(types=("LORA",)), cursor=cursor)


@pytest.mark.parametrize("query", ["neno sign", "neon sgin", "meon sign", "neonn sign", "signn"])
def test_one_slip_in_a_short_word_is_understood(shelf, query):
    assert found(query) == ["Neon Sign"]


def test_search_by_every_field_and_with_errors(shelf):
    for query in ("linocut", "LINO", "lnct pri", "linoleum", "inocu", "linocat"):
        assert found(query) == ["Linocut"], query
    for query, name in (("harbour_v1", "Paper Harbour"), ("ete", "Été à la mer"), ("à la MER", "Été à la mer")):
        assert found(query) == [name], query


def test_search_by_tag_and_creator(shelf):
    assert set(found("light")) == {"Blue Hour", "Neon Sign"}
    assert set(found("bob")) == {"Blue Hour", "Paper Harbour"}
    assert found("light", types=("LORA",)) == ["Neon Sign"]
    assert found("light", sort="newest") == ["Neon Sign", "Blue Hour"]


def test_a_name_counts_more_than_a_description(alice):
    added(alice, "Other", description="ink ink ink")
    added(alice, "Ink")
    assert found("ink") == ["Ink", "Other"]


def test_hostile_words_find_nothing_and_break_nothing(client, shelf):
    for query in ("' | !", "a & b:*", "\\", "%", "_", "<script>", "'; DROP TABLE x; --", "((", ":*", " "):
        page = client.get("/models", {"query": query})
        assert page.status_code == 200, query
        assert "<script>" not in page.content.decode().replace('<script src="', ""), query


def test_a_pasted_hash_finds_its_file(client, shelf):
    hashes = queries.file_hashes(shelf[0])
    assert set(hashes) == {"AutoV1", "AutoV2", "AutoV3", "SHA256", "CRC32", "BLAKE3"}
    for value in [*hashes.values(), hashes["SHA256"].lower()]:
        assert found(value) == ["Linocut"], value
    assert (
        "This is <b>linocut.safetensors</b>, Linocut v1."
        in client.get(f"/models?query={hashes['AutoV2']}").content.decode()
    )


def test_nothing_matches_is_said_with_the_way_out(client, shelf):
    text = client.get("/models?query=linocut&type=Checkpoint").content.decode()
    assert "Without them there is 1:" in text
    assert "No models yet" not in text


def test_a_new_hub_says_so(client, db):
    assert "No models yet." in client.get("/models").content.decode()


def test_drafts_are_in_no_list(shelf, alice):
    actions.version_unpublish(version=shelf[0].version, by=alice)
    assert "Linocut" not in names(queries.model_list(Wish()))
    assert found("linocut") == []
    assert not Listing.objects.filter(model=shelf[0].version.model_id).exists()


def test_relevance_goes_on_from_its_place(alice):
    for n in range(5):
        added(alice, f"Ink {n}", seed=str(n))
    first = queries.model_list(Wish(query="ink"), limit=3)
    second = queries.model_list(Wish(query="ink"), limit=3, cursor=first.next_cursor)
    assert sorted(names(first) + names(second)) == [f"Ink {n}" for n in range(5)]
    assert not second.next_cursor


def test_names_are_text_on_the_card(client, alice):
    added(alice, "<img src=x>")
    text = client.get("/models").content.decode()
    assert "<img src=x>" not in text
    assert "&lt;img src=x&gt;" in text
    assert json.dumps(text)


def test_facet_list_has_all_choices_and_a_search_of_its_own(client, alice, charlie):
    for n in range(7):
        added(alice, f"Print {n}", tags=[f"t{n}-a", f"t{n}-b", "ink"])
    added(charlie, "Apart", inspected={"kind": "base"}, tags=["lonely"])
    text = client.get("/models?type=LORA").content.decode()
    assert text.count('name="tag"') == 10
    assert ">All 15</a>" in text
    assert 'href="/models/choices/tag?type=LORA"' in text
    part = client.get("/models/choices/tag?type=LORA", headers={"HX-Request": "true"}).content.decode()
    assert "autofocus" in part, "or focus would be lost with the link that brought them"
    assert part.count('name="tag"') == 15
    assert part.index('value="ink"') < part.index('value="t0-a"'), "the most frequent first"
    assert client.get("/models/choices/tag?word=LONE").content.decode().count('name="tag"') == 1
    found = client.get("/models/choices/tag?type=LORA&tag=ink&word=3-").content.decode()
    assert [value in found for value in ('value="t3-a"', 'value="t3-b"', 'value="t2-a"')] == [True, True, False]
    assert '<input type="hidden" name="type" value="LORA">' in found, "a page where there are no scripts"
    assert "None is called so." in client.get("/models/choices/tag?type=LORA&word=lonel").content.decode()
    assert 'value="alice"' in client.get("/models/choices/creator").content.decode()
    assert 'value="Checkpoint"' in client.get("/models/choices/type?word=check&base=SD+1.5").content.decode()
    found = client.get("/models/choices/base?word=1.5").content.decode()
    assert [found.count('name="base"'), 'value="SD 1.5"' in found] == [1, True]
    assert client.get("/models/choices/format").status_code == 404


def test_the_title_says_how_many_of_all_are_left(client, shelf):
    assert "2 of 5<" in client.get("/models?tag=light").content.decode()
    assert " of 5<" not in client.get("/models").content.decode()
    assert " of 5<" not in client.get("/models?tag=light&query=neon").content.decode()
