"""Each test counts its own tries: limits live in the cache, under a prefix of the test's own."""

from uuid import uuid4

import pytest
from django.test import Client

from hub.accounts import actions

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def own_cache(settings):
    settings.CACHES = {"default": {**settings.CACHES["default"], "KEY_PREFIX": uuid4().hex}}


@pytest.fixture
def signed_in(client, alice) -> Client:
    client.force_login(alice)
    return client


@pytest.fixture
def token_of():
    """A token of a person with the scopes named."""

    def made(user, *scopes: str, **more) -> str:
        return actions.token_create(user=user, name="test", scopes=scopes or ["read"], **more)[1]

    return made


def bearer(token: str) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"Bearer {token}"}
