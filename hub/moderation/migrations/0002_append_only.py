"""The audit log can be added to, and nothing else: not through this program, nor by hand in the database."""

from django.db import migrations

FORWARDS = """
CREATE FUNCTION moderation_entry_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- An empty log may be truncated, so that a test's tables can be.
    IF TG_OP = 'TRUNCATE' AND NOT EXISTS (SELECT 1 FROM moderation_entry) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'The audit log is append-only: no % of its entries.', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER moderation_entry_append_only BEFORE UPDATE OR DELETE ON moderation_entry
    FOR EACH ROW EXECUTE FUNCTION moderation_entry_refuse();
CREATE TRIGGER moderation_entry_keep BEFORE TRUNCATE ON moderation_entry
    FOR EACH STATEMENT EXECUTE FUNCTION moderation_entry_refuse();
"""
BACKWARDS = """
DROP TRIGGER moderation_entry_append_only ON moderation_entry;
DROP TRIGGER moderation_entry_keep ON moderation_entry;
DROP FUNCTION moderation_entry_refuse();
"""


class Migration(migrations.Migration):
    dependencies = [("moderation", "0001_initial")]
    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
