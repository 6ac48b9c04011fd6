"""Keep it: one's own picture goes into the gallery."""


def test_it_works(client, alice, charlie, draw):
    picture = draw(alice)
    client.force_login(alice)
    client.post(f"/pictures/{picture.pk}/keep")
    client.force_login(charlie)
    assert client.get(f"/pictures/{picture.pk}").status_code == 200


def test_charlie_cannot_keep_another_s(client, alice, charlie, draw):
    picture = draw(alice)
    client.force_login(charlie)
    assert client.post(f"/pictures/{picture.pk}/keep").status_code == 404
    picture.refresh_from_db()
    assert not picture.visible


def test_nobody_s_preview_cannot_be_taken(client, charlie, draw):
    picture = draw(None, visible=True)
    client.force_login(charlie)
    assert client.post(f"/pictures/{picture.pk}/hide").status_code == 404


def test_it_is_a_post_of_a_person(client, alice, draw):
    picture = draw(alice)
    assert client.post(f"/pictures/{picture.pk}/keep").status_code == 302
    client.force_login(alice)
    assert client.get(f"/pictures/{picture.pk}/keep").status_code == 405
