from tests.hub.catalog.files import added


def test_it_works(client, alice):
    file = added(alice)
    text = client.get("/").content.decode()
    assert f"/models/{file.version.model_id}/linocut" in text
    assert "Models, and what each one does to the same picture." in text


def test_signed_in_needs_no_introduction(client, alice):
    client.force_login(alice)
    assert "Try one" not in client.get("/").content.decode()


def test_a_new_hub_says_what_to_do(client, db):
    assert "Upload the first one" in client.get("/").content.decode()
