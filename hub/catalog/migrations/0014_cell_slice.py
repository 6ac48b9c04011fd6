"""Cells are read from one index alone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0013_search_counts")]
    operations = [
        migrations.AlterField("cell", "term", models.IntegerField()),
        migrations.AddIndex(
            "cell",
            models.Index(
                fields=["term", "type", "base_id"], include=["level", "lead", "can_generate", "n"], name="cell_slice"
            ),
        ),
    ]
