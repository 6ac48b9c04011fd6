"""People of the stories, for every test; the servers are started by `tests.servers`."""

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
