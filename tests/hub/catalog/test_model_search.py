from hub.catalog import queries
from tests.hub.catalog.files import added


def test_it_works(client, alice):
    added(alice, trigger_words=["lnct print"])
    text = client.get("/search?query=lnct").content.decode()
    assert "/linocut" in text
    assert "<html" not in text


def test_one_letter_is_too_little(client, alice):
    added(alice)
    assert "/linocut" not in client.get("/search?query=l").content.decode()


def test_a_hash_goes_to_its_file(client, alice):
    file = added(alice)
    text = client.get("/search", {"query": queries.file_hashes(file)["AutoV3"]}).content.decode()
    assert f"?version={file.version_id}" in text
    assert "This is <b>linocut.safetensors</b>, Linocut v1." in text


def test_hostile_words_are_text(client, db):
    text = client.get("/search", {"query": "<script>alert(1)</script>\x00"}).content.decode()
    assert "<script>" not in text
    assert "Nothing matches" in text


def test_typing_costs_few_statements(client, alice, django_assert_max_num_queries):
    added(alice)
    with django_assert_max_num_queries(7):
        client.get("/search?query=lino")
