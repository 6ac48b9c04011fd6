"""Out of the gallery again, by its owner or a moderator."""


def test_it_works(client, alice, draw):
    picture = draw(alice, visible=True)
    client.force_login(alice)
    client.post(f"/pictures/{picture.pk}/hide")
    picture.refresh_from_db()
    assert not picture.visible


def test_a_moderator_may(client, alice, mona, draw):
    picture = draw(alice, visible=True)
    client.force_login(mona)
    assert client.post(f"/pictures/{picture.pk}/hide").url == "/pictures"
    picture.refresh_from_db()
    assert not picture.visible


def test_a_moderator_does_not_learn_of_private_ones(client, alice, mona, draw):
    picture = draw(alice)
    client.force_login(mona)
    assert client.post(f"/pictures/{picture.pk}/hide").status_code == 404


def test_charlie_cannot(client, alice, charlie, draw):
    picture = draw(alice, visible=True)
    client.force_login(charlie)
    assert client.post(f"/pictures/{picture.pk}/hide").status_code == 404
