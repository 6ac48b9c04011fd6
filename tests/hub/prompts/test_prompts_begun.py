"""What the library offers while somebody types: by the words of title and text, the last of which is still begun."""

import pytest
from django.contrib.auth.models import AnonymousUser

from hub.prompts import queries
from hub.prompts.actions import prompt_create
from hub.prompts.models import Prompt, Word


def offered(query, user=None):
    return [prompt.title for prompt in queries.prompts_begun(user or AnonymousUser(), query, most=3)]


@pytest.fixture
def prompts(alice):
    for title, text in {"Fox": "a fox in snow", "Snow": "snow, fog", "Sea": "the sea"}.items():
        prompt_create(owner=alice, fields={"title": title, "prompt": text})


def test_it_works(prompts):
    assert offered("fo") == ["Fox", "Snow"]
    assert offered("snow fo") == ["Snow", "Fox"]
    assert offered("sea fox") == []
    assert offered("") == offered("...") == []


def test_a_private_one_is_for_its_owner(prompts, alice, bob):
    Prompt.objects.filter(title="Fox").update(private=True)
    assert offered("fox") == offered("fox", bob) == []
    assert offered("fox", alice) == ["Fox"]


def test_of_words_that_very_many_have_the_most_run_come_first(prompts, alice, bob):
    Word.objects.filter(word__in=["snow", "fox", "fog"]).update(texts=queries.BROAD_BEGUN)
    Prompt.objects.filter(title="Fox").update(runs=9)
    assert offered("snow") == ["Fox", "Snow"]
    Prompt.objects.filter(title="Fox").update(private=True)
    assert offered("snow") == offered("snow", bob) == ["Snow"]
    assert offered("snow", alice) == ["Fox", "Snow"]
