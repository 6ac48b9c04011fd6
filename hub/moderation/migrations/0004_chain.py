"""Lines that were written before the log was a chain take their places in it, this once."""

import hashlib
import json
from datetime import UTC

from django.db import migrations


def chain(apps, schema_editor):
    Entry = apps.get_model("moderation", "Entry")
    if not Entry.objects.exists():
        return
    schema_editor.execute("ALTER TABLE moderation_entry DISABLE TRIGGER moderation_entry_append_only")
    last = "0" * 64
    for entry in Entry.objects.order_by("id").iterator(2000):
        fields = [
            last, entry.at.astimezone(UTC).isoformat(timespec="microseconds"), entry.actor_id, entry.action,
            entry.subject, entry.owner, entry.file_id, str(entry.upload_id or ""), entry.sha256, entry.before,
            entry.after, entry.reason, entry.about,
        ]
        digest = hashlib.sha256(json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()
        Entry.objects.filter(pk=entry.pk).update(previous=last, digest=digest)
        last = digest
    schema_editor.execute("ALTER TABLE moderation_entry ENABLE TRIGGER moderation_entry_append_only")


class Migration(migrations.Migration):
    dependencies = [("moderation", "0003_cases")]
    operations = [migrations.RunPython(chain, migrations.RunPython.noop)]
