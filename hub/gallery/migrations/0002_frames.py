"""Frames of strips: they know the generation that draws them, and generations know pictures."""

import django.db.models.deletion
from django.db import migrations, models

from hub.tables import Tables


class Migration(migrations.Migration):

    replaces = [
        ('gallery', '0002_initial'),
        ('gallery', '0003_recipe_digest'),
        ('gallery', '0004_boards'),
        ('gallery', '0005_sent_pictures'),
        ('gallery', '0006_care'),
        ('gallery', '0007_material'),
        ('gallery', '0008_fewer_indexes'),
        ('gallery', '0009_blurless'),
    ]

    initial = True

    dependencies = [
        ('gallery', '0001_tables'),
        ('tryit', '0001_tables'),
    ]

    operations = [
        Tables(
            models=[
                migrations.CreateModel(
                    name='Frame',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('strip', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='frames', to='gallery.strip')),
                        ('prompt', models.CharField(max_length=700)),
                        ('position', models.SmallIntegerField(help_text='Of the prompt on the board.')),
                        ('weight', models.FloatField()),
                        ('picture', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='frames', to='gallery.picture')),
                        ('generation', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='frames', to='tryit.generation')),
                    ],
                    options={
                        'ordering': ['position', 'weight'],
                        'constraints': [
                            models.UniqueConstraint(fields=('strip', 'position', 'weight'), name='frame_once'),
                        ],
                    },
                ),
            ],
        ),
    ]
