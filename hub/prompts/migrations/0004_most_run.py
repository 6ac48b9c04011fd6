"""The most run first, for signed-in people too: their own private prompts are among what they see."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("prompts", "0003_words")]
    operations = [
        AddIndexConcurrently("prompt", models.Index(fields=["runs", "id"], name="prompt_most_run")),
        RemoveIndexConcurrently("prompt", "prompt_runs"),
    ]
