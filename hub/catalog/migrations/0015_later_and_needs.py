"""A version may become public by itself, at a moment of its owner's choice, and names what it is used with."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0014_cell_slice")]
    operations = [
        migrations.AddField(
            "version",
            "publish_at",
            models.DateTimeField(blank=True, null=True, help_text="A draft becomes public then, by itself."),
        ),
        migrations.AddField(
            "version",
            "needs",
            models.ManyToManyField(blank=True, help_text="A VAE, a ControlNet.", to="catalog.version"),
        ),
        migrations.AddIndex(
            "version",
            models.Index(
                fields=["publish_at"], condition=models.Q(("publish_at__isnull", False)), name="version_due"
            ),
        ),
    ]
