"""From now on the database takes a line only at the end of the chain."""

from django.db import migrations, models

FORWARDS = """
CREATE FUNCTION moderation_entry_link() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.previous IS DISTINCT FROM
       coalesce((SELECT digest FROM moderation_entry ORDER BY id DESC LIMIT 1), repeat('0', 64)) THEN
        RAISE EXCEPTION 'The audit log is append-only: a line names the digest of the one before.'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER moderation_entry_chain BEFORE INSERT ON moderation_entry
    FOR EACH ROW EXECUTE FUNCTION moderation_entry_link();
"""
BACKWARDS = """
DROP TRIGGER moderation_entry_chain ON moderation_entry;
DROP FUNCTION moderation_entry_link();
"""


class Migration(migrations.Migration):
    dependencies = [("moderation", "0004_chain")]
    operations = [
        migrations.AlterField(
            model_name="entry",
            name="previous",
            field=models.CharField(
                default="", help_text="The digest of the line before.", max_length=64, unique=True
            ),
        ),
        migrations.RunSQL(FORWARDS, BACKWARDS),
    ]
