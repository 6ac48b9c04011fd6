"""Pictures, and the hub's own boards: what every strip is drawn on. Fixed prompts, seeds and settings, so that models compare."""

import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models

from hub.tables import Tables


GENERAL = [
    ("a lighthouse on a cliff, red evening sky", 1234),
    ("portrait of an old fisherman, window light", 2345),
    ("a bowl of pears on a wooden table", 3456),
    ("a quiet street after rain, a cyclist", 4567),
]
# nano knows icons by name on a plain ground. The first is every cover: its adapters draw a sunflower best.
ICONS = [
    ("sunflower, green background", 3456),
    ("cat, blue background", 1234),
    ("rocket, white background", 2345),
    ("house, yellow background", 4567),
]
BOARDS = {
    # family: prompts, side in pixels, CFG, negative
    "sd1": (GENERAL, 512, 7.0, "blurry, text"),
    "sd2": (GENERAL, 512, 7.0, "blurry, text"),
    "sdxl": (GENERAL, 1024, 6.0, "blurry, text"),
    "nano": (ICONS, 128, 4.0, ""),
}


def fill(apps, schema_editor):
    BoardPrompt = apps.get_model("gallery", "BoardPrompt")
    BoardPrompt.objects.bulk_create(
        BoardPrompt(
            family=family,
            position=position,
            prompt=prompt,
            negative=negative,
            seed=seed,
            width=side,
            height=side,
            cfg=cfg,
        )
        for family, (prompts, side, cfg, negative) in BOARDS.items()
        for position, (prompt, seed) in enumerate(prompts)
    )


class Migration(migrations.Migration):

    replaces = [('gallery', '0001_initial')]

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('catalog', '0001_tables'),
    ]

    operations = [
        Tables(
            models=[
                migrations.CreateModel(
                    name='Picture',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('owner', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='pictures', to=settings.AUTH_USER_MODEL)),
                        ('sha256', models.CharField(max_length=64)),
                        ('width', models.IntegerField()),
                        ('height', models.IntegerField()),
                        ('recipe', models.JSONField(help_text='workers.messages.Recipe; every file by SHA-256.')),
                        ('recipe_digest', models.CharField(blank=True, help_text='hub.gallery.recipes.digest: equal, equal bytes.', max_length=64)),
                        ('told', models.JSONField(help_text='workers.messages.PictureRecipe: what a sent picture said of itself; null: drawn here.', null=True)),
                        ('blurhash', models.CharField(blank=True, max_length=40)),
                        ('seconds', models.FloatField(default=0)),
                        ('level', models.SmallIntegerField(default=1)),
                        ('rated_by', models.CharField(blank=True, help_text="Whose word the level is: owner, moderator; empty: the score's.", max_length=10)),
                        ('score', models.FloatField(help_text='How much it looks like pornography to a classifier, 0 to 1.', null=True)),
                        ('held', models.BooleanField(default=False, help_text='A moderator hid it: only its owner sees it.')),
                        ('visible', models.BooleanField(default=False, help_text='In the gallery: kept by its owner, or a preview.')),
                        ('likes', models.IntegerField(default=0)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                    ],
                    options={
                        'indexes': [
                            models.Index(condition=models.Q(('visible', True)), fields=['id'], include=('level',), name='picture_newest'),
                            models.Index(condition=models.Q(('visible', True)), fields=['likes', 'id'], name='picture_liked'),
                            models.Index(fields=['owner', 'id'], name='picture_owner'),
                            models.Index(fields=['sha256'], name='picture_sha256'),
                            models.Index(condition=models.Q(('visible', True)), fields=['recipe_digest'], name='picture_recipe'),
                            models.Index(condition=models.Q(('blurhash', ''), ('visible', True)), fields=['id'], name='picture_blurless'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='SentPicture',
                    fields=[
                        ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                        ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sent_pictures', to=settings.AUTH_USER_MODEL)),
                        ('version', models.ForeignKey(help_text='Whose gallery it is for; null: only read.', null=True, on_delete=django.db.models.deletion.CASCADE, to='catalog.version')),
                        ('material', models.BooleanField(default=False, help_text='It is to be drawn by: a hint, a mask, a picture to start from.')),
                        ('sha256', models.CharField(blank=True, help_text='Of the PNG made of it, where it was kept.', max_length=64)),
                        ('name', models.CharField(max_length=255)),
                        ('size', models.IntegerField()),
                        ('multipart', models.CharField(help_text="The store's name of its parts.", max_length=512)),
                        ('status', models.CharField(choices=[('waiting', 'Waiting'), ('reading', 'Reading'), ('accepted', 'Accepted'), ('refused', 'Refused')], default='waiting', max_length=10)),
                        ('attempt', models.SmallIntegerField(default=0)),
                        ('sentence', models.CharField(blank=True, help_text='Why it was not taken.', max_length=500)),
                        ('findings', models.JSONField(default=list)),
                        ('told', models.JSONField(help_text='workers.messages.PictureRecipe', null=True)),
                        ('picture', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, to='gallery.picture')),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('asked_at', models.DateTimeField(null=True)),
                    ],
                    options={
                        'indexes': [
                            models.Index(fields=['owner', 'created_at'], name='sent_by'),
                            models.Index(condition=models.Q(('status', 'reading')), fields=['asked_at'], name='sent_reading'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='PictureUse',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('picture', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='uses', to='gallery.picture')),
                        ('version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='picture_uses', to='catalog.version')),
                        ('weight', models.FloatField(help_text='Null for the base.', null=True)),
                    ],
                    options={
                        'constraints': [
                            models.UniqueConstraint(fields=('version', 'picture'), name='version_once_per_picture'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='BoardPrompt',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('family', models.CharField(help_text='A base family (sd1, sdxl), or a variant with its own board (nano).', max_length=20)),
                        ('position', models.SmallIntegerField()),
                        ('prompt', models.CharField(max_length=500)),
                        ('negative', models.CharField(blank=True, max_length=500)),
                        ('seed', models.BigIntegerField()),
                        ('width', models.IntegerField(default=512)),
                        ('height', models.IntegerField(default=512)),
                        ('steps', models.SmallIntegerField(default=20)),
                        ('cfg', models.FloatField(default=7.0)),
                        ('sampler', models.CharField(default='DPM++ 2M Karras', max_length=40)),
                        ('active', models.BooleanField(default=True)),
                    ],
                    options={
                        'ordering': ['family', 'position'],
                        'constraints': [
                            models.UniqueConstraint(fields=('family', 'position'), name='board_position_once'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='Strip',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='strips', to='catalog.version')),
                        ('base_version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='strips_as_base', to='catalog.version')),
                        ('owner', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL)),
                        ('board', models.BooleanField(default=True, help_text="False: prompts and weights of a caller's choice.")),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                    ],
                    options={
                        'constraints': [
                            models.UniqueConstraint(condition=models.Q(('board', True)), fields=('version', 'base_version'), name='one_board_strip'),
                        ],
                    },
                ),
            ],
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
