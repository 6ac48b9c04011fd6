"""People who leave, and what they take with them."""

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
                    name='Export',
                    fields=[
                        ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                        ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='exports', to=settings.AUTH_USER_MODEL)),
                        ('status', models.CharField(choices=[('waiting', 'Waiting'), ('ready', 'Ready'), ('failed', 'Failed'), ('gone', 'Gone')], default='waiting', max_length=8)),
                        ('attempt', models.SmallIntegerField(default=0)),
                        ('size', models.BigIntegerField(default=0)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('finished_at', models.DateTimeField(null=True)),
                    ],
                    options={
                        'ordering': ['-created_at'],
                        'indexes': [
                            models.Index(fields=['owner', '-created_at'], name='export_of'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='Departure',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='departure', to=settings.AUTH_USER_MODEL)),
                        ('keep_models', models.BooleanField(help_text='What is published stays, without the name.')),
                        ('keep_words', models.BooleanField(help_text='Comments stay, without the name.')),
                        ('asked_at', models.DateTimeField(auto_now_add=True)),
                        ('done_at', models.DateTimeField(null=True)),
                    ],
                    options={
                        'indexes': [
                            models.Index(condition=models.Q(('done_at', None)), fields=['id'], name='departure_open'),
                        ],
                    },
                ),
            ],
        ),
    ]
