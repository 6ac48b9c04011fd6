"""Addresses that want to be told, and what they were told."""

import django.contrib.postgres.fields
import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models

from hub.tables import Tables


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        Tables(
            models=[
                migrations.CreateModel(
                    name='Hook',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='hooks', to=settings.AUTH_USER_MODEL)),
                        ('url', models.CharField(max_length=500)),
                        ('secret', models.CharField(help_text='Encrypted: tellings are signed with it.', max_length=300)),
                        ('events', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('version.published', 'A version is published'), ('picture.added', 'A picture is added to the gallery'), ('report.filed', 'Something is reported (moderators only)')], max_length=40), size=None)),
                        ('everybody', models.BooleanField(default=False, help_text='Of everything its owner may see, not their own only.')),
                        ('enabled', models.BooleanField(default=True)),
                        ('problem', models.CharField(blank=True, help_text='Why the hub turned it off.', max_length=300)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                    ],
                    options={
                        'ordering': ['id'],
                    },
                ),
                migrations.CreateModel(
                    name='Event',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('kind', models.CharField(max_length=40)),
                        ('subject', models.BigIntegerField(help_text='Number of the version, picture or report.')),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                    ],
                ),
                migrations.CreateModel(
                    name='Delivery',
                    fields=[
                        ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                        ('hook', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='hooks.hook')),
                        ('kind', models.CharField(max_length=40)),
                        ('subject', models.BigIntegerField()),
                        ('happened_at', models.DateTimeField()),
                        ('status', models.CharField(choices=[('waiting', 'Waiting'), ('delivered', 'Delivered'), ('failed', 'Failed'), ('dropped', 'Dropped')], default='waiting', max_length=10)),
                        ('attempt', models.SmallIntegerField(default=0)),
                        ('due_at', models.DateTimeField(help_text='When it is tried next, while it waits.')),
                        ('tried_at', models.DateTimeField(null=True)),
                        ('answer', models.SmallIntegerField(help_text='The status of the last answer.', null=True)),
                        ('sentence', models.CharField(blank=True, help_text='Why it did not arrive.', max_length=300)),
                    ],
                    options={
                        'ordering': ['-happened_at'],
                        'indexes': [
                            models.Index(condition=models.Q(('status', 'waiting')), fields=['due_at'], name='delivery_due'),
                        ],
                        'constraints': [
                            models.UniqueConstraint(fields=('hook', 'kind', 'subject', 'happened_at'), name='told_once'),
                        ],
                    },
                ),
            ],
        ),
    ]
