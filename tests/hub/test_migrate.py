"""Steps of the database's making were put together: a hub that had taken them all goes on, one half way is told."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder


@pytest.fixture
def took_every_step(db):
    """The database as a hub left it that took the steps one by one: it knows nothing of those that replace them."""
    loader = MigrationExecutor(connection).loader
    recorder = MigrationRecorder(connection)
    for migration in loader.disk_migrations.values():
        if migration.app_label in {"accounts", "catalog", "gallery", "moderation"} and migration.replaces:
            recorder.record_unapplied(migration.app_label, migration.name)
            assert set(migration.replaces) <= set(recorder.applied_migrations())
    return recorder


def test_it_works(took_every_step):
    executor = MigrationExecutor(connection)
    assert executor.migration_plan(executor.loader.graph.leaf_nodes()) == []


def test_half_way_it_is_said_what_to_do(took_every_step):
    took_every_step.record_unapplied("moderation", "0004_chain")
    took_every_step.record_unapplied("moderation", "0005_links")
    with pytest.raises(CommandError, match=r"from moderation 0004_chain to moderation 0005_links\. Start commit"):
        call_command("migrate", verbosity=0)
