"""Listings say what they have as terms; rows are rewritten in pieces, and the index is built beside the running hub."""

import zlib

import django.contrib.postgres.fields
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Max

PIECE = 10_000
USES = ("Image", "RentCivit", "Rent", "Sell")


def named(kind, word):
    return kind << 24 | zlib.crc32(word.encode()) & 0xFFFFFF


def cases(column, kind, words):
    if not words:
        return "NULL::int"
    whens = " ".join("WHEN '%s' THEN %d" % (word.replace("'", "''"), named(kind, word)) for word in words)
    return f"CASE {column} {whens} END"


def fill(apps, schema_editor):
    Listing, File = apps.get_model("catalog", "Listing"), apps.get_model("catalog", "File")
    last = Listing.objects.aggregate(last=Max("model_id"))["last"] or 0
    if not last:
        return
    types = cases("l.type", 1, Listing.objects.order_by().values_list("type", flat=True).distinct())
    formats = cases("f.format", 4, File.objects.order_by().values_list("format", flat=True).distinct())
    uses = " || ".join(
        f"CASE WHEN '{use}' = ANY(m.allow_commercial_use) THEN ARRAY[{6 << 24 | number}] ELSE '{{}}' END"
        for number, use in enumerate(USES, start=2)
    )
    mask = " + ".join(
        f"CASE WHEN '{use}' = ANY(m.allow_commercial_use) THEN {1 << bit} ELSE 0 END" for bit, use in enumerate(USES)
    )
    flags = {7: "m.allow_no_credit", 6: "m.allow_derivatives", 8: "m.allow_different_licence", 1: "l.can_generate"}
    may = " || ".join(
        f"CASE WHEN {column} THEN ARRAY[{6 << 24 | number}] ELSE '{{}}' END" for number, column in flags.items()
    )
    sql = f"""UPDATE catalog_listing l SET no_credit = m.allow_no_credit, derivatives = m.allow_derivatives,
        relicense = m.allow_different_licence, uses = {mask}, terms = ARRAY[{types}, {2 << 24} | l.base_id]
        || ARRAY(SELECT {3 << 24} | t FROM unnest(l.tags) t)
        || ARRAY(SELECT DISTINCT {formats} FROM catalog_file f WHERE f.version_id = l.version_id AND f.verdict = 'accepted')
        || {uses} || {may}
        FROM catalog_model m WHERE m.id = l.model_id AND l.model_id > %s AND l.model_id <= %s"""
    with schema_editor.connection.cursor() as cursor:
        for start in range(0, last + 1, PIECE):
            cursor.execute(sql, [start, start + PIECE])


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("catalog", "0011_care")]
    operations = [
        migrations.AddField("listing", "no_credit", models.BooleanField(default=True)),
        migrations.AddField("listing", "derivatives", models.BooleanField(default=True)),
        migrations.AddField("listing", "relicense", models.BooleanField(default=True)),
        migrations.AddField(
            "listing",
            "uses",
            models.SmallIntegerField(default=0, help_text="Mask of the commercial uses allowed, `terms.USES`."),
        ),
        migrations.AddField(
            "listing",
            "terms",
            django.contrib.postgres.fields.ArrayField(
                base_field=models.IntegerField(),
                default=list,
                size=None,
                help_text="What it has, as `hub.catalog.terms`.",
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        AddIndexConcurrently("listing", GinIndex(fields=["terms"], name="listing_terms")),
        migrations.RemoveIndex("listing", "listing_tags"),
        migrations.RemoveField("listing", "tags"),
        # The planner's choice stands on how frequent single terms are; room in pages for counts that change.
        migrations.RunSQL(
            """ALTER TABLE catalog_listing ALTER COLUMN terms SET STATISTICS 2000;
            ALTER TABLE catalog_listing SET (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02);
            ALTER TABLE catalog_modelstat SET (fillfactor = 70);""",
            migrations.RunSQL.noop,
        ),
    ]
