import pytest

from hub.prompts.actions import prompt_create
from tests.hub.gallery.conftest import draw, linocut, nano  # noqa: F401


@pytest.fixture
def lighthouse(alice):
    fields = {
        "title": "Lighthouse",
        "prompt": "a lighthouse at {dawn|dusk}, ink",
        "negative": "blurry",
        "tags": ["Sea"],
    }
    return prompt_create(owner=alice, fields=fields)
