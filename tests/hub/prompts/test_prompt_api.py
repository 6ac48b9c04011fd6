"""prompt-list and prompt-detail for programs; what is written is told in tests/hub/catalog/test_version_create.py."""

from django.test import Client

from hub.prompts.actions import prompt_create
from hub.prompts.queries import PAGE


def test_a_page_goes_on_where_the_one_before_ended(alice):
    for number in range(PAGE + 1):
        prompt_create(owner=alice, fields={"prompt": f"a cat, {number}"})
    first = Client().get("/api/v1/prompts").json()
    second = Client().get("/api/v1/prompts", {"cursor": first["cursor"]}).json()
    assert [row["prompt"] for row in second["items"]] == ["a cat, 0"]
    assert second["cursor"] == ""


def test_what_is_not_there(db):
    assert Client().get("/api/v1/prompts", {"cursor": "nonsense"}).status_code == 400
    assert Client().get("/api/v1/prompts/999999").status_code == 404
    assert Client().get(f"/api/v1/prompts/{2**70}").status_code == 404
