"""What every import story needs: a server elsewhere, and the workers' real work done between the hub's own steps."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.test import TestCase
from django.utils import timezone

from hub import queue
from hub.gallery.tasks import image_inspected
from hub.imports import actions
from hub.imports.models import Import, Item
from hub.imports.tasks import answered, sweep
from hub.uploads.tasks import inspected
from tests.hub.uploads.conftest import Mail
from tests.workers.civitai import Civitai
from workers import fetch_messages, fetching, incoming, messages, sent_pictures
from workers import settings as worker_settings
from workers.fetch_messages import FETCH
from workers.messages import GENERATE, HEADER, INSPECT

DOES = {
    fetch_messages.LookUp: fetching.look_up,
    fetch_messages.ListShelf: fetching.list_shelf,
    fetch_messages.Measure: fetching.measure,
    fetch_messages.FetchFile: fetching.fetch_file,
}


@pytest.fixture(autouse=True)
def lines(settings, monkeypatch, tmp_path):
    """Empty lines, a scratch folder, parts of the smallest size, a key for tokens."""
    settings.IMPORT_KEY = "a key"
    settings.UPLOAD_PART_BYTES = 5 * settings.MIB
    monkeypatch.setattr(worker_settings, "IMPORT_KEY", "a key")
    monkeypatch.setattr(worker_settings, "CACHE_DIR", tmp_path)
    for name in (FETCH, INSPECT, HEADER, GENERATE):
        Mail(name).empty()
    yield
    for name in (FETCH, INSPECT, HEADER, GENERATE):
        Mail(name).empty()


@pytest.fixture
def allowed(settings, monkeypatch):
    """Lets the hub and its workers ask these servers, private as they are."""

    def allow(*origins):
        settings.IMPORT_HOSTS = list(origins)
        monkeypatch.setattr(worker_settings, "IMPORT_HOSTS", list(origins))

    return allow


@pytest.fixture
def there(allowed):
    with Civitai() as server:
        allowed(server.origin)
        yield server


def step() -> bool:
    """What lies in line is done, and answered; whether anything was."""
    did = False
    with TestCase.captureOnCommitCallbacks(execute=True):
        for payload, then in Mail(FETCH).take():
            did, asked = True, fetch_messages.unpack(payload)
            assert then == "hub.imports.answered"
            if (answer := DOES[type(asked)](asked)) is not None:
                answered(messages.pack(answer))
        for payload, _ in Mail(INSPECT).take():
            did = True
            inspected(messages.pack(incoming.inspect_model(messages.unpack(payload))))
        for payload, _ in Mail(HEADER).take():
            asked = messages.unpack(payload)
            if isinstance(asked, messages.InspectImage):
                did = True
                image_inspected(messages.pack(sent_pictures.inspect_image(asked)))
    return did


def work(*, steps: int = 60) -> None:
    """Workers and sweep take turns until nothing is left to do."""
    for _ in range(steps):
        did = step()
        with TestCase.captureOnCommitCallbacks(execute=True):
            sweep()
        if not did and not queue.waiting(FETCH):
            return


def later(seconds: float = 3600) -> None:
    """Time passes: pauses end, and what was asked for is overdue."""
    for model in (Import, Item):
        model.objects.filter(again_at__isnull=False).update(again_at=timezone.now())
        model.objects.filter(sent_at__isnull=False).update(sent_at=F("sent_at") - timedelta(seconds=seconds))


def begin(owner, link: str, **more) -> Import:
    with TestCase.captureOnCommitCallbacks(execute=True):
        return actions.import_start(owner=owner, link=link, **more)


def imported(owner, link: str, **more) -> Import:
    """An import from its link to its end."""
    made = begin(owner, link, **more)
    work()
    made.refresh_from_db()
    return made
