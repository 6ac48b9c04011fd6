"""model-like, picture-like and prompt-like: a like is one person's, counted once, and moves the list."""

from hub.catalog.models import Listing, ModelStat
from tests.hub.catalog.files import added


def like(client, address, on=True):
    return client.post(f"/likes{address}", {"on": "1" if on else "0"})


def test_it_works(client, alice, bob):
    model = added(alice).version.model
    client.force_login(bob)
    assert like(client, f"/models/{model.pk}").status_code == 302
    assert ModelStat.objects.get(model=model).likes == 1
    assert Listing.objects.get(model=model).likes == 1
    page = client.get(f"/models/{model.pk}/linocut").content.decode()
    assert 'aria-pressed="true"' in page
    like(client, f"/models/{model.pk}", on=False)
    assert ModelStat.objects.get(model=model).likes == 0


def test_twice_is_once(client, alice, bob):
    model = added(alice).version.model
    client.force_login(bob)
    for _ in range(2):
        like(client, f"/models/{model.pk}")
    assert ModelStat.objects.get(model=model).likes == 1


def test_htmx_gets_the_button(client, alice, bob):
    model = added(alice).version.model
    client.force_login(bob)
    answer = client.post(f"/likes/models/{model.pk}", {"on": "1"}, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert b"Liked" in answer.content
    assert b"<html" not in answer.content


def test_charlie_cannot_like_what_he_cannot_see(client, alice, charlie):
    model = added(alice, publish=False).version.model
    client.force_login(charlie)
    assert like(client, f"/models/{model.pk}").status_code == 404


def test_a_picture(client, alice, bob, draw):
    picture = draw(alice, visible=True)
    client.force_login(bob)
    like(client, f"/pictures/{picture.pk}")
    picture.refresh_from_db()
    assert picture.likes == 1


def test_it_is_a_post_of_a_person(client, alice):
    model = added(alice).version.model
    assert like(client, f"/models/{model.pk}")["Location"].startswith("/sign-in")
    client.force_login(alice)
    assert client.get(f"/likes/models/{model.pk}").status_code == 405


def test_a_prompt_is_liked_too(client, bob, lighthouse):
    client.force_login(bob)
    for _ in range(2):
        like(client, f"/prompts/{lighthouse.pk}")
    shown = client.get(f"/prompts/{lighthouse.pk}").content.decode()
    assert 'Liked <span class="num">1</span>' in shown
    like(client, f"/prompts/{lighthouse.pk}", on=False)
    assert 'Like <span class="num">0</span>' in client.get(f"/prompts/{lighthouse.pk}").content.decode()
