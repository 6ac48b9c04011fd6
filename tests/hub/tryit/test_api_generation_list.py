"""Drawing as a service."""

import pytest

from hub.accounts.models import Token
from hub.tryit import actions
from hub.tryit.models import Generation
from tests.hub.tryit import world

URL = "/api/v1/generations"


@pytest.fixture
def wanted(nano, linocut):
    return {"base": str(nano.pk), "uses": [{"version": linocut.pk, "weight": 0.8}], "prompt": "a cat", "seed": 9}


def post(client, data, url=URL):
    return client.post(url, data, content_type="application/json")


def test_it_works(client, alice, wanted, finish):
    client.force_login(alice)
    answer = post(client, wanted)
    assert answer.status_code == 202
    made = answer.json()
    assert (made["state"], made["recipe"]["seed"], made["recipe"]["width"]) == ("queued", 9, 128)
    assert answer["Location"].endswith(f"{URL}/{made['id']}")
    finish(Generation.objects.get())
    drawn = client.get(f"{URL}/{made['id']}").json()
    assert drawn["state"] == "done"
    assert drawn["pictures"][0]["url"].endswith(".png")
    assert drawn["pictures"][0]["seed"] == 9


def test_files_by_digest_and_the_recipe_sent_back(client, alice, wanted, finish, nano, linocut):
    client.force_login(alice)
    by_digest = wanted | {"base": world.sha(nano), "uses": [{"sha256": world.sha(linocut), "weight": 0.8}]}
    first = post(client, wanted).json()
    second = post(client, by_digest).json()
    third = post(client, first["recipe"]).json()
    assert first["recipe"] == second["recipe"] == third["recipe"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"base": "nonsense"}, "invalid"),
        ({"base": "999999"}, "file-not-here"),
        ({"base": "0" * 64}, "file-not-here"),
        ({"uses": [{"weight": 1}]}, "invalid"),
        ({"uses": [{"version": 1, "sha256": "0" * 64}]}, "invalid"),
        ({"uses": [{"version": 999999}]}, "file-not-here"),
        ({"uses": "x"}, "invalid"),
        ({"steps": 1000}, "bad-recipe"),
        ({"steps": "many"}, "invalid"),
        ({"width": 100}, "bad-recipe"),
        ({"count": 9}, "invalid"),
        ({"sampler": "Teleport"}, "bad-recipe"),
        ({"prompt": "x" * 6001}, "invalid"),
        ({"seed": 2**40}, "invalid"),
    ],
)
def test_bad_recipes_are_refused_with_a_sentence(client, alice, wanted, changes, code):
    client.force_login(alice)
    answer = post(client, wanted | changes)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert answer.json()["error"]
    assert not Generation.objects.exists()


@pytest.mark.parametrize("body", ["[]", "null", '"x"', "{", "[[["])
def test_bodies_that_are_no_recipe(client, alice, nano, body):
    client.force_login(alice)
    assert client.post(URL, body, content_type="application/json").status_code == 400


def test_limits_are_429(client, alice, wanted, settings):
    settings.GENERATIONS_WAITING = 0
    client.force_login(alice)
    answer = post(client, wanted)
    assert (answer.status_code, answer.json()["code"]) == (429, "limit-reached")


def test_mine_newest_first_in_pages(client, alice, bob, recipe):
    from hub.tryit import queries

    made = [actions.generation_create(owner=alice, recipe=recipe) for _ in range(3)]
    actions.generation_create(owner=bob, recipe=recipe)
    client.force_login(alice)
    items = client.get(URL).json()["items"]
    assert [item["id"] for item in items] == [str(one.pk) for one in reversed(made)]
    page, more = queries.generation_list(alice, limit=2)
    rest, end = queries.generation_list(alice, before=more, limit=2)
    assert [*page, *rest] == made[::-1]
    assert end == ""
    assert client.get(f"{URL}?before=nonsense").status_code == 404


def test_it_needs_a_person(client, wanted):
    assert post(client, wanted).status_code == 401
    assert client.get(URL).status_code == 401


def test_a_token_needs_the_scope(client, alice, wanted):
    from hub.accounts.actions import token_create

    def status(scope):
        _row, secret = token_create(user=alice, name=scope, scopes=[scope])
        return client.post(
            URL, wanted, content_type="application/json", headers={"Authorization": f"Bearer {secret}"}
        ).status_code

    assert status(Token.Scope.GENERATE) == 202
    assert status(Token.Scope.READ) == 403
    assert status(Token.Scope.UPLOAD) == 403
