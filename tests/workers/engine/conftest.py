import pytest

from tests.workers.engine import test_bases as bases


@pytest.fixture(scope="session")
def sdxl(tmp_path_factory):
    """An SDXL base of tiny widths, open; whoever applies something to it must leave it as it was."""
    return bases.opened(tmp_path_factory.mktemp("sdxl"), "sdxl", bases.sdxl())
