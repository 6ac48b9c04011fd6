"""Reports, cases, and the audit log: it can be added to at its end, and nothing else, nor by hand in the database."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from hub.tables import Tables


KEPT = """
-- As hubs that were set up step by step call it.
ALTER TABLE moderation_entry RENAME CONSTRAINT moderation_entry_previous_key TO moderation_entry_previous_b6c0ed1b_uniq;
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
LOOSE = """
DROP FUNCTION moderation_entry_refuse() CASCADE;
DROP FUNCTION moderation_entry_link() CASCADE;
"""


class Migration(migrations.Migration):

    replaces = [
        ('moderation', '0001_initial'),
        ('moderation', '0002_append_only'),
        ('moderation', '0003_cases'),
        ('moderation', '0004_chain'),
        ('moderation', '0005_links'),
    ]

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('catalog', '0001_tables'),
    ]

    operations = [
        Tables(
            models=[
                migrations.CreateModel(
                    name='Entry',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('at', models.DateTimeField()),
                        ('actor', models.ForeignKey(help_text='Empty: the hub.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('action', models.CharField(choices=[('released', 'released'), ('quarantined', 'quarantined'), ('judged-anew', 'judged anew'), ('recheck-started', 'began to inspect'), ('dismissed', 'found nothing against'), ('hidden', 'hid'), ('taken-down', 'took down'), ('restored', 'restored'), ('warned', 'warned the owner of'), ('rated', 'set the level of'), ('appealed', 'asked again about'), ('upheld', 'upheld the decision about'), ('blocked', 'put on the block list'), ('unblocked', 'took off the block list'), ('banned', 'closed the account of'), ('admitted', 'opened the account of'), ('role-set', 'changed the role of'), ('quota-set', 'changed the quota of')], max_length=20)),
                        ('subject', models.CharField(help_text='What it was done to, as it was called then.', max_length=300)),
                        ('owner', models.CharField(blank=True, help_text='Whose it was.', max_length=96)),
                        ('file_id', models.BigIntegerField(help_text='A number, not a reference: the file may go, the line stays.', null=True)),
                        ('upload_id', models.UUIDField(null=True)),
                        ('sha256', models.CharField(blank=True, max_length=64)),
                        ('before', models.CharField(blank=True, max_length=12)),
                        ('after', models.CharField(blank=True, max_length=12)),
                        ('reason', models.TextField(blank=True)),
                        ('about', models.CharField(blank=True, help_text='Its kind and number: model 12.', max_length=40)),
                        ('previous', models.CharField(default='', help_text='The digest of the line before.', max_length=64, unique=True)),
                        ('digest', models.CharField(default='', help_text='SHA-256 over this line and `previous`.', max_length=64)),
                    ],
                    options={
                        'ordering': ['-id'],
                        'indexes': [
                            models.Index(fields=['sha256'], name='entry_sha256'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='Case',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('kind', models.CharField(choices=[('model', 'model'), ('picture', 'picture'), ('comment', 'comment'), ('review', 'review'), ('prompt', 'prompt'), ('person', 'profile')], max_length=8)),
                        ('thing', models.BigIntegerField(help_text='Its number; it may go, the case stays.')),
                        ('title', models.CharField(help_text='As it was called when it was reported.', max_length=200)),
                        ('words', models.TextField(blank=True, help_text='What it said then.')),
                        ('owner', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='cases', to=settings.AUTH_USER_MODEL)),
                        ('sha256', models.CharField(blank=True, help_text='Of its bytes, where it is a file or a picture.', max_length=64)),
                        ('opened_at', models.DateTimeField(auto_now_add=True)),
                        ('claimed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('claimed_at', models.DateTimeField(null=True)),
                        ('decision', models.CharField(blank=True, choices=[('dismissed', 'nothing against it'), ('rated', 'level set'), ('hidden', 'hidden'), ('taken-down', 'taken down'), ('quarantined', 'in quarantine'), ('warned', 'owner warned')], max_length=12)),
                        ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('decided_at', models.DateTimeField(null=True)),
                        ('sentence', models.CharField(blank=True, help_text='Why; its owner reads it.', max_length=300)),
                        ('before', models.JSONField(default=dict, help_text='How it was, for an appeal that is granted.')),
                        ('appeal', models.TextField(blank=True, help_text='What its owner answers, once.')),
                        ('appealed_at', models.DateTimeField(null=True)),
                        ('upheld', models.BooleanField(help_text='Whether the decision stood.', null=True)),
                        ('upheld_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('upheld_at', models.DateTimeField(null=True)),
                        ('upheld_sentence', models.CharField(blank=True, max_length=300)),
                    ],
                    options={
                        'ordering': ['opened_at', 'id'],
                        'indexes': [
                            models.Index(condition=models.Q(('decided_at', None)), fields=['opened_at', 'id'], name='case_open'),
                            models.Index(condition=models.Q(('sha256', ''), _negated=True), fields=['sha256'], name='case_sha256'),
                        ],
                        'constraints': [
                            models.UniqueConstraint(condition=models.Q(('decided_at', None)), fields=('kind', 'thing'), name='one_open_case_of_a_thing'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='Report',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('case', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='reports', to='moderation.case')),
                        ('reason', models.CharField(choices=[('illegal', 'It is illegal'), ('minor', 'It sexualises somebody who is, or looks, under age'), ('person', 'It shows a real person who did not agree'), ('theft', 'It is mine, and was put here without my permission'), ('level', 'Its content level is too low'), ('harmful', 'The file attacks whoever opens it'), ('spam', 'It is advertising, or sent many times'), ('rude', 'It insults or threatens somebody'), ('other', 'Something else')], max_length=8)),
                        ('words', models.CharField(blank=True, max_length=2000)),
                        ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('who', models.CharField(help_text='A keyed digest of who sent it: limits count by it.', max_length=64)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                    ],
                    options={
                        'ordering': ['id'],
                        'indexes': [
                            models.Index(fields=['who', 'created_at'], name='report_who'),
                        ],
                        'constraints': [
                            models.UniqueConstraint(fields=('case', 'who'), name='one_report_each'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='Recheck',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('everything', models.BooleanField(default=False, help_text='Also what the present rules judged.')),
                        ('started_at', models.DateTimeField(auto_now_add=True)),
                        ('finished_at', models.DateTimeField(null=True)),
                        ('stopped', models.BooleanField(default=False)),
                    ],
                    options={
                        'ordering': ['-id'],
                        'constraints': [
                            models.UniqueConstraint(models.Value(1), condition=models.Q(('finished_at', None)), name='one_recheck_at_a_time'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='RecheckItem',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('recheck', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='items', to='moderation.recheck')),
                        ('blob', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='catalog.blob')),
                        ('state', models.CharField(choices=[('waiting', 'Waiting'), ('sent', 'Sent'), ('done', 'Done'), ('failed', 'Failed')], default='waiting', max_length=8)),
                        ('attempt', models.SmallIntegerField(default=1)),
                        ('sent_at', models.DateTimeField(null=True)),
                        ('sentence', models.CharField(blank=True, help_text='Why it failed.', max_length=300)),
                        ('changed', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, help_text='Files whose verdict changed.', size=None)),
                    ],
                    options={
                        'indexes': [
                            models.Index(fields=['recheck', 'state', 'id'], name='recheck_item_state'),
                        ],
                        'constraints': [
                            models.UniqueConstraint(fields=('recheck', 'blob'), name='blob_once_per_recheck'),
                        ],
                    },
                ),
            ],
        ),
        migrations.RunSQL(KEPT, LOOSE),
    ]
