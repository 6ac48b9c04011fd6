"""A description shown while it is written; `markdown-preview`."""

from django.test import Client


def test_it_works(alice):
    client = Client()
    client.force_login(alice)
    said = client.post("/models/markdown", {"description": "**bold** <script>alert(1)</script>"}).content.decode()
    assert "<strong>bold</strong>" in said
    assert "<script" not in said
    assert "Nothing is written yet." in client.post("/models/markdown", {}).content.decode()


def test_it_takes_a_session(db):
    assert Client().post("/models/markdown", {"description": "x"}).status_code == 302
