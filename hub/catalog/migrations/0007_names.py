"""Files and models are looked up by what prompts and other programs call them."""

import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("catalog", "0006_repositories_begin")]

    operations = [
        migrations.AddIndex(
            model_name="file",
            index=models.Index(django.db.models.functions.text.Lower("name"), name="file_called"),
        ),
        migrations.AddIndex(
            model_name="model",
            index=models.Index(django.db.models.functions.text.Lower("name"), name="model_called"),
        ),
        migrations.AddIndex(
            model_name="model",
            index=models.Index(django.db.models.functions.text.Lower("slug"), name="model_slug_called"),
        ),
    ]
