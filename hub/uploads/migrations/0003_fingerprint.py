from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("uploads", "0002_stored"),
    ]

    operations = [
        migrations.AddField(
            model_name="upload",
            name="fingerprint",
            field=models.CharField(
                blank=True,
                help_text="SHA-256 of its first and last 64 KiB, hex: the browser knows the file again.",
                max_length=64,
            ),
        ),
    ]
