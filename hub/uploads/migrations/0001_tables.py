"""Files on their way in."""

import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models

from hub.tables import Tables


class Migration(migrations.Migration):

    replaces = [
        ('uploads', '0001_initial'),
        ('uploads', '0002_stored'),
        ('uploads', '0003_fingerprint'),
        ('uploads', '0004_promised'),
        ('uploads', '0005_header'),
        ('uploads', '0006_chunks'),
        ('uploads', '0007_layouts'),
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
                    name='Upload',
                    fields=[
                        ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                        ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='uploads', to=settings.AUTH_USER_MODEL)),
                        ('filename', models.CharField(max_length=255)),
                        ('size', models.BigIntegerField()),
                        ('part_size', models.IntegerField()),
                        ('key', models.CharField(help_text='In the incoming part of the bucket.', max_length=200, unique=True)),
                        ('s3_upload_id', models.CharField(blank=True, max_length=512)),
                        ('status', models.CharField(choices=[('waiting', 'waiting for parts'), ('inspecting', 'Inspecting'), ('accepted', 'Accepted'), ('refused', 'Refused'), ('unknown', 'Unknown'), ('aborted', 'Aborted')], default='waiting', max_length=12)),
                        ('attempt', models.SmallIntegerField(default=1)),
                        ('sent_at', models.DateTimeField(help_text='When this attempt was given to the inspectors; empty: it waits.', null=True)),
                        ('stored', models.BooleanField(default=False, help_text='Its assembled object lies in the incoming part of the bucket.')),
                        ('report', models.JSONField(help_text='workers.messages.Inspected', null=True)),
                        ('findings', models.JSONField(default=list)),
                        ('fields', models.JSONField(default=dict, help_text='model id or name, version, type, base, trigger words, publish.')),
                        ('header_asked', models.BooleanField(default=False, help_text='Its first bytes were given to the inspectors.')),
                        ('header', models.JSONField(help_text='workers.messages.HeaderRead: what its first bytes told.', null=True)),
                        ('fingerprint', models.CharField(blank=True, help_text='SHA-256 of its first and last 64 KiB, hex: the browser knows the file again.', max_length=64)),
                        ('sha256', models.CharField(blank=True, db_index=True, help_text='What its sender promised, hex; inspection computes its own', max_length=64)),
                        ('version', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='uploads', to='catalog.version')),
                        ('file', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='uploads', to='catalog.file')),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('touched_at', models.DateTimeField(auto_now=True)),
                        ('finished_at', models.DateTimeField(null=True)),
                    ],
                    options={
                        'ordering': ['-created_at'],
                        'indexes': [
                            models.Index(fields=['owner', '-created_at'], name='upload_owner'),
                            models.Index(condition=models.Q(('status__in', ['waiting', 'inspecting'])), fields=['touched_at'], name='upload_open'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='Xorb',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='xorbs', to=settings.AUTH_USER_MODEL)),
                        ('hash', models.CharField(help_text='As its sender names it; SHA-256 checks what is made of it.', max_length=64)),
                        ('size', models.IntegerField()),
                        ('stored', models.BooleanField(default=False, help_text='Its bytes have arrived in the object store.')),
                        ('used_at', models.DateTimeField(auto_now_add=True)),
                    ],
                    options={
                        'indexes': [
                            models.Index(fields=['used_at'], name='xorb_used'),
                        ],
                        'constraints': [
                            models.UniqueConstraint(fields=('owner', 'hash'), name='xorb_once_per_owner'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='ChunkedFile',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='chunked_files', to=settings.AUTH_USER_MODEL)),
                        ('sha256', models.CharField(max_length=64)),
                        ('size', models.BigIntegerField()),
                        ('terms', models.JSONField(help_text='[[xorb, first chunk, chunk behind the last, bytes]] in order.')),
                        ('used_at', models.DateTimeField(auto_now_add=True)),
                    ],
                    options={
                        'indexes': [
                            models.Index(fields=['used_at'], name='chunked_used'),
                        ],
                        'constraints': [
                            models.UniqueConstraint(fields=('owner', 'sha256'), name='chunked_once_per_owner'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='Layout',
                    fields=[
                        ('file', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='layout', serialize=False, to='catalog.file')),
                        ('state', models.CharField(default='asked', help_text='asked, made or failed.', max_length=8)),
                        ('attempt', models.SmallIntegerField(default=1)),
                        ('sent_at', models.DateTimeField(auto_now_add=True)),
                        ('problem', models.CharField(blank=True, max_length=300)),
                    ],
                    options={
                        'indexes': [
                            models.Index(condition=models.Q(('state', 'asked')), fields=['sent_at'], name='layout_asked'),
                        ],
                    },
                ),
            ],
        ),
    ]
