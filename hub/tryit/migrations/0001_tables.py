"""What was asked of the workers, and what became of it."""

import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models

from hub.tables import Tables


class Migration(migrations.Migration):

    replaces = [('tryit', '0001_initial'), ('tryit', '0002_priority'), ('tryit', '0003_plot')]

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('gallery', '0001_tables'),
    ]

    operations = [
        Tables(
            models=[
                migrations.CreateModel(
                    name='Generation',
                    fields=[
                        ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                        ('owner', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='generations', to=settings.AUTH_USER_MODEL)),
                        ('purpose', models.CharField(choices=[('tryit', 'Tryit'), ('preview', 'Preview')], max_length=8)),
                        ('recipe', models.JSONField(help_text='workers.messages.Recipe')),
                        ('recipe_digest', models.CharField(blank=True, help_text='hub.gallery.recipes.digest', max_length=64)),
                        ('priority', models.SmallIntegerField(default=0, help_text='Of the queue: lower is drawn first.')),
                        ('count', models.SmallIntegerField(default=1)),
                        ('plot', models.JSONField(blank=True, default=list, help_text='workers.messages.Axis, one to three; or none.')),
                        ('sheet', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='gallery.picture')),
                        ('status', models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='queued', max_length=10)),
                        ('attempt', models.SmallIntegerField(default=1, help_text='Answers of earlier attempts change nothing.')),
                        ('error_code', models.CharField(blank=True, max_length=40)),
                        ('error', models.TextField(blank=True)),
                        ('seconds', models.FloatField(null=True)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('sent_at', models.DateTimeField(auto_now_add=True, help_text='When this attempt was given to the workers.')),
                        ('started_at', models.DateTimeField(null=True)),
                        ('finished_at', models.DateTimeField(null=True)),
                        ('pictures', models.ManyToManyField(blank=True, related_name='generations', to='gallery.picture')),
                    ],
                    options={
                        'ordering': ['-created_at'],
                        'indexes': [
                            models.Index(fields=['owner', '-created_at'], name='generation_owner'),
                            models.Index(condition=models.Q(('status__in', ['queued', 'running'])), fields=['priority', 'sent_at'], name='generation_open'),
                            models.Index(condition=models.Q(('status', 'done')), fields=['-finished_at'], name='generation_done'),
                        ],
                    },
                ),
            ],
        ),
    ]
