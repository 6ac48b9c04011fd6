"""One picture and its recipe."""

import json
import re

from hub.catalog.models import Version


def test_it_works(client, alice, draw, linocut):
    picture = draw(alice, visible=True)
    page = client.get(f"/pictures/{picture.pk}").content.decode()
    assert f"/try?picture={picture.pk}" in page
    assert f"?version={linocut.pk}" in page
    assert 'aria-label="On Nano: Linocut 0.8"' in page
    assert "&lt;lora:linocut:0.8&gt;" in page, "by its file, as other programs find it"
    assert "Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 7, Size: 128x128" in page


def test_over_a_grid_it_comes_without_its_page(client, alice, draw):
    """As the dialog asks: the picture, its recipe and a title, but no bar, no neighbours, no discussion."""
    picture = draw(alice, visible=True)
    draw(alice, visible=True)
    whole = client.get(f"/pictures/{picture.pk}")
    part = client.get(f"/pictures/{picture.pk}", headers={"HX-Request": "true"})
    assert "HX-Request" in whole["Vary"], "a browser keeps them apart"
    assert "HX-Request" in part["Vary"]
    page, shown = whole.content.decode(), part.content.decode()
    assert re.search(r"<title>.*</title>", page)[0] in shown
    assert (
        page.split('<div class="viewer">')[1].split("</aside>")[0]
        == shown.split('<div class="viewer">')[1].split("</aside>")[0]
    )
    assert 'id="discussion"' in page
    assert 'id="discussion"' not in shown
    assert 'class="bar"' not in shown


def test_paper_tells_where_it_is_and_its_digests(client, alice, draw, linocut):
    picture = draw(alice, visible=True)
    printed = client.get(f"/pictures/{picture.pk}").content.decode().split("printed")[1].split("</dl>")[0]
    for words in (f"http://127.0.0.1:8000/pictures/{picture.pk}", picture.sha256, linocut.files.get().blob_id):
        assert words in printed


def test_the_json_is_the_recipe(client, alice, draw):
    picture = draw(alice, visible=True)
    assert json.loads(client.get(f"/pictures/{picture.pk}").context["json"]) == picture.recipe


def test_hostile_words_stay_words(client, alice, draw):
    picture = draw(alice, visible=True, prompt="<script>alert(1)</script>\nSteps: 3", negative='"><img src=x>')
    page = client.get(f"/pictures/{picture.pk}").content.decode()
    assert "<script>alert" not in page
    assert "<img src=x>" not in page


def test_a_version_since_removed_is_said(client, alice, bob, draw, linocut):
    picture = draw(bob)
    Version.objects.filter(pk=linocut.pk).update(status="deleted")
    client.force_login(bob)
    assert "since removed, or not public" in client.get(f"/pictures/{picture.pk}").content.decode()


def test_a_private_picture_is_its_owners(client, alice, charlie, draw):
    picture = draw(alice)
    assert client.get(f"/pictures/{picture.pk}").status_code == 404
    client.force_login(charlie)
    assert client.get(f"/pictures/{picture.pk}").status_code == 404
    assert client.get(f"/try?picture={picture.pk}").status_code == 404
    client.force_login(alice)
    assert "Only you see this." in client.get(f"/pictures/{picture.pk}").content.decode()


def test_nothing_is_404(client, db):
    assert client.get("/pictures/999999").status_code == 404


def test_weights_on_the_bar(client, alice, draw, linocut):
    from hub.gallery.templatetags.gallery import loaded_bar
    from workers.messages import Use

    many = tuple(Use(kind="lora", sha256=f"{n:064x}", weight=-0.5, name=f"<b>{n}") for n in range(15))
    bar = loaded_bar(draw(alice, uses=many).recipe)
    assert bar.count('class="plate minus') == 12
    assert ">+3<" in bar
    assert "<b>" not in bar


def test_picture_workflow_is_for_those_who_see_the_picture(client, alice, charlie, draw):
    picture = draw(alice)
    client.force_login(charlie)
    assert client.get(f"/pictures/{picture.pk}/workflow").status_code == 404
    client.force_login(alice)
    assert client.get(f"/pictures/{picture.pk}/workflow").json()
