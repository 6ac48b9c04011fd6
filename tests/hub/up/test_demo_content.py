"""The manifest of the demo content; that it comes in is told in `tests/journeys/test_demo_content.py`."""

import json

from hub import demo


def test_no_manifest_is_a_sentence(tmp_path, db):
    said = []
    assert not demo.demo_content("http://127.0.0.1:9", said.append, tmp_path)
    assert said == [f"There is no {tmp_path / 'manifest.json'}, so no demo content."]


def test_bases_come_first(tmp_path):
    entries = [{"file": "a", "name": "A", "type": "LORA"}, {"file": "b", "name": "B", "type": "Checkpoint"}]
    (tmp_path / "manifest.json").write_text(json.dumps(entries))
    assert [item.name for item in demo.manifest(tmp_path)] == ["B", "A"]
