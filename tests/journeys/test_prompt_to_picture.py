"""Alice asks for a picture, watches it come, remixes it; a worker dies in the middle and another finishes its work."""

import os
import signal

import pytest

from tests.journeys.conftest import Person, wait_for

pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def ada(hub, nano):
    return Person.signs_up(hub, "ada")


def asked(person, nano, **changes):
    body = {"base": str(nano["version"]), "prompt": "cat, blue background", "seed": 7, "steps": 20, **changes}
    return person.asks("POST", "/api/v1/generations", body, status=202)


def finished(person, generation, seconds=120):
    def done():
        news = person.asks("GET", f"/api/v1/generations/{generation['id']}", status=200)
        return news if news["state"] not in {"queued", "running"} else None

    return wait_for("the picture", done, seconds)


def test_it_works(hub, nano, ada):
    generation = asked(ada, nano, steps=40, count=2)
    seen = []

    def news():
        now = ada.asks("GET", f"/api/v1/generations/{generation['id']}", status=200)
        if now["progress"]:
            seen.append((now["progress"]["picture"], now["progress"]["step"], bool(now["progress"]["preview"])))
        return now if now["state"] == "done" else None

    done = wait_for("two pictures", news, 120)
    assert [picture["seed"] for picture in done["pictures"]] == [7, 8]
    assert len({step for _, step, _ in seen}) > 1, "progress was live"
    assert any(preview for *_, preview in seen), "the latents were shown"
    picture = done["pictures"][0]
    page = ada.http.get(picture["page"])
    assert page.status_code == 200
    assert "cat, blue background" in page.text

    remix = ada.http.get("/try", params={"picture": picture["id"]})
    assert remix.status_code == 200
    assert "cat, blue background" in remix.text
    assert 'value="40"' in remix.text


def test_the_same_recipe_gives_the_same_bytes(hub, nano, ada):
    first = finished(ada, asked(ada, nano, seed=42))["pictures"][0]
    again = finished(ada, asked(ada, nano, seed=42))["pictures"][0]
    assert first["sha256"] == again["sha256"]


def test_cancel_works_between_steps(hub, nano, ada):
    generation = asked(ada, nano, steps=150, seed=99)
    where = f"/api/v1/generations/{generation['id']}"
    wait_for("the first steps", lambda: (ada.asks("GET", where)["progress"] or {}).get("step", 0) > 2, 60)
    ada.asks("DELETE", where)
    assert finished(ada, generation, 30)["state"] == "cancelled"


def test_a_killed_workers_job_is_drawn_by_another(hub, nano, ada):
    generation = asked(ada, nano, steps=30, seed=5)
    where = f"/api/v1/generations/{generation['id']}"
    wait_for("the first steps", lambda: (ada.asks("GET", where)["progress"] or {}).get("step", 0) > 2, 60)
    os.kill(hub.pid("generate"), signal.SIGKILL)
    done = finished(ada, generation, 180)
    assert done["state"] == "done", done["sentence"]
    assert done["attempt"] > 1
    assert len(done["pictures"]) == 1


def test_what_does_not_exist_is_refused_not_replaced(hub, nano, ada):
    refused = ada.asks("POST", "/api/v1/generations", {"base": "0" * 64, "prompt": "cat"})
    assert refused["error"].endswith(".")


def test_others_do_not_see_it(hub, nano, ada):
    generation = asked(ada, nano, seed=11)
    eve = Person.signs_up(hub, "eve")
    eve.asks("GET", f"/api/v1/generations/{generation['id']}", status=404)
    eve.asks("DELETE", f"/api/v1/generations/{generation['id']}", status=404)
