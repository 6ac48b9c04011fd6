from tests.hub.catalog.files import added


def test_it_works(client, alice):
    file = added(alice)
    answer = client.get(f"/model-versions/{file.version_id}")
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"/models/{file.version.model_id}/linocut?version={file.version_id}"


def test_a_draft_is_not_there_for_others(client, alice, charlie):
    file = added(alice, publish=False)
    client.force_login(charlie)
    assert client.get(f"/model-versions/{file.version_id}").status_code == 404
