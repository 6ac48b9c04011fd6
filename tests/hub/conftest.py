"""The hub's own tests."""

import pytest


@pytest.fixture(autouse=True)
def quick_passwords(settings):
    """Real password hashes are slow on purpose, and nearly every test makes a person or two."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
