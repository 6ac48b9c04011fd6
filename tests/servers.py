"""One stack of real servers for every process that runs tests; addresses in the environment are used where given.

A pytest plugin (``-p tests.servers``) and not part of ``conftest.py``: the addresses must be known before pytest-django
reads the settings, which is before any conftest. Where pytest-xdist shares the tests out (``-n 2``), each of its
processes has servers and a database of its own, and the one that only shares out has none.
"""

import atexit
import fcntl
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parent.parent / ".weightroom-test"
UNSAFE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}  # what a test writes may be lost
JOURNEYS = "tests/journeys/"  # as the names of its tests begin
# What takes a minute or more, begun early: begun last, one process would wait for the other. `up` not beside the start
# of the journeys' hub: both would collect the static files of a new clone.
# Not those that commit (`test_hostile_text`): after them the migrated rows are gone, so pytest-django has them last.
LONG = [JOURNEYS, "tests/workers/engine/", "tests/workers/nano/", "tests/hub/up/"]
LONG += ["tests/hub/test_private_is_absent", "tests/hub/test_api_keeps_its_word", "tests/workers/test_fuzz"]


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Start the servers: in a wrapper, since those are called before pytest-django's own."""
    process = os.environ.get("PYTEST_XDIST_WORKER", "")
    shares_out = not process and getattr(early_config.known_args_namespace, "numprocesses", None)
    if not shares_out and not {"DATABASE_URL", "S3_ENDPOINT", "BROKER_URL"} <= set(os.environ):
        from hub import embedded

        FOLDER.mkdir(exist_ok=True)
        with (FOLDER / "starting").open("w") as turn:  # one after the other: both would find the same ports free
            fcntl.flock(turn, fcntl.LOCK_EX)
            servers = embedded.start(FOLDER / process, postgres=UNSAFE)
        atexit.register(servers.stop)
        os.environ.update(servers.environment)
    yield


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The journeys and other long ones first: nobody shall wait for them at the end."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: next((n for n, name in enumerate(LONG) if item.nodeid.startswith(name)), len(LONG)))


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Say how tests are shared out, where they are at all: pytest knows no such hook without pytest-xdist."""
    if config.pluginmanager.hasplugin("dsession"):
        config.pluginmanager.register(SharesOut())


class SharesOut:
    """What stays in one process: the journeys, which share a running hub; and any other file, with what it set up."""

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        from xdist.scheduler import LoadScopeScheduling

        class Scheduling(LoadScopeScheduling):
            def _split_scope(self, nodeid: str) -> str:
                return JOURNEYS if nodeid.startswith(JOURNEYS) else nodeid.split("::", 1)[0]

        return Scheduling(config, log)
