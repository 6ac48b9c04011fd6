"""The operator mirrors a creator of another server."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.test import TestCase

from hub.catalog.models import Model
from tests.hub.imports.conftest import work


def mirror(link, **options):
    said = io.StringIO()
    with TestCase.captureOnCommitCallbacks(execute=True):
        call_command("mirror", link, owner="alice", no_pictures=True, stdout=said, **options)
    return said.getvalue()


def test_it_works(there, alice):
    there.says("/api/v1/models", {"items": [{"id": 12}], "metadata": {}})
    assert "begun; see /import" in mirror(f"{there.origin}/user/ada", no_wait=True)
    work()
    assert Model.objects.get().name == "Ink Wash"
    mirror(f"{there.origin}/user/ada", no_wait=True)
    work()
    assert Model.objects.count() == 1, "again is no more"


def test_what_is_no_shelf(alice):
    with pytest.raises(CommandError, match="no link"):
        mirror("hello")
