"""One stack of real servers for every process that runs tests; addresses in the environment are used where given.

A pytest plugin (``-p tests.servers``) and not part of ``conftest.py``: the addresses must be known before pytest-django
reads the settings, which is before any conftest. Where pytest-xdist shares the tests out (``-n 2``), each of its
processes has servers and a database of its own, and the one that only shares out has none.
"""

import atexit
import os
from collections.abc import Generator
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / ".weightroom-test"
JOURNEYS = Path(__file__).resolve().parent / "journeys"


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Start the servers: in a wrapper, since those are called before pytest-django's own."""
    process = os.environ.get("PYTEST_XDIST_WORKER", "")
    shares_out = not process and getattr(early_config.known_args_namespace, "numprocesses", None)
    if not shares_out and not {"DATABASE_URL", "S3_ENDPOINT", "BROKER_URL"} <= set(os.environ):
        from hub import embedded

        servers = embedded.start(FOLDER / process)
        atexit.register(servers.stop)
        os.environ.update(servers.environment)
    yield


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What stays in one process: the journeys, which share a running hub; and any other file, with what it set up."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    for item in items:
        together = "journeys" if _walks(item) else str(item.path)
        item.add_marker(pytest.mark.xdist_group(together))
    items.sort(key=_walks, reverse=True)  # the longest first, so that nobody waits for it at the end


def _walks(item: pytest.Item) -> bool:
    return JOURNEYS in item.path.parents
