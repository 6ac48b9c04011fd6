"""All pictures, in pages that do not shift."""

import pytest

from hub.gallery import queries
from hub.gallery.actions import picture_hide


def test_it_works(client, alice, draw):
    shown, _private = draw(alice, visible=True, salt="shown"), draw(alice, salt="private")
    page = client.get("/pictures").content.decode()
    assert f"/pictures/{shown.pk}" in page
    assert "a cat private" not in page


def test_pages_follow_each_other(client, alice, draw):
    made = [draw(alice, visible=True, salt=str(n)) for n in range(5)]
    first, after = queries.picture_list(alice, limit=2)
    second, after = queries.picture_list(alice, after=after, limit=2)
    third, end = queries.picture_list(alice, after=after, limit=2)
    assert [*first, *second, *third] == made[::-1]
    assert end == ""


def test_htmx_gets_tiles_alone(client, alice, draw):
    draw(alice, visible=True)
    part = client.get("/pictures", headers={"HX-Request": "true", "HX-Target": "more"}).content.decode()
    assert "<html" not in part
    assert 'class="tile"' in part


@pytest.mark.parametrize("after", ["x", "cDA", "LTE", "é", "cDk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5"])
def test_a_changed_address_is_refused(client, db, after):
    assert client.get("/pictures", {"after": after}).status_code == 400


def test_of_one_version(client, alice, draw, linocut):
    draw(alice, visible=True, salt="with")
    draw(alice, visible=True, salt="without", uses=())
    page = client.get(f"/pictures?version={linocut.pk}").content.decode()
    assert "a cat with." in page
    assert "a cat without" not in page
    assert client.get("/pictures?version=999999").status_code == 404
    assert client.get("/pictures?version=x").status_code == 404


def test_hidden_again(client, alice, mona, charlie, draw):
    from hub.errors import NotFound

    picture = draw(alice, visible=True)
    with pytest.raises(NotFound):
        picture_hide(picture_id=picture.pk, by=charlie)
    assert client.get("/pictures").context["pictures"] == [picture]
    picture_hide(picture_id=picture.pk, by=mona)
    assert client.get("/pictures").context["pictures"] == []


def test_it_loads_by_itself_and_comes_back_to_the_same_place(client, alice, draw, monkeypatch):
    monkeypatch.setattr(queries, "PAGE", 2)
    made = [draw(alice, visible=True, salt=str(n)) for n in range(5)]
    page = client.get("/pictures")
    assert page.context["pictures"] == made[:2:-1]
    assert "intersect once" in page.content.decode()
    part = client.get(page.context["next_url"], headers={"HX-Request": "true", "HX-Target": "more"})
    assert part.context["pictures"] == made[2:0:-1]
    assert part["HX-Replace-Url"] == "/pictures?shown=4"
    assert client.get("/pictures?shown=4").context["pictures"] == made[:0:-1]


def test_a_pictures_page_leads_to_its_neighbours(client, alice, draw):
    first, _hidden, last = (draw(alice, visible=n != 1, salt=str(n)) for n in range(3))
    assert f'rel="prev" href="/pictures/{last.pk}"' in client.get(f"/pictures/{first.pk}").content.decode()
    page = client.get(f"/pictures/{last.pk}").content.decode()
    assert f'rel="next" href="/pictures/{first.pk}"' in page
    assert 'rel="prev"' not in page
