"""The manifest of the demo content; that it comes in is told in `tests/journeys/test_demo_content.py`."""

import json

from hub import demo
from hub.gallery.actions import picture_add, picture_hide
from tests.hub.tryit import world
from workers.messages import Drawn, Recipe, Use


def test_no_manifest_is_a_sentence(tmp_path, db):
    said = []
    assert not demo.demo_content("http://127.0.0.1:9", said.append, tmp_path)
    assert said == [f"There is no {tmp_path / 'manifest.json'}, so no demo content."]


def test_bases_come_first(tmp_path):
    entries = [{"file": "a", "name": "A", "type": "LORA"}, {"file": "b", "name": "B", "type": "Checkpoint"}]
    (tmp_path / "manifest.json").write_text(json.dumps(entries))
    assert [item.name for item in demo.manifest(tmp_path)] == ["B", "A"]


def test_a_controlnet_is_drawn_with_once_and_not_again_where_its_picture_was_hidden(db):
    canny = world.version(demo.owner(), "Canny", "controlnet")
    assert list(demo._unshown()) == [canny]
    drawn = Drawn(sha256="a" * 64, width=128, height=128, seed=7, bytes=1)
    used = (Use(kind="controlnet", sha256=world.sha(canny), weight=1.0, name="Canny"),)
    recipe = Recipe(base="0" * 64, base_family="sd1", uses=used)
    picture = picture_add(owner=demo.owner(), drawn=drawn, recipe=recipe, seconds=1, visible=True)
    picture_hide(picture_id=picture.pk, by=demo.owner())
    assert not demo._unshown().exists()


def test_every_controlnet_of_the_demo_reads_something():
    shown = {item.name for item in demo.manifest() if item.fields["type"] == "Controlnet"}
    assert shown == set(demo.READS)
    assert {of for of, _ in demo.READS.values()} <= {item.name for item in demo.manifest()}
