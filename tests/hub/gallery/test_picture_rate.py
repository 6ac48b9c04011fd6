"""picture-rate: its owner says what a picture shows, moderators of any; lists keep to each visitor's levels."""

import pytest


def rate(client, picture, level=8):
    return client.post(f"/pictures/{picture.pk}/rate", {"level": level})


def test_it_works(client, alice, charlie, draw):
    picture = draw(alice, visible=True)
    client.force_login(alice)
    assert rate(client, picture).status_code == 302
    client.force_login(charlie)
    assert f"/pictures/{picture.pk}" not in client.get("/pictures").content.decode()
    asking = client.get(f"/pictures/{picture.pk}").content.decode()
    assert "marked “Sexual”" in asking
    assert "/image/" not in asking
    assert "/image/" in client.get(f"/pictures/{picture.pk}?show").content.decode()


def test_moderators_rate_any(client, alice, mona, draw):
    picture = draw(alice, visible=True)
    client.force_login(mona)
    rate(client, picture, 16)
    picture.refresh_from_db()
    assert picture.level == 16


def test_charlie_rates_nothing(client, alice, charlie, draw):
    picture = draw(alice, visible=True)
    client.force_login(charlie)
    assert rate(client, picture).status_code == 404


@pytest.mark.parametrize("level", [0, 3, 64, "x", ""])
def test_other_levels_are_refused(client, alice, draw, level):
    picture = draw(alice)
    client.force_login(alice)
    assert rate(client, picture, level).status_code == 422
