"""Prompts that people keep, and the vocabulary that search knows."""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from hub.tables import Tables


class Migration(migrations.Migration):

    replaces = [
        ('prompts', '0001_initial'),
        ('prompts', '0002_locked'),
        ('prompts', '0003_words'),
        ('prompts', '0004_most_run'),
    ]

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('catalog', '0001_tables'),
        ('gallery', '0001_tables'),
    ]

    operations = [
        Tables(
            models=[
                migrations.CreateModel(
                    name='Prompt',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='prompts', to=settings.AUTH_USER_MODEL)),
                        ('title', models.CharField(max_length=120)),
                        ('recipe', models.JSONField(help_text='workers.messages.Recipe: text, negative, parameters, stack; base empty: whichever is at hand.')),
                        ('licence', models.CharField(choices=[('cc0', 'CC0: anybody may use it for anything'), ('cc-by', 'CC BY: anybody may use it who names its author'), ('cc-by-nc', 'CC BY-NC: not for money, and its author is named'), ('private-use', 'For your own pictures; do not publish the text elsewhere')], default='cc0', max_length=12)),
                        ('private', models.BooleanField(default=False, help_text='Only its owner sees it.')),
                        ('locked', models.BooleanField(default=False, help_text='A moderator hid it: it stays private.')),
                        ('made_from', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='forks', to='prompts.prompt')),
                        ('template', models.BooleanField(default=False, help_text='Has {choices} or __wildcards__.')),
                        ('stacked', models.BooleanField(default=False, help_text='Uses an adapter.')),
                        ('family', models.CharField(blank=True, help_text='Base family of the recipe; empty: any.', max_length=20)),
                        ('digest', models.CharField(help_text='SHA-256 of text and negative, folded: finds what is here.', max_length=64)),
                        ('doc', django.contrib.postgres.search.SearchVectorField(null=True)),
                        ('runs', models.IntegerField(default=0)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('updated_at', models.DateTimeField(auto_now=True)),
                        ('tags', models.ManyToManyField(blank=True, related_name='prompts', to='catalog.tag')),
                    ],
                    options={
                        'indexes': [
                            django.contrib.postgres.indexes.GinIndex(fields=['doc'], name='prompt_doc'),
                            models.Index(fields=['digest'], name='prompt_digest'),
                            models.Index(fields=['runs', 'id'], name='prompt_most_run'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='Word',
                    fields=[
                        ('word', models.TextField(primary_key=True, serialize=False)),
                        ('texts', models.IntegerField(default=1)),
                    ],
                    options={
                        'indexes': [
                            models.Index(fields=['word'], name='prompt_word_begins', opclasses=['text_pattern_ops']),
                            django.contrib.postgres.indexes.GinIndex(fields=['word'], name='prompt_word_alike', opclasses=['gin_trgm_ops']),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='Wording',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('prompt', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='wordings', to='prompts.prompt')),
                        ('number', models.IntegerField()),
                        ('recipe', models.JSONField()),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                    ],
                    options={
                        'ordering': ['-number'],
                        'constraints': [
                            models.UniqueConstraint(fields=('prompt', 'number'), name='wording_number_once'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='Example',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('prompt', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='examples', to='prompts.prompt')),
                        ('picture', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='gallery.picture')),
                    ],
                    options={
                        'ordering': ['id'],
                        'constraints': [
                            models.UniqueConstraint(fields=('prompt', 'picture'), name='example_once'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='Wildcard',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='wildcards', to=settings.AUTH_USER_MODEL)),
                        ('name', models.CharField(max_length=60)),
                        ('values', models.JSONField(help_text='A list of texts.')),
                        ('updated_at', models.DateTimeField(auto_now=True)),
                    ],
                    options={
                        'ordering': ['name'],
                        'constraints': [
                            models.UniqueConstraint(fields=('owner', 'name'), name='wildcard_name_once'),
                        ],
                    },
                ),
            ],
        ),
        migrations.RunSQL(  # a tag's newest by one index
            "CREATE INDEX prompt_tag_newest ON prompts_prompt_tags (tag_id, prompt_id)",
            "DROP INDEX prompt_tag_newest",
        ),
    ]
