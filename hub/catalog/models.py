"""Models, versions, revisions, files, blobs; and the narrow tables that lists, search and hash look-ups read.

``Listing``, ``Text`` and ``Digest`` are written by the actions that publish or edit, in the same transaction.
"""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy, pgettext_lazy

from hub.accounts.names import check_name


class Base(models.Model):
    """A base model family as people name it; ``family`` is the workers' word for what fits together."""

    id = models.SmallAutoField(primary_key=True)
    name = models.CharField(max_length=60, unique=True, help_text="Civitai's spelling: SD 1.5, SDXL 1.0.")
    family = models.CharField(max_length=20, help_text="sd1, sd2, sdxl; what a stack must agree in.")
    ecosystem = models.CharField(max_length=30, help_text="The word in an AIR: sd1, sdxl.")
    licence = models.CharField(max_length=80, blank=True)
    hidden = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.name


class Tag(models.Model):
    name = models.CharField(max_length=60, unique=True, help_text="Folded: lower case, no accents.")

    def __str__(self) -> str:
        return self.name


class Blob(models.Model):
    """Bytes, by SHA-256, stored once however many files name them."""

    sha256 = models.CharField(max_length=64, primary_key=True)
    size = models.BigIntegerField()
    git_oid = models.CharField(
        max_length=40, blank=True, help_text="SHA-1 as git counts it, of a small file kept as it is; empty: weights."
    )
    rules = models.CharField(max_length=60, blank=True, help_text="The inspectors' rules that judged it last.")
    inspected_at = models.DateTimeField(null=True)
    held_at = models.DateTimeField(null=True, help_text="It lies where no address that was given out leads to.")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.sha256


class Settling(models.Model):
    """Bytes whose place in the store is to follow what was decided about them (`catalog.holding`)."""

    sha256 = models.CharField(max_length=64, primary_key=True)
    asked_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.sha256


class Block(models.Model):
    """Bytes that may not come in, by a digest of theirs; the sentence is what whoever sends them reads."""

    class Kind(models.TextChoices):
        SHA256 = "sha256", "SHA-256"
        AUTOV3 = "autov3", "AutoV3"
        PICTURE = "picture", gettext_lazy("picture’s SHA-256")

    kind = models.CharField(max_length=8, choices=Kind.choices)
    value = models.CharField(max_length=64, help_text="Hex, lower case; of AutoV3 the first 12.")
    sentence = models.CharField(max_length=300)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["kind", "value"], name="block_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"


