"""A body that is too large is refused before it is held in memory."""

import pytest

pytestmark = pytest.mark.django_db


def test_it_works(client):
    answer = client.post("/api/v1/model-versions/by-hash", data='["' + "0" * 64 + '"]', content_type="application/json")
    assert (answer.status_code, answer.json()) == (200, [])


def test_a_large_body_is_refused_with_a_sentence(client, settings):
    settings.MAX_JSON_BYTES = 1024
    answer = client.post("/api/v1/model-versions/by-hash", data="[" + " " * 2000 + "]", content_type="application/json")
    assert answer.status_code == 413
    assert "1 KiB" in answer.json()["error"]
