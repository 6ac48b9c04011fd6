"""Pictures without a blur are found without reading the others."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("gallery", "0008_fewer_indexes")]
    operations = [
        AddIndexConcurrently(
            "picture",
            models.Index(
                fields=["id"], condition=models.Q(("blurhash", ""), ("visible", True)), name="picture_blurless"
            ),
        ),
    ]