class Model(models.Model):
    class Type(models.TextChoices):
        CHECKPOINT = "Checkpoint"
        LORA = "LORA", "LoRA"
        LOCON = "LoCon", "LoCon"
        DORA = "DoRA", "DoRA"
        TEXTUAL_INVERSION = "TextualInversion", "Textual inversion"
        HYPERNETWORK = "Hypernetwork"
        CONTROLNET = "Controlnet", "ControlNet"
        VAE = "VAE", "VAE"
        UPSCALER = "Upscaler"
        MOTION_MODULE = "MotionModule", gettext_lazy("Motion module")
        TEXT_ENCODER = "TextEncoder", gettext_lazy("Text encoder")
        VISION_ENCODER = "CLIPVision", gettext_lazy("Vision encoder")
        OTHER = "Other", pgettext_lazy("type of a model", "Other")

    class Status(models.TextChoices):
        DRAFT = "draft"
        PUBLISHED = "published"
        UNLISTED = "unlisted"
        TAKEN_DOWN = "taken-down"
        DELETED = "deleted"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="models")
    name = models.CharField(max_length=120)
    slug = models.CharField(max_length=96, validators=[check_name])
    type = models.CharField(max_length=24, choices=Type.choices)
    description = models.TextField(blank=True, help_text="Markdown; cleaned when shown.")
    tags = models.ManyToManyField(Tag, blank=True, related_name="models")
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.DRAFT)
    level = models.SmallIntegerField(default=1, help_text="Content levels of its pictures, OR of 1 2 4 8 16.")
    allow_no_credit = models.BooleanField(default=True)
    allow_commercial_use = ArrayField(models.CharField(max_length=12), default=list, blank=True)
    allow_derivatives = models.BooleanField(default=True)
    allow_different_licence = models.BooleanField(default=True)
    head = models.ForeignKey(
        "Revision", null=True, on_delete=models.SET_NULL, related_name="+", help_text="Where its owner's main stands."
    )
    public_wanted = models.BooleanField(
        default=False, help_text="A repository made public: what is pushed to it is published once accepted."
    )
    unlisted = models.BooleanField(default=False, help_text="Published, it is shown to those who have its link.")
    link_key = models.CharField(max_length=22, blank=True, help_text="What the link of an unlisted one ends with.")
    sign_in_to_download = models.BooleanField(default=False)
    locked = models.BooleanField(default=False, help_text="A moderator made it a draft; its owner cannot publish it.")
    removed_at = models.DateTimeField(null=True, help_text="When a moderator took it down.")
    removed_for = models.CharField(max_length=300, blank=True, help_text="Why, as everybody reads it.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint("owner", Lower("slug"), name="slug_once_per_owner")]
        indexes = [
            models.Index(Lower("name"), name="model_called"),
            models.Index(Lower("slug"), name="model_slug_called"),
        ]

    def __str__(self) -> str:
        return self.name


class FormerName(models.Model):
    """A name that a model had: it leads to the model while no other has it."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    slug = models.CharField(max_length=96)
    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="former_names")
    shown = models.BooleanField(help_text="Others could see the model under it.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint("owner", Lower("slug"), name="former_name_once")]

    def __str__(self) -> str:
        return self.slug


class Revision(models.Model):
    """An immutable map path → blob, named by 40 hex over it: the commit of a model seen as a repository."""

    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="revisions")
    oid = models.CharField(max_length=40)
    parent = models.ForeignKey("self", null=True, on_delete=models.PROTECT)
    message = models.CharField(max_length=300, blank=True)
    shown = models.BooleanField(default=False, help_text="A published version named it: anybody may ask for it.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["model", "oid"], name="revision_once_per_model")]

    def __str__(self) -> str:
        return self.oid


class RevisionEntry(models.Model):
    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="entries")
    path = models.CharField(max_length=512)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["revision", "path"], name="path_once_per_revision")]

    def __str__(self) -> str:
        return self.path


class Ref(models.Model):
    """A branch or tag that its owner made. ``main`` is none: it follows the versions (`catalog.repositories`)."""

    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="refs")
    name = models.CharField(max_length=120)
    tag = models.BooleanField(default=False)
    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="refs")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["model", "name"], name="ref_once_per_model")]

    def __str__(self) -> str:
        return self.name


class Version(models.Model):
    class Status(models.TextChoices):
        DRAFT = "draft"
        PUBLISHED = "published"
        TAKEN_DOWN = "taken-down"
        DELETED = "deleted"

    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="versions")
    index = models.SmallIntegerField(default=0, help_text="0 is shown first.")
    name = models.CharField(max_length=80)
    base = models.ForeignKey(Base, on_delete=models.PROTECT)
    base_variant = models.CharField(
        max_length=20, default="Standard", help_text="Standard, Inpainting, Refiner, Pix2Pix."
    )
    description = models.TextField(blank=True)
    trigger_words = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    weight = models.FloatField(default=1.0, help_text="What its creator recommends.")
    weight_min = models.FloatField(default=-1.0)
    weight_max = models.FloatField(default=2.0)
    clip_skip = models.SmallIntegerField(null=True, blank=True)
    training = models.JSONField(default=dict, blank=True, help_text="Training details read from the file.")
    hide_training = models.BooleanField(default=False)
    needs = models.ManyToManyField("self", symmetrical=False, blank=True, help_text="A VAE, a ControlNet.")
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.DRAFT)
    publish_when_ready = models.BooleanField(default=False)
    publish_at = models.DateTimeField(null=True, blank=True, help_text="A draft becomes public then, by itself.")
    revision = models.ForeignKey(Revision, null=True, on_delete=models.PROTECT, related_name="versions")
    cover_sha256 = models.CharField(max_length=64, blank=True, help_text="The picture on its card.")
    cover_width = models.IntegerField(null=True)
    cover_height = models.IntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["model_id", "index", "-id"]
        indexes = [
            models.Index(fields=["model", "index"]),
            models.Index(fields=["publish_at"], condition=models.Q(publish_at__isnull=False), name="version_due"),
        ]

    def __str__(self) -> str:
        return self.name


class File(models.Model):
    """A file of a version. ``verdict`` is the inspectors'; only an accepted file is served to others than its owner."""

    class Verdict(models.TextChoices):
        ACCEPTED = "accepted"
        REFUSED = "refused"
        UNKNOWN = "unknown"

    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="files")
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="files")
    name = models.CharField(max_length=255)
    kind = models.CharField(max_length=40, default="Model", help_text="Civitai's file type: Model, VAE, Config, …")
    adapter = models.CharField(
        max_length=40, blank=True, help_text="The workers' plug that reads it: lora, …, or 'base'."
    )
    format = models.CharField(max_length=24, default="SafeTensor")
    precision = models.CharField(max_length=12, blank=True)
    size_kind = models.CharField(max_length=8, blank=True, help_text="full or pruned.")
    primary = models.BooleanField(default=True)
    verdict = models.CharField(max_length=12, choices=Verdict.choices)
    lifted = models.BooleanField(default=False, help_text="A moderator released it, whatever the inspectors say.")
    findings = models.JSONField(default=list, help_text="[{severity, sentence, evidence}]")
    summary = models.JSONField(default=dict, help_text="Rank, modules, keys: what recognition told.")
    metadata = models.JSONField(default=dict, help_text="The header's own metadata, bounded and stripped.")
    tier = models.CharField(
        max_length=1, blank=True, help_text="Of a pickle: A plain tensors, B with known inert extras, C contains code."
    )
    scans = models.JSONField(
        default=list, help_text="Second opinions on a pickle: [{tool, version, verdict, findings}]"
    )
    source = models.ForeignKey(
        "self", null=True, on_delete=models.SET_NULL, related_name="converted", help_text="The pickle it was made from."
    )
    inspected_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-primary", "id"]
        indexes = [models.Index(Lower("name"), name="file_called")]

    def __str__(self) -> str:
        return self.name


