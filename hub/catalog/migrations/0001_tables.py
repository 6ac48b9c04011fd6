"""The catalogue, and the base models people name, in Civitai's spelling; operators add more in the admin, without a deploy."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import django.db.models.functions.text
import hub.accounts.names
from django.conf import settings
from django.db import migrations, models
from django.contrib.postgres.operations import TrigramExtension

from hub.tables import Tables


# (family: what a stack must agree in, ecosystem: the word in an AIR) → names
BASES = {
    ("sd1", "sd1"): ["SD 1.4", "SD 1.5", "SD 1.5 LCM", "SD 1.5 Hyper", "nano"],
    ("sd2", "sd2"): ["SD 2.0", "SD 2.0 768", "SD 2.1", "SD 2.1 768", "SD 2.1 Unclip"],
    ("sdxl", "sdxl"): [
        "SDXL 0.9", "SDXL 1.0", "SDXL 1.0 LCM", "SDXL Lightning", "SDXL Hyper", "SDXL Turbo", "SDXL Distilled",
        "Pony", "Illustrious", "NoobAI",
    ],
    ("sd3", "sd3"): ["SD 3", "SD 3.5", "SD 3.5 Large", "SD 3.5 Large Turbo", "SD 3.5 Medium"],
    ("flux1", "flux1"): ["Flux.1 S", "Flux.1 D", "Flux.1 Krea", "Flux.1 Kontext"],
    ("flux2", "flux2"): [
        "Flux.2 D", "Flux.2 Klein 9B", "Flux.2 Klein 9B-base", "Flux.2 Klein 4B", "Flux.2 Klein 4B-base",
    ],
    ("auraflow", "auraflow"): ["AuraFlow", "Pony V7"],
    ("anima", "anima"): ["Anima"],
    ("chroma", "chroma"): ["Chroma"],
    ("cogvideox", "cogvideox"): ["CogVideoX"],
    ("ernie", "ernie"): ["Ernie"],
    ("hidream", "hidream"): ["HiDream", "HiDream-O1"],
    ("hydit1", "hydit1"): ["Hunyuan 1"],
    ("hyv1", "hyv1"): ["Hunyuan Video"],
    ("kolors", "kolors"): ["Kolors"],
    ("krea2", "krea2"): ["Krea 2"],
    ("ltxv", "ltxv"): ["LTXV"],
    ("ltxv2", "ltxv2"): ["LTXV2", "LTXV 2.3"],
    ("lumina", "lumina"): ["Lumina"],
    ("mochi", "mochi"): ["Mochi"],
    ("pixarta", "pixarta"): ["PixArt a"],
    ("pixarte", "pixarte"): ["PixArt E"],
    ("playgroundv2", "playgroundv2"): ["Playground v2"],
    ("qwen", "qwen"): ["Qwen", "Qwen 2", "Qwen 3"],
    ("scascade", "scascade"): ["Stable Cascade"],
    ("svd", "svd"): ["SVD", "SVD XT"],
    ("wanvideo", "wanvideo"): [
        "Wan Video", "Wan Video 1.3B t2v", "Wan Video 14B t2v", "Wan Video 14B i2v 480p", "Wan Video 14B i2v 720p",
        "Wan Video 2.2 TI2V-5B", "Wan Video 2.2 I2V-A14B", "Wan Video 2.2 T2V-A14B",
    ],
    ("zimage", "zimage"): ["ZImageTurbo", "ZImageBase"],
    ("odor", "odor"): ["ODOR"],
    ("upscaler", "other"): ["Upscaler"],
    ("other", "other"): ["Other"],
}
LICENCES = {
    "sd1": "CreativeML OpenRAIL-M", "sd2": "CreativeML OpenRAIL++-M", "sdxl": "CreativeML OpenRAIL++-M",
    "sd3": "Stability AI Community License",
}
OWN_LICENCE = {
    "nano": "Apache-2.0", "SDXL 0.9": "SDXL 0.9 Research License", "SDXL Turbo": "Stability AI Community License",
    "Flux.1 S": "Apache-2.0", "Flux.1 D": "FLUX.1 [dev] Non-Commercial License",
}

# The planner's choice stands on how frequent single terms and words are; room in pages for counts that change.
PLANNER = """
ALTER TABLE catalog_listing ALTER COLUMN terms SET STATISTICS 2000;
ALTER TABLE catalog_listing SET (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE catalog_modelstat SET (fillfactor = 70);
ALTER TABLE catalog_text ALTER COLUMN doc SET STATISTICS 1000;
"""


def fill(apps, schema_editor):
    Base = apps.get_model("catalog", "Base")
    Base.objects.bulk_create(
        Base(
            name=name,
            family=family,
            ecosystem=ecosystem,
            licence=OWN_LICENCE.get(name, LICENCES.get(family, "")),
        )
        for (family, ecosystem), names in BASES.items()
        for name in names
    )


class Migration(migrations.Migration):

    replaces = [
        ('catalog', '0001_extensions'),
        ('catalog', '0002_initial'),
        ('catalog', '0003_bases'),
        ('catalog', '0004_type_labels'),
        ('catalog', '0005_repositories'),
        ('catalog', '0006_repositories_begin'),
        ('catalog', '0007_names'),
        ('catalog', '0008_pickles'),
        ('catalog', '0009_verdicts'),
        ('catalog', '0010_part_types'),
        ('catalog', '0011_care'),
        ('catalog', '0012_listing_terms'),
        ('catalog', '0013_search_counts'),
        ('catalog', '0014_cell_slice'),
        ('catalog', '0015_later_and_needs'),
        ('catalog', '0016_talked_about'),
    ]

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        TrigramExtension(),  # search as you type
        Tables(
            models=[
                migrations.CreateModel(
                    name='Base',
                    fields=[
                        ('id', models.SmallAutoField(primary_key=True, serialize=False)),
                        ('name', models.CharField(help_text="Civitai's spelling: SD 1.5, SDXL 1.0.", max_length=60, unique=True)),
                        ('family', models.CharField(help_text='sd1, sd2, sdxl; what a stack must agree in.', max_length=20)),
                        ('ecosystem', models.CharField(help_text='The word in an AIR: sd1, sdxl.', max_length=30)),
                        ('licence', models.CharField(blank=True, max_length=80)),
                        ('hidden', models.BooleanField(default=False)),
                    ],
                ),
                migrations.CreateModel(
                    name='Tag',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('name', models.CharField(help_text='Folded: lower case, no accents.', max_length=60, unique=True)),
                    ],
                ),
                migrations.CreateModel(
                    name='Blob',
                    fields=[
                        ('sha256', models.CharField(max_length=64, primary_key=True, serialize=False)),
                        ('size', models.BigIntegerField()),
                        ('git_oid', models.CharField(blank=True, help_text='SHA-1 as git counts it, of a small file kept as it is; empty: weights.', max_length=40)),
                        ('rules', models.CharField(blank=True, help_text="The inspectors' rules that judged it last.", max_length=60)),
                        ('inspected_at', models.DateTimeField(null=True)),
                        ('held_at', models.DateTimeField(help_text='It lies where no address that was given out leads to.', null=True)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                    ],
                ),
                migrations.CreateModel(
                    name='Settling',
                    fields=[
                        ('sha256', models.CharField(max_length=64, primary_key=True, serialize=False)),
                        ('asked_at', models.DateTimeField(auto_now=True)),
                    ],
                ),
                migrations.CreateModel(
                    name='Block',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('kind', models.CharField(choices=[('sha256', 'SHA-256'), ('autov3', 'AutoV3'), ('picture', 'picture’s SHA-256')], max_length=8)),
                        ('value', models.CharField(help_text='Hex, lower case; of AutoV3 the first 12.', max_length=64)),
                        ('sentence', models.CharField(max_length=300)),
                        ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                    ],
                    options={
                        'ordering': ['-id'],
                        'constraints': [
                            models.UniqueConstraint(fields=('kind', 'value'), name='block_once'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='Model',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='models', to=settings.AUTH_USER_MODEL)),
                        ('name', models.CharField(max_length=120)),
                        ('slug', models.CharField(max_length=96, validators=[hub.accounts.names.check_name])),
                        ('type', models.CharField(choices=[('Checkpoint', 'Checkpoint'), ('LORA', 'LoRA'), ('LoCon', 'LoCon'), ('DoRA', 'DoRA'), ('TextualInversion', 'Textual inversion'), ('Hypernetwork', 'Hypernetwork'), ('Controlnet', 'ControlNet'), ('VAE', 'VAE'), ('Upscaler', 'Upscaler'), ('MotionModule', 'Motion module'), ('TextEncoder', 'Text encoder'), ('CLIPVision', 'Vision encoder'), ('Other', 'Other')], max_length=24)),
                        ('description', models.TextField(blank=True, help_text='Markdown; cleaned when shown.')),
                        ('status', models.CharField(choices=[('draft', 'Draft'), ('published', 'Published'), ('unlisted', 'Unlisted'), ('taken-down', 'Taken Down'), ('deleted', 'Deleted')], default='draft', max_length=12)),
                        ('level', models.SmallIntegerField(default=1, help_text='Content levels of its pictures, OR of 1 2 4 8 16.')),
                        ('allow_no_credit', models.BooleanField(default=True)),
                        ('allow_commercial_use', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=12), blank=True, default=list, size=None)),
                        ('allow_derivatives', models.BooleanField(default=True)),
                        ('allow_different_licence', models.BooleanField(default=True)),
                        ('head', models.ForeignKey(help_text="Where its owner's main stands.", null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='catalog.revision')),
                        ('public_wanted', models.BooleanField(default=False, help_text='A repository made public: what is pushed to it is published once accepted.')),
                        ('unlisted', models.BooleanField(default=False, help_text='Published, it is shown to those who have its link.')),
                        ('link_key', models.CharField(blank=True, help_text='What the link of an unlisted one ends with.', max_length=22)),
                        ('sign_in_to_download', models.BooleanField(default=False)),
                        ('locked', models.BooleanField(default=False, help_text='A moderator made it a draft; its owner cannot publish it.')),
                        ('removed_at', models.DateTimeField(help_text='When a moderator took it down.', null=True)),
                        ('removed_for', models.CharField(blank=True, help_text='Why, as everybody reads it.', max_length=300)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('updated_at', models.DateTimeField(auto_now=True)),
                        ('published_at', models.DateTimeField(blank=True, null=True)),
                        ('tags', models.ManyToManyField(blank=True, related_name='models', to='catalog.tag')),
                    ],
                    options={
                        'indexes': [
                            models.Index(django.db.models.functions.text.Lower('name'), name='model_called'),
                            models.Index(django.db.models.functions.text.Lower('slug'), name='model_slug_called'),
                        ],
                        'constraints': [
                            models.UniqueConstraint(models.F('owner'), django.db.models.functions.text.Lower('slug'), name='slug_once_per_owner'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='Revision',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('model', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='revisions', to='catalog.model')),
                        ('oid', models.CharField(max_length=40)),
                        ('parent', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to='catalog.revision')),
                        ('message', models.CharField(blank=True, max_length=300)),
                        ('shown', models.BooleanField(default=False, help_text='A published version named it: anybody may ask for it.')),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                    ],
                    options={
                        'constraints': [
                            models.UniqueConstraint(fields=('model', 'oid'), name='revision_once_per_model'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='RevisionEntry',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('revision', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='entries', to='catalog.revision')),
                        ('path', models.CharField(max_length=512)),
                        ('blob', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='catalog.blob')),
                    ],
                    options={
                        'constraints': [
                            models.UniqueConstraint(fields=('revision', 'path'), name='path_once_per_revision'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='Ref',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('model', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='refs', to='catalog.model')),
                        ('name', models.CharField(max_length=120)),
                        ('tag', models.BooleanField(default=False)),
                        ('revision', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='refs', to='catalog.revision')),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                    ],
                    options={
                        'constraints': [
                            models.UniqueConstraint(fields=('model', 'name'), name='ref_once_per_model'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='Version',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('model', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='versions', to='catalog.model')),
                        ('index', models.SmallIntegerField(default=0, help_text='0 is shown first.')),
                        ('name', models.CharField(max_length=80)),
                        ('base', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='catalog.base')),
                        ('base_variant', models.CharField(default='Standard', help_text='Standard, Inpainting, Refiner, Pix2Pix.', max_length=20)),
                        ('description', models.TextField(blank=True)),
                        ('trigger_words', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=200), blank=True, default=list, size=None)),
                        ('weight', models.FloatField(default=1.0, help_text='What its creator recommends.')),
                        ('weight_min', models.FloatField(default=-1.0)),
                        ('weight_max', models.FloatField(default=2.0)),
                        ('clip_skip', models.SmallIntegerField(blank=True, null=True)),
                        ('training', models.JSONField(blank=True, default=dict, help_text='Training details read from the file.')),
                        ('hide_training', models.BooleanField(default=False)),
                        ('status', models.CharField(choices=[('draft', 'Draft'), ('published', 'Published'), ('taken-down', 'Taken Down'), ('deleted', 'Deleted')], default='draft', max_length=12)),
                        ('publish_when_ready', models.BooleanField(default=False)),
                        ('publish_at', models.DateTimeField(blank=True, help_text='A draft becomes public then, by itself.', null=True)),
                        ('revision', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='catalog.revision')),
                        ('cover_sha256', models.CharField(blank=True, help_text='The picture on its card.', max_length=64)),
                        ('cover_width', models.IntegerField(null=True)),
                        ('cover_height', models.IntegerField(null=True)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('updated_at', models.DateTimeField(auto_now=True)),
                        ('published_at', models.DateTimeField(blank=True, null=True)),
                        ('needs', models.ManyToManyField(blank=True, help_text='A VAE, a ControlNet.', to='catalog.version')),
                    ],
                    options={
                        'ordering': ['model_id', 'index', '-id'],
                        'indexes': [
                            models.Index(fields=['model', 'index'], name='catalog_ver_model_i_c7c3d2_idx'),
                            models.Index(condition=models.Q(('publish_at__isnull', False)), fields=['publish_at'], name='version_due'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='File',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='files', to='catalog.version')),
                        ('blob', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='files', to='catalog.blob')),
                        ('name', models.CharField(max_length=255)),
                        ('kind', models.CharField(default='Model', help_text="Civitai's file type: Model, VAE, Config, …", max_length=40)),
                        ('adapter', models.CharField(blank=True, help_text="The workers' plug that reads it: lora, …, or 'base'.", max_length=40)),
                        ('format', models.CharField(default='SafeTensor', max_length=24)),
                        ('precision', models.CharField(blank=True, max_length=12)),
                        ('size_kind', models.CharField(blank=True, help_text='full or pruned.', max_length=8)),
                        ('primary', models.BooleanField(default=True)),
                        ('verdict', models.CharField(choices=[('accepted', 'Accepted'), ('refused', 'Refused'), ('unknown', 'Unknown')], max_length=12)),
                        ('lifted', models.BooleanField(default=False, help_text='A moderator released it, whatever the inspectors say.')),
                        ('findings', models.JSONField(default=list, help_text='[{severity, sentence, evidence}]')),
                        ('summary', models.JSONField(default=dict, help_text='Rank, modules, keys: what recognition told.')),
                        ('metadata', models.JSONField(default=dict, help_text="The header's own metadata, bounded and stripped.")),
                        ('tier', models.CharField(blank=True, help_text='Of a pickle: A plain tensors, B with known inert extras, C contains code.', max_length=1)),
                        ('scans', models.JSONField(default=list, help_text='Second opinions on a pickle: [{tool, version, verdict, findings}]')),
                        ('source', models.ForeignKey(help_text='The pickle it was made from.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='converted', to='catalog.file')),
                        ('inspected_at', models.DateTimeField(null=True)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                    ],
                    options={
                        'ordering': ['-primary', 'id'],
                        'indexes': [
                            models.Index(django.db.models.functions.text.Lower('name'), name='file_called'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='Digest',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('digest', models.BinaryField()),
                        ('kind', models.SmallIntegerField(choices=[(1, 'Sha256'), (2, 'Autov1'), (3, 'Autov3'), (4, 'Crc32'), (5, 'Blake3'), (6, 'Sshs')])),
                        ('file', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='digests', to='catalog.file')),
                        ('version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='digests', to='catalog.version')),
                        ('model', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='digests', to='catalog.model')),
                    ],
                    options={
                        'indexes': [
                            models.Index(fields=['digest'], include=('kind', 'version', 'model'), name='digest_lookup'),
                        ],
                        'constraints': [
                            models.UniqueConstraint(fields=('file', 'kind'), name='one_digest_of_a_kind'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='Listing',
                    fields=[
                        ('pk', models.CompositePrimaryKey('model_id', 'base_id', blank=True, editable=False, primary_key=True, serialize=False)),
                        ('model', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='listings', to='catalog.model')),
                        ('base', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='catalog.base')),
                        ('version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='catalog.version')),
                        ('creator', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
                        ('type', models.CharField(max_length=24)),
                        ('level', models.SmallIntegerField(default=1)),
                        ('published_at', models.DateTimeField()),
                        ('downloads', models.IntegerField(default=0)),
                        ('likes', models.IntegerField(default=0)),
                        ('pictures', models.IntegerField(default=0)),
                        ('comments', models.IntegerField(db_default=0, default=0)),
                        ('collected', models.IntegerField(db_default=0, default=0)),
                        ('lead', models.BooleanField(default=True, help_text='The newest row of its model.')),
                        ('newer', django.contrib.postgres.fields.ArrayField(base_field=models.SmallIntegerField(), default=list, help_text='Bases of this model published later.', size=None)),
                        ('can_generate', models.BooleanField(default=False)),
                        ('no_credit', models.BooleanField(default=True)),
                        ('derivatives', models.BooleanField(default=True)),
                        ('relicense', models.BooleanField(default=True)),
                        ('uses', models.SmallIntegerField(default=0, help_text='Mask of the commercial uses allowed, `terms.USES`.')),
                        ('terms', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), default=list, help_text='What it has, as `hub.catalog.terms`.', size=None)),
                    ],
                    options={
                        'indexes': [
                            models.Index(fields=['published_at', 'model'], name='listing_newest'),
                            models.Index(fields=['downloads', 'model'], name='listing_downloads'),
                            models.Index(fields=['likes', 'model'], name='listing_likes'),
                            models.Index(fields=['pictures', 'model'], name='listing_pictures'),
                            models.Index(fields=['comments', 'model'], name='listing_comments'),
                            models.Index(fields=['collected', 'model'], name='listing_collected'),
                            models.Index(fields=['base', 'published_at', 'model'], name='listing_base'),
                            models.Index(fields=['creator', 'published_at', 'model'], name='listing_creator'),
                            django.contrib.postgres.indexes.GinIndex(fields=['terms'], name='listing_terms'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='Text',
                    fields=[
                        ('model', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='text', serialize=False, to='catalog.model')),
                        ('doc', django.contrib.postgres.search.SearchVectorField()),
                        ('plain', models.TextField(help_text='Folded name, trigger words, creator, file names: for trigrams.')),
                        ('tier', models.SmallIntegerField(db_default=3, default=3, help_text='1: the most downloaded hundredth, 2: tenth, 3: the rest; search goes down.')),
                    ],
                    options={
                        'indexes': [
                            django.contrib.postgres.indexes.GinIndex(fields=['doc'], name='text_doc'),
                            django.contrib.postgres.indexes.GinIndex(condition=models.Q(('tier__lte', 1)), fields=['doc'], name='text_doc_1'),
                            django.contrib.postgres.indexes.GinIndex(condition=models.Q(('tier__lte', 2)), fields=['doc'], name='text_doc_2'),
                            django.contrib.postgres.indexes.GinIndex(fields=['plain'], name='text_plain', opclasses=['gin_trgm_ops']),
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
                            models.Index(fields=['word'], name='word_begins', opclasses=['text_pattern_ops']),
                            django.contrib.postgres.indexes.GinIndex(fields=['word'], name='word_alike', opclasses=['gin_trgm_ops']),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='TermCount',
                    fields=[
                        ('term', models.IntegerField(primary_key=True, serialize=False)),
                        ('n', models.IntegerField()),
                    ],
                ),
                migrations.CreateModel(
                    name='Cell',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('term', models.IntegerField()),
                        ('type', models.CharField(max_length=24)),
                        ('base_id', models.SmallIntegerField()),
                        ('level', models.SmallIntegerField()),
                        ('lead', models.BooleanField()),
                        ('can_generate', models.BooleanField()),
                        ('n', models.IntegerField()),
                    ],
                    options={
                        'indexes': [
                            models.Index(fields=['term', 'type', 'base_id'], include=('level', 'lead', 'can_generate', 'n'), name='cell_slice'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='Top',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('type', models.CharField(blank=True, help_text='Empty: any.', max_length=24)),
                        ('base_id', models.SmallIntegerField(default=0, help_text='0: any.')),
                        ('can_generate', models.BooleanField(help_text='Only those that can be tried here.')),
                        ('levels', models.SmallIntegerField(help_text='Mask of the content levels that a visitor sees.')),
                        ('term', models.IntegerField()),
                        ('n', models.IntegerField()),
                    ],
                    options={
                        'indexes': [
                            models.Index(fields=['type', 'base_id', 'can_generate', 'levels'], name='top_scope'),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name='ModelStat',
                    fields=[
                        ('model', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='stat', serialize=False, to='catalog.model')),
                        ('downloads', models.IntegerField(default=0)),
                        ('likes', models.IntegerField(default=0)),
                        ('pictures', models.IntegerField(default=0)),
                        ('comments', models.IntegerField(db_default=0, default=0, help_text='Those that anybody may read.')),
                        ('collected', models.IntegerField(db_default=0, default=0, help_text='Public collections that hold it.')),
                    ],
                ),
                migrations.CreateModel(
                    name='Tally',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('model', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='catalog.model')),
                        ('version', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, to='catalog.version')),
                        ('kind', models.CharField(max_length=12)),
                    ],
                ),
                migrations.CreateModel(
                    name='VersionStat',
                    fields=[
                        ('version', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='stat', serialize=False, to='catalog.version')),
                        ('downloads', models.IntegerField(default=0)),
                    ],
                ),
            ],
        ),
        migrations.RunSQL(PLANNER, migrations.RunSQL.noop),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
