"""Search in tiers over a vocabulary, and counts that are made before they are asked for."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("catalog", "0012_listing_terms")]
    operations = [
        migrations.AddField(
            "text",
            "tier",
            models.SmallIntegerField(
                default=3,
                db_default=3,
                help_text="1: the most downloaded hundredth, 2: tenth, 3: the rest; search goes down.",
            ),
        ),
        AddIndexConcurrently("text", GinIndex(fields=["doc"], condition=models.Q(tier__lte=1), name="text_doc_1")),
        AddIndexConcurrently("text", GinIndex(fields=["doc"], condition=models.Q(tier__lte=2), name="text_doc_2")),
        migrations.CreateModel(
            name="Word",
            fields=[
                ("word", models.TextField(primary_key=True, serialize=False)),
                ("texts", models.IntegerField(default=1)),
            ],
        ),
        migrations.RunSQL(
            """ALTER TABLE catalog_text ALTER COLUMN doc SET STATISTICS 1000;
            INSERT INTO catalog_word (word, texts) SELECT word, ndoc FROM ts_stat('SELECT doc FROM catalog_text')
            WHERE length(word) <= 60 AND word ~ '^[^[:punct:][:space:]]+$';""",
            migrations.RunSQL.noop,
        ),
        AddIndexConcurrently(
            "word", models.Index(fields=["word"], name="word_begins", opclasses=["text_pattern_ops"])
        ),
        AddIndexConcurrently("word", GinIndex(fields=["word"], name="word_alike", opclasses=["gin_trgm_ops"])),
        migrations.CreateModel(
            name="TermCount",
            fields=[
                ("term", models.IntegerField(primary_key=True, serialize=False)),
                ("n", models.IntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="Cell",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("term", models.IntegerField(db_index=True)),
                ("type", models.CharField(max_length=24)),
                ("base_id", models.SmallIntegerField()),
                ("level", models.SmallIntegerField()),
                ("lead", models.BooleanField()),
                ("can_generate", models.BooleanField()),
                ("n", models.IntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="Top",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("type", models.CharField(blank=True, help_text="Empty: any.", max_length=24)),
                ("base_id", models.SmallIntegerField(default=0, help_text="0: any.")),
                ("can_generate", models.BooleanField(help_text="Only those that can be tried here.")),
                ("levels", models.SmallIntegerField(help_text="Mask of the content levels that a visitor sees.")),
                ("term", models.IntegerField()),
                ("n", models.IntegerField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["type", "base_id", "can_generate", "levels"], name="top_scope")
                ]
            },
        ),
    ]