class Digest(models.Model):
    """One row per digest of a file; `bytea`, so that one b-tree answers every kind and length by range."""

    class Kind(models.IntegerChoices):
        SHA256 = 1
        AUTOV1 = 2
        AUTOV3 = 3
        CRC32 = 4
        BLAKE3 = 5
        SSHS = 6

    digest = models.BinaryField()
    kind = models.SmallIntegerField(choices=Kind.choices)
    file = models.ForeignKey(File, on_delete=models.CASCADE, related_name="digests")
    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="digests", db_index=False)
    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="digests", db_index=False)

    class Meta:
        indexes = [models.Index(fields=["digest"], include=["kind", "version", "model"], name="digest_lookup")]
        constraints = [models.UniqueConstraint(fields=["file", "kind"], name="one_digest_of_a_kind")]

    def __str__(self) -> str:
        return f"{self.Kind(self.kind).name} {bytes(self.digest).hex()}"


class Listing(models.Model):
    """One narrow row per (model, base): every list, sort and facet is answered from here without a join."""

    pk = models.CompositePrimaryKey("model_id", "base_id")
    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="listings", db_index=False)
    base = models.ForeignKey(Base, on_delete=models.PROTECT, db_index=False)
    version = models.ForeignKey(Version, on_delete=models.CASCADE, db_index=False)
    creator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, db_index=False)
    type = models.CharField(max_length=24)
    level = models.SmallIntegerField(default=1)
    published_at = models.DateTimeField()
    downloads = models.IntegerField(default=0)
    likes = models.IntegerField(default=0)
    pictures = models.IntegerField(default=0)
    comments = models.IntegerField(default=0, db_default=0)
    collected = models.IntegerField(default=0, db_default=0)
    lead = models.BooleanField(default=True, help_text="The newest row of its model.")
    newer = ArrayField(models.SmallIntegerField(), default=list, help_text="Bases of this model published later.")
    # One column each, or a few values: bits of a number have no statistics, and the planner guesses.
    can_generate = models.BooleanField(default=False)
    no_credit = models.BooleanField(default=True)
    derivatives = models.BooleanField(default=True)
    relicense = models.BooleanField(default=True)
    uses = models.SmallIntegerField(default=0, help_text="Mask of the commercial uses allowed, `terms.USES`.")
    terms = ArrayField(models.IntegerField(), default=list, help_text="What it has, as `hub.catalog.terms`.")

    class Meta:
        indexes = [
            models.Index(fields=["published_at", "model"], name="listing_newest"),
            models.Index(fields=["downloads", "model"], name="listing_downloads"),
            models.Index(fields=["likes", "model"], name="listing_likes"),
            models.Index(fields=["pictures", "model"], name="listing_pictures"),
            models.Index(fields=["comments", "model"], name="listing_comments"),
            models.Index(fields=["collected", "model"], name="listing_collected"),
            models.Index(fields=["base", "published_at", "model"], name="listing_base"),
            models.Index(fields=["creator", "published_at", "model"], name="listing_creator"),
            GinIndex(fields=["terms"], name="listing_terms"),
        ]

    def __str__(self) -> str:
        return f"model {self.model_id} on base {self.base_id}"


