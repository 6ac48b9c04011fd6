"""One stack of real servers for the whole run; addresses in the environment are used instead where given."""

import os
import sys
from pathlib import Path

if "hub.embedded" not in sys.modules and not {"DATABASE_URL", "S3_ENDPOINT", "BROKER_URL"} <= set(os.environ):
    import atexit

    from hub import embedded

    servers = embedded.start(Path(__file__).parent.parent / ".weightroom-test", wait_for_store=True)
    atexit.register(servers.stop)
    os.environ.update(servers.environment)

import pytest

from tests import cast


@pytest.fixture
def alice(db):
    return cast.alice()


@pytest.fixture
def bob(db):
    return cast.bob()


@pytest.fixture
def charlie(db):
    return cast.charlie()


@pytest.fixture
def mona(db):
    return cast.mona()


@pytest.fixture
def adam(db):
    return cast.adam()
