"""What comes from other servers."""

import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models

from hub.tables import Tables


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('catalog', '0001_tables'),
        ('gallery', '0001_tables'),
        ('uploads', '0001_tables'),
    ]

    operations = [
        Tables(
            models=[
                migrations.CreateModel(
                    name='Import',
                    fields=[
                        ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                        ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='imports', to=settings.AUTH_USER_MODEL)),
                        ('parent', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='children', to='imports.import')),
                        ('link', models.CharField(help_text='As people may see it: without a token.', max_length=500)),
                        ('kind', models.CharField(help_text='civitai or huggingface: what its server speaks.', max_length=12)),
                        ('server', models.CharField(help_text='Its origin: https://civitai.com.', max_length=300)),
                        ('target', models.JSONField(help_text='What the link names: model, version, hash, repo, revision, path; or a shelf.')),
                        ('secret', models.TextField(blank=True, help_text='A token for its server, sealed for the fetching workers.')),
                        ('publish', models.BooleanField(default=False, help_text='Publish each version once a file of it is accepted.')),
                        ('pictures', models.BooleanField(default=True)),
                        ('local', models.BooleanField(default=False, help_text='Its files come from a folder; they are not fetched.')),
                        ('status', models.CharField(choices=[('waiting', 'waiting to be looked up'), ('fetching', 'Fetching'), ('done', 'Done'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='waiting', max_length=10)),
                        ('sentence', models.CharField(blank=True, help_text='Why it failed.', max_length=500)),
                        ('notes', models.JSONField(default=list, help_text='Sentences on what was left out.')),
                        ('attempt', models.IntegerField(default=0, help_text='The errand that counts; an answer to an earlier one does not.')),
                        ('tries', models.SmallIntegerField(default=0)),
                        ('sent_at', models.DateTimeField(help_text='When this attempt was given to a worker; empty: not yet.', null=True)),
                        ('again_at', models.DateTimeField(help_text='Not before this.', null=True)),
                        ('cursor', models.CharField(blank=True, help_text='Of a shelf: where the last page ended.', max_length=1000)),
                        ('model', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='imports', to='catalog.model')),
                        ('version', models.ForeignKey(help_text='Of a link to one.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='imports', to='catalog.version')),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('finished_at', models.DateTimeField(null=True)),
                    ],
                    options={
                        'ordering': ['-created_at'],
                        'indexes': [
                            models.Index(fields=['owner', '-created_at'], name='import_owner'),
                            models.Index(condition=models.Q(('status__in', ['waiting', 'fetching'])), fields=['created_at'], name='import_open'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='Origin',
                    fields=[
                        ('model', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='origin', serialize=False, to='catalog.model')),
                        ('server', models.CharField(max_length=300)),
                        ('remote', models.CharField(help_text="The source's own name of it: a number, owner/name.", max_length=200)),
                        ('link', models.CharField(max_length=500)),
                        ('creator', models.CharField(blank=True, help_text='A name, no account of this hub.', max_length=80)),
                        ('licence', models.CharField(blank=True, max_length=80)),
                        ('told', models.JSONField(default=dict)),
                        ('checked_at', models.DateTimeField(auto_now=True)),
                    ],
                    options={
                        'indexes': [
                            models.Index(fields=['server', 'remote'], name='origin_remote'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='VersionOrigin',
                    fields=[
                        ('version', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='origin', serialize=False, to='catalog.version')),
                        ('origin', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='versions', to='imports.origin')),
                        ('remote', models.CharField(max_length=200)),
                        ('link', models.CharField(max_length=500)),
                        ('published_at', models.DateTimeField(help_text='When its source published it.', null=True)),
                        ('told', models.JSONField(default=dict)),
                    ],
                    options={
                        'constraints': [
                            models.UniqueConstraint(fields=('origin', 'remote'), name='version_once_per_origin'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='Item',
                    fields=[
                        ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                        ('of', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='items', to='imports.import')),
                        ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='import_items', to='catalog.version')),
                        ('kind', models.CharField(choices=[('file', 'File'), ('picture', 'Picture')], max_length=8)),
                        ('remote', models.CharField(help_text="The source's name of it, or its SHA-256.", max_length=200)),
                        ('name', models.CharField(max_length=255)),
                        ('url', models.CharField(blank=True, max_length=4000)),
                        ('position', models.IntegerField(default=0)),
                        ('size', models.BigIntegerField(default=0, help_text='Bytes; 0 until its server told.')),
                        ('validator', models.CharField(blank=True, max_length=300)),
                        ('digests', models.JSONField(default=dict, help_text='Announced by its source: kind → hex.')),
                        ('told', models.JSONField(help_text='workers.messages.PictureRecipe, where the source tells it apart.', null=True)),
                        ('level', models.SmallIntegerField(default=1)),
                        ('state', models.CharField(choices=[('waiting', 'waiting'), ('measuring', 'asking for its size'), ('fetching', 'Fetching'), ('inspecting', 'being checked'), ('done', 'Done'), ('here', 'here already'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='waiting', max_length=10)),
                        ('sentence', models.CharField(blank=True, max_length=500)),
                        ('attempt', models.IntegerField(default=0, help_text='The errand that counts; an answer to an earlier one does not.')),
                        ('tries', models.SmallIntegerField(default=0, help_text='That failed, since something of it last arrived.')),
                        ('arrived', models.IntegerField(default=0, help_text='Parts in the store when it was last asked for.')),
                        ('sent_at', models.DateTimeField(null=True)),
                        ('again_at', models.DateTimeField(help_text='Not before this.', null=True)),
                        ('upload', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='import_items', to='uploads.upload')),
                        ('sent', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='import_items', to='gallery.sentpicture')),
                        ('picture', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='import_items', to='gallery.picture')),
                    ],
                    options={
                        'ordering': ['position'],
                        'indexes': [
                            models.Index(condition=models.Q(('state__in', ['waiting', 'measuring', 'fetching', 'inspecting'])), fields=['of', 'position'], name='item_open'),
                        ],
                        'constraints': [
                            models.UniqueConstraint(fields=('of', 'version', 'remote'), name='item_once_per_import'),
                        ],
                    },
                ),
            ],
        ),
    ]
