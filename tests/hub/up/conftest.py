"""A folder for a hub of its own. Not pytest's, which are closed to others: PostgreSQL's user must enter."""

import shutil
import tempfile
from pathlib import Path

import pytest

ADDRESSES = ("DATABASE_URL", "S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY", "BROKER_URL", "PUBLIC_URL", "SECRET_KEY")


@pytest.fixture
def folder(monkeypatch):
    """A data folder yet to be made (with a space in its name), in an environment that names no servers."""
    for name in ADDRESSES:
        monkeypatch.setenv(name, "")  # first, so that what is set meanwhile is undone
        monkeypatch.delenv(name)
    made = Path(tempfile.mkdtemp(prefix="weightroom-test-"))
    made.chmod(0o711)
    yield made / "data of a hub"
    shutil.rmtree(made, ignore_errors=True)