class Text(models.Model):
    """What search reads of a model: name A, trigger words and tags B, creator C, file names and description D."""

    model = models.OneToOneField(Model, on_delete=models.CASCADE, primary_key=True, related_name="text")
    doc = SearchVectorField()
    plain = models.TextField(help_text="Folded name, trigger words, creator, file names: for trigrams.")
    tier = models.SmallIntegerField(
        default=3, db_default=3, help_text="1: the most downloaded hundredth, 2: tenth, 3: the rest; search goes down."
    )

    class Meta:
        indexes = [
            GinIndex(fields=["doc"], name="text_doc"),
            GinIndex(fields=["doc"], condition=models.Q(tier__lte=1), name="text_doc_1"),
            GinIndex(fields=["doc"], condition=models.Q(tier__lte=2), name="text_doc_2"),
            GinIndex(fields=["plain"], name="text_plain", opclasses=["gin_trgm_ops"]),
        ]

    def __str__(self) -> str:
        return f"text of model {self.model_id}"


class Word(models.Model):
    """A word of the texts and in how many it is: what a typing error is held against."""

    word = models.TextField(primary_key=True)
    texts = models.IntegerField(default=1)

    class Meta:
        indexes = [
            models.Index(fields=["word"], name="word_begins", opclasses=["text_pattern_ops"]),
            GinIndex(fields=["word"], name="word_alike", opclasses=["gin_trgm_ops"]),
        ]

    def __str__(self) -> str:
        return self.word


class TermCount(models.Model):
    """How many listings have a term, counted now and then: how rare a filter is; of term 0, how many there are."""

    term = models.IntegerField(primary_key=True)
    n = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.n} of {self.term}"


class Cell(models.Model):
    """Listings counted by what facets combine, of all (``term`` 0) and of each broad term. Written by `counts`."""

    term = models.IntegerField()
    type = models.CharField(max_length=24)
    base_id = models.SmallIntegerField()
    level = models.SmallIntegerField()
    lead = models.BooleanField()
    can_generate = models.BooleanField()
    n = models.IntegerField()

    class Meta:
        indexes = [
            models.Index(
                fields=["term", "type", "base_id"], include=["level", "lead", "can_generate", "n"], name="cell_slice"
            )
        ]

    def __str__(self) -> str:
        return f"{self.n} {self.type} on base {self.base_id}"


class Top(models.Model):
    """The most frequent terms of a list too broad to be counted when it is asked for. Written by `counts`."""

    type = models.CharField(max_length=24, blank=True, help_text="Empty: any.")
    base_id = models.SmallIntegerField(default=0, help_text="0: any.")
    can_generate = models.BooleanField(help_text="Only those that can be tried here.")
    levels = models.SmallIntegerField(help_text="Mask of the content levels that a visitor sees.")
    term = models.IntegerField()
    n = models.IntegerField()

    class Meta:
        indexes = [models.Index(fields=["type", "base_id", "can_generate", "levels"], name="top_scope")]

    def __str__(self) -> str:
        return f"{self.n} of {self.term}"


class ModelStat(models.Model):
    """Counters, apart from the list: totals of a model, added to by the roll-up."""

    model = models.OneToOneField(Model, on_delete=models.CASCADE, primary_key=True, related_name="stat")
    downloads = models.IntegerField(default=0)
    likes = models.IntegerField(default=0)
    pictures = models.IntegerField(default=0)
    comments = models.IntegerField(default=0, db_default=0, help_text="Those that anybody may read.")
    collected = models.IntegerField(default=0, db_default=0, help_text="Public collections that hold it.")

    def __str__(self) -> str:
        return f"totals of model {self.model_id}"


class Tally(models.Model):
    """One thing that happened; summed into ``ModelStat`` and ``VersionStat`` by the roll-up, then deleted."""

    model = models.ForeignKey(Model, on_delete=models.CASCADE, db_index=False)
    version = models.ForeignKey(Version, null=True, on_delete=models.CASCADE, db_index=False)
    kind = models.CharField(max_length=12)

    def __str__(self) -> str:
        return f"{self.kind} of model {self.model_id}"


class VersionStat(models.Model):
    version = models.OneToOneField(Version, on_delete=models.CASCADE, primary_key=True, related_name="stat")
    downloads = models.IntegerField(default=0)

    def __str__(self) -> str:
        return f"totals of version {self.version_id}"
