"""What was published before is asked for by its revision from now on; ``main`` stands where the newest version does."""

from django.db import migrations

SHOWN = """UPDATE catalog_revision SET shown = true WHERE id IN (
    SELECT revision_id FROM catalog_version WHERE status = 'published')"""
HEAD = """UPDATE catalog_model SET head_id = (
    SELECT revision_id FROM catalog_version v
    WHERE v.model_id = catalog_model.id AND v.status <> 'deleted' AND v.revision_id IS NOT NULL
    ORDER BY v.index, v.id DESC LIMIT 1)"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0005_repositories")]

    operations = [migrations.RunSQL([SHOWN, HEAD], migrations.RunSQL.noop)]
