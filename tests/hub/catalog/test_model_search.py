import pytest

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


@pytest.mark.parametrize("digits", [8, 9, 11, 13, 40, 63])
def test_a_hash_may_stop_anywhere(client, alice, digits):
    file = added(alice)
    begun = file.blob_id[:digits]
    for address in ("/search", "/models"):
        text = client.get(address, {"query": f"0x{begun.upper()}"}).content.decode()
        assert f"?version={file.version_id}" in text
        assert "This is <b>linocut.safetensors</b>, Linocut v1." in text


@pytest.mark.parametrize("query", ["ink_wash-v3.safetensors", "ink_wash-v3.SafeTensors wash", "Ink_Wash", "wash v3"])
def test_a_file_s_name_is_found_with_its_ending_too(client, alice, query):
    added(alice, "Linocut", filename="ink_wash-v3.safetensors")
    assert "/linocut" in client.get("/search", {"query": query}).content.decode()


def test_hostile_words_are_text(client, db):
    text = client.get("/search", {"query": "<script>alert(1)</script>\x00"}).content.decode()
    assert "<script>" not in text
    assert "Nothing matches" in text


def test_typing_costs_few_statements(client, alice, django_assert_max_num_queries):
    added(alice)
    with django_assert_max_num_queries(7):
        client.get("/search?query=lino")
