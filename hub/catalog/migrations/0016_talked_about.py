"""Lists may be ordered by comments and by the collections that hold a model."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0015_later_and_needs")]
    operations = [
        migrations.AddField("listing", "comments", models.IntegerField(db_default=0, default=0)),
        migrations.AddField("listing", "collected", models.IntegerField(db_default=0, default=0)),
        migrations.AddField(
            "modelstat",
            "comments",
            models.IntegerField(db_default=0, default=0, help_text="Those that anybody may read."),
        ),
        migrations.AddField(
            "modelstat",
            "collected",
            models.IntegerField(db_default=0, default=0, help_text="Public collections that hold it."),
        ),
        migrations.AddIndex("listing", models.Index(fields=["comments", "model"], name="listing_comments")),
        migrations.AddIndex("listing", models.Index(fields=["collected", "model"], name="listing_collected")),
    ]
