from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("uploads", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="upload",
            name="stored",
            field=models.BooleanField(
                default=False, help_text="Its assembled object lies in the incoming part of the bucket."
            ),
        ),
        migrations.AlterField(
            model_name="upload",
            name="sent_at",
            field=models.DateTimeField(
                help_text="When this attempt was given to the inspectors; empty: it waits.", null=True
            ),
        ),
    ]
