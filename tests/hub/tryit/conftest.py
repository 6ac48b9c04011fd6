import pytest

from hub import queue
from hub.tryit.models import Generation
from tests.hub.tryit import world
from workers.messages import GENERATE, Drawn, Generated, Progress, Recipe, Use, pack, progress_key


@pytest.fixture(autouse=True)
def empty_line():
    """Only this suite's own line: the queue's lists and the news of this database number of the broker."""
    _clean()
    yield
    _clean()


def _clean():
    keys = [GENERATE, *(f"{GENERATE}\x06\x16{step}" for step in (3, 6, 9))]
    found = [*queue.cache().scan_iter("weightroom:*")]
    queue.cache().delete(*keys, *found)


@pytest.fixture
def nano(alice):
    return world.version(alice, "Nano", "base")


@pytest.fixture
def linocut(alice, nano):
    return world.version(alice, "Linocut", "lora", trigger_words=["lnct print", "two inks"], weight=0.8)


@pytest.fixture
def recipe(nano, linocut):
    uses = (Use(kind="lora", sha256=world.sha(linocut), weight=0.8),)
    return Recipe(
        base=world.sha(nano), base_family="sd1", uses=uses, prompt="cat, blue background", width=128, height=128
    )


@pytest.fixture
def committed(django_capture_on_commit_callbacks):
    """Run a block as if its transaction committed: messages are really sent."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


@pytest.fixture
def finish():
    """What a worker answers, as it travels: through JSON and the hub's task."""
    from hub.tryit.tasks import generated

    def answer(generation, *, attempt=None, seconds=2.0, salt=""):
        pictures = []
        for number in range(generation.count):
            seed = generation.recipe["seed"] + number
            import hashlib

            digest = hashlib.sha256(f"{generation.recipe_digest}{seed}{salt}".encode()).hexdigest()
            pictures.append(Drawn(sha256=digest, width=128, height=128, seed=seed, bytes=10))
        message = Generated(
            generation_id=str(generation.pk),
            attempt=attempt or generation.attempt,
            pictures=tuple(pictures),
            seconds=seconds,
        )
        generated(pack(message))
        generation.refresh_from_db()
        return generation

    return answer


@pytest.fixture
def news():
    """A worker's sign of life, in the real cache."""
    import time

    import msgspec

    def tell(generation: Generation, *, ago: float = 0, attempt=None, **fields):
        told = {"stage": "drawing", "step": 7, "steps": 20} | fields
        message = Progress(
            generation_id=str(generation.pk), attempt=attempt or generation.attempt, at=time.time() - ago, **told
        )
        queue.cache().set(progress_key(str(generation.pk)), msgspec.json.encode(message), ex=600)

    return tell
