"""A vocabulary of the prompts, and a tag's newest by one index."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("prompts", "0002_locked"), ("catalog", "0013_search_counts")]
    operations = [
        migrations.CreateModel(
            name="Word",
            fields=[
                ("word", models.TextField(primary_key=True, serialize=False)),
                ("texts", models.IntegerField(default=1)),
            ],
        ),
        migrations.RunSQL(
            """INSERT INTO prompts_word (word, texts) SELECT word, ndoc FROM ts_stat('SELECT doc FROM prompts_prompt')
            WHERE length(word) <= 60 AND word ~ '^[^[:punct:][:space:]]+$';""",
            migrations.RunSQL.noop,
        ),
        AddIndexConcurrently(
            "word", models.Index(fields=["word"], name="prompt_word_begins", opclasses=["text_pattern_ops"])
        ),
        AddIndexConcurrently("word", GinIndex(fields=["word"], name="prompt_word_alike", opclasses=["gin_trgm_ops"])),
        migrations.RunSQL(
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS prompt_tag_newest ON prompts_prompt_tags (tag_id, prompt_id)",
            "DROP INDEX IF EXISTS prompt_tag_newest",
        ),
    ]
