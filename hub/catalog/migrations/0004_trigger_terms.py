"""Trigger words among the terms of what is listed already. A sentence of `hub.catalog.terms.triggered` as it was."""

import zlib

from django.db import migrations

from hub.catalog.words import trigger_key

BATCH, MOST, FIRST = 2000, 50, 1 << 30


def add(apps, schema_editor):
    Listing, Version = (apps.get_model("catalog", name) for name in ("Listing", "Version"))
    last = 0
    while True:
        ids = Listing.objects.filter(model_id__gt=last, lead=True).order_by("model_id")
        models = list(ids.values_list("model_id", flat=True)[:BATCH])
        if not models:
            return
        last = models[-1]
        published = Version.objects.filter(model_id__in=models, status="published").exclude(trigger_words=[])
        keys: dict[int, dict[str, None]] = {}
        newest = published.order_by("-published_at", "-id")
        for model, words in newest.values_list("model_id", "trigger_words"):
            keys.setdefault(model, {}).update(dict.fromkeys(map(trigger_key, words)))
        rows = list(Listing.objects.filter(model_id__in=list(keys)))
        for row in rows:
            mine = list(keys[row.model_id])[:MOST]
            stored = {term for term in row.terms if term < FIRST}
            row.terms = sorted(stored | {FIRST | zlib.crc32(key.encode()) & (FIRST - 1) for key in mine})
        with schema_editor.connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE catalog_listing SET terms = %s WHERE model_id = %s AND base_id = %s",
                [(row.terms, row.model_id, row.base_id) for row in rows],
            )


class Migration(migrations.Migration):
    dependencies = [("catalog", "0003_former_names")]

    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
