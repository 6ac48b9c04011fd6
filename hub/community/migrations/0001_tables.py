"""Likes, comments, reviews, collections, follows and what people are told of them."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from hub.tables import Tables


class Migration(migrations.Migration):

    replaces = [('community', '0001_initial'), ('community', '0002_mail')]

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
                    name='Like',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('model', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='catalog.model')),
                        ('picture', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='gallery.picture')),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='likes', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'constraints': [
                            models.CheckConstraint(condition=models.Q(models.Q(('model__isnull', False), ('picture__isnull', True)), models.Q(('model__isnull', True), ('picture__isnull', False)), _connector='OR'), name='like_of_one_thing'),
                            models.UniqueConstraint(fields=('user', 'model'), name='like_a_model_once'),
                            models.UniqueConstraint(fields=('user', 'picture'), name='like_a_picture_once'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='Follow',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('follower', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='follows', to=settings.AUTH_USER_MODEL)),
                        ('followed', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='followers', to=settings.AUTH_USER_MODEL)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                    ],
                    options={
                        'constraints': [
                            models.UniqueConstraint(fields=('follower', 'followed'), name='follow_once'),
                            models.CheckConstraint(condition=models.Q(('follower', models.F('followed')), _negated=True), name='nobody_follows_themselves'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='Comment',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('model', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='catalog.model')),
                        ('picture', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='gallery.picture')),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('author', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='comments', to=settings.AUTH_USER_MODEL)),
                        ('parent', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='answers', to='community.comment')),
                        ('text', models.TextField(help_text='Markdown; cleaned when shown.')),
                        ('removed_at', models.DateTimeField(null=True)),
                        ('removed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['id'],
                        'constraints': [
                            models.CheckConstraint(condition=models.Q(models.Q(('model__isnull', False), ('picture__isnull', True)), models.Q(('model__isnull', True), ('picture__isnull', False)), _connector='OR'), name='comment_on_one_thing'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='Review',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('model', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='reviews', to='catalog.model')),
                        ('author', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='reviews', to=settings.AUTH_USER_MODEL)),
                        ('recommends', models.BooleanField()),
                        ('text', models.TextField(help_text='Markdown; cleaned when shown.')),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('updated_at', models.DateTimeField(auto_now=True)),
                    ],
                    options={
                        'ordering': ['-id'],
                        'constraints': [
                            models.UniqueConstraint(fields=('model', 'author'), name='one_review_each'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='Collection',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='collections', to=settings.AUTH_USER_MODEL)),
                        ('name', models.CharField(max_length=80)),
                        ('description', models.CharField(blank=True, max_length=500)),
                        ('private', models.BooleanField(default=False, help_text='Only its owner sees it.')),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('updated_at', models.DateTimeField(auto_now=True)),
                    ],
                    options={
                        'ordering': ['-updated_at', '-id'],
                        'constraints': [
                            models.UniqueConstraint(fields=('owner', 'name'), name='collection_name_once'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='CollectionItem',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('model', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='catalog.model')),
                        ('picture', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='gallery.picture')),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('collection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='items', to='community.collection')),
                        ('position', models.IntegerField()),
                    ],
                    options={
                        'ordering': ['position', 'id'],
                        'constraints': [
                            models.CheckConstraint(condition=models.Q(models.Q(('model__isnull', False), ('picture__isnull', True)), models.Q(('model__isnull', True), ('picture__isnull', False)), _connector='OR'), name='item_is_one_thing'),
                            models.UniqueConstraint(fields=('collection', 'model'), name='model_once_per_collection'),
                            models.UniqueConstraint(fields=('collection', 'picture'), name='picture_once_per_collection'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='Notice',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('model', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='catalog.model')),
                        ('picture', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='gallery.picture')),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notices', to=settings.AUTH_USER_MODEL)),
                        ('kind', models.CharField(choices=[('comment', 'Comment'), ('answer', 'Answer'), ('mention', 'Mention'), ('review', 'Review'), ('follow', 'Follow'), ('decision', 'Decision'), ('invite', 'Invite')], max_length=10)),
                        ('actor', models.ForeignKey(help_text='Empty: the hub.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('comment', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='community.comment')),
                        ('sentence', models.CharField(blank=True, help_text='What the hub says itself.', max_length=700)),
                        ('address', models.CharField(blank=True, help_text='The page that it is about, where no thing is.', max_length=200)),
                        ('read_at', models.DateTimeField(null=True)),
                        ('mailed_at', models.DateTimeField(help_text='When it was mailed, or left out of the mail.', null=True)),
                    ],
                    options={
                        'ordering': ['-id'],
                        'indexes': [
                            models.Index(fields=['user', '-id'], name='notice_newest'),
                            models.Index(condition=models.Q(('read_at', None)), fields=['user'], name='notice_unread'),
                            models.Index(condition=models.Q(('mailed_at', None)), fields=['id'], name='notice_unmailed'),
                        ],
                    },
                ),
            ],
        ),
    ]
