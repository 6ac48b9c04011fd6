"""The hub's own tests."""

import pytest
from django.db import connection
from pytest_django.plugin import blocking_manager_key


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before a test that commits gets the migrated rows back, content types go: what one of them had made anew under
    another number would stand in the way."""
    marker = item.get_closest_marker("django_db")
    if marker is None or not marker.kwargs.get("serialized_rollback"):
        return
    with item.config.stash[blocking_manager_key].unblock():
        if str(connection.settings_dict["NAME"]).startswith("test_"):
            with connection.cursor() as cursor:
                cursor.execute("TRUNCATE django_content_type CASCADE")


@pytest.fixture(autouse=True)
def quick_passwords(settings):
    """Real password hashes are slow on purpose, and nearly every test makes a person or two."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def no_scores(settings):
    """No worker scores pictures here, so none waits for it; `gallery/test_scored.py` is about those that do."""
    settings.PICTURE_SCORES = False


@pytest.fixture(autouse=True)
def static_files_when_asked_for(settings):
    """A server reads all of them when it starts, 400 or so; here every client of every test would."""
    settings.WHITENOISE_AUTOREFRESH = True
