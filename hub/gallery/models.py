"""Pictures, and the recipe that made each."""

import uuid

from django.conf import settings
from django.db import models

UNKNOWN = 0  # the level of a picture that was not scored yet


class Picture(models.Model):
    """A picture, drawn here or sent. Its bytes are in the pictures bucket under the PNG's SHA-256."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="pictures", db_index=False
    )
    sha256 = models.CharField(max_length=64)
    width = models.IntegerField()
    height = models.IntegerField()
    recipe = models.JSONField(help_text="workers.messages.Recipe; every file by SHA-256.")
    recipe_digest = models.CharField(
        max_length=64, blank=True, help_text="hub.gallery.recipes.digest: equal, equal bytes."
    )
    told = models.JSONField(
        null=True, help_text="workers.messages.PictureRecipe: what a sent picture said of itself; null: drawn here."
    )
    blurhash = models.CharField(max_length=40, blank=True)
    seconds = models.FloatField(default=0)
    level = models.SmallIntegerField(default=1, help_text="A content level; 0: unknown, a worker is asked to score it.")
    rated_by = models.CharField(
        max_length=10, blank=True, help_text="Whose word the level is: owner, moderator; empty: the score's."
    )
    score = models.FloatField(null=True, help_text="How much it looks like pornography to a classifier, 0 to 1.")
    held = models.BooleanField(default=False, help_text="A moderator hid it: only its owner sees it.")
    visible = models.BooleanField(default=False, help_text="In the gallery: kept by its owner, or a preview.")
    likes = models.IntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["id"], condition=models.Q(visible=True), include=["level"], name="picture_newest"),
            models.Index(fields=["likes", "id"], condition=models.Q(visible=True), name="picture_liked"),
            models.Index(fields=["owner", "id"], name="picture_owner"),
            models.Index(fields=["sha256"], name="picture_sha256"),
            models.Index(fields=["recipe_digest"], condition=models.Q(visible=True), name="picture_recipe"),
            models.Index(fields=["id"], condition=models.Q(blurhash="", visible=True), name="picture_blurless"),
            models.Index(fields=["id"], condition=models.Q(level=UNKNOWN), name="picture_unscored"),
        ]

    def __str__(self) -> str:
        return f"picture {self.pk}"

    @property
    def is_bare(self) -> bool:
        """Whether it was sent in without a recipe: nothing is known of how it was made."""
        return self.told is not None and not self.told.get("program")


class SentPicture(models.Model):
    """A picture on its way in: its parts arrive, it is read, and then it is a picture of the gallery or a recipe."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        READING = "reading"
        ACCEPTED = "accepted"
        REFUSED = "refused"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sent_pictures")
    version = models.ForeignKey(
        "catalog.Version", null=True, on_delete=models.CASCADE, help_text="Whose gallery it is for; null: only read."
    )
    material = models.BooleanField(
        default=False, help_text="It is to be drawn by: a hint, a mask, a picture to start from."
    )
    sha256 = models.CharField(max_length=64, blank=True, help_text="Of the PNG made of it, where it was kept.")
    name = models.CharField(max_length=255)
    size = models.IntegerField()
    multipart = models.CharField(max_length=512, help_text="The store's name of its parts.")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.WAITING)
    attempt = models.SmallIntegerField(default=0)
    sentence = models.CharField(max_length=500, blank=True, help_text="Why it was not taken.")
    findings = models.JSONField(default=list)
    told = models.JSONField(null=True, help_text="workers.messages.PictureRecipe")
    picture = models.ForeignKey(Picture, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)
    asked_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["owner", "created_at"], name="sent_by"),
            models.Index(fields=["asked_at"], condition=models.Q(status="reading"), name="sent_reading"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.status})"

    @property
    def key(self) -> str:
        return f"incoming/pictures/{self.pk}"


class PictureUse(models.Model):
    """A version that had a part in a picture (the base's too), so that a model page finds what was made with it."""

    picture = models.ForeignKey(Picture, on_delete=models.CASCADE, related_name="uses")
    version = models.ForeignKey(
        "catalog.Version", on_delete=models.CASCADE, related_name="picture_uses", db_index=False
    )
    weight = models.FloatField(null=True, help_text="Null for the base.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "picture"], name="version_once_per_picture")]

    def __str__(self) -> str:
        return f"version {self.version_id} in picture {self.picture_id}"


class BoardPrompt(models.Model):
    """A prompt of a base family's board: every strip is drawn on these, with these seeds, so that models compare."""

    family = models.CharField(
        max_length=20, help_text="A base family (sd1, sdxl), or a variant with its own board (nano)."
    )
    position = models.SmallIntegerField()
    prompt = models.CharField(max_length=500)
    negative = models.CharField(max_length=500, blank=True)
    seed = models.BigIntegerField()
    width = models.IntegerField(default=512)
    height = models.IntegerField(default=512)
    steps = models.SmallIntegerField(default=20)
    cfg = models.FloatField(default=7.0)
    sampler = models.CharField(max_length=40, default="DPM++ 2M Karras")
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["family", "position"]
        constraints = [models.UniqueConstraint(fields=["family", "position"], name="board_position_once")]

    def __str__(self) -> str:
        return f"{self.family} {self.position}: {self.prompt}"


class Strip(models.Model):
    """The effect strip of a version on a base: a set of frames, asked for at once. ``board`` is the hub's own."""

    version = models.ForeignKey("catalog.Version", on_delete=models.CASCADE, related_name="strips")
    base_version = models.ForeignKey("catalog.Version", on_delete=models.CASCADE, related_name="strips_as_base")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    board = models.BooleanField(default=True, help_text="False: prompts and weights of a caller's choice.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["version", "base_version"], condition=models.Q(board=True), name="one_board_strip"
            )
        ]

    def __str__(self) -> str:
        return f"strip of version {self.version_id}"


class Frame(models.Model):
    """One picture of a strip: (prompt, weight); ``weight`` 0 is the base alone. ``picture`` is null until drawn."""

    strip = models.ForeignKey(Strip, on_delete=models.CASCADE, related_name="frames")
    prompt = models.CharField(max_length=700)
    position = models.SmallIntegerField(help_text="Of the prompt on the board.")
    weight = models.FloatField()
    picture = models.ForeignKey(Picture, null=True, on_delete=models.SET_NULL, related_name="frames")
    generation = models.ForeignKey(
        "tryit.Generation", null=True, on_delete=models.SET_NULL, related_name="frames", db_constraint=True
    )

    class Meta:
        ordering = ["position", "weight"]
        constraints = [models.UniqueConstraint(fields=["strip", "position", "weight"], name="frame_once")]

    def __str__(self) -> str:
        return f"{self.prompt} at {self.weight:g}"
