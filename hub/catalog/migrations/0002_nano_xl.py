"""The second of the hub's own bases: nano in SDXL's topology."""

from django.db import migrations


def add(apps, schema_editor):
    Base = apps.get_model("catalog", "Base")
    Base.objects.get_or_create(
        name="nano XL", defaults={"family": "sdxl", "ecosystem": "sdxl", "licence": "Apache-2.0"}
    )


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_tables")]

    # Files may be listed under it: whoever goes back keeps the row.
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
