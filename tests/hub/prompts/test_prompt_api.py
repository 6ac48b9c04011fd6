"""prompt-list and prompt-detail: what a list bounds; what is written is told in tests/hub/protocols/test_writing.py."""

from django.test import Client


def test_pages_are_bounded(db):
    for page in ("0", "-1", "x", "99999999999", "99999"):
        assert Client().get("/api/v1/prompts", {"page": page}).json() == {"items": [], "more": False}
    assert Client().get("/api/v1/prompts/999999").status_code == 404
    assert Client().get(f"/api/v1/prompts/{2**70}").status_code == 404
