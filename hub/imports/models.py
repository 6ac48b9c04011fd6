"""Models that are taken over from other servers: what was asked for, its files on their way, and where each is from."""

import uuid

from django.conf import settings
from django.db import models


class Import(models.Model):
    """A link that somebody gave: looked up, then its files and pictures fetched one by one. A shelf (a creator, a tag)
    becomes one import for each model on it, its ``children``."""

    class Status(models.TextChoices):
        WAITING = "waiting", "waiting to be looked up"
        FETCHING = "fetching"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="imports")
    parent = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="children")
    link = models.CharField(max_length=500, help_text="As people may see it: without a token.")
    kind = models.CharField(max_length=12, help_text="civitai or huggingface: what its server speaks.")
    server = models.CharField(max_length=300, help_text="Its origin: https://civitai.com.")
    target = models.JSONField(help_text="What the link names: model, version, hash, repo, revision, path; or a shelf.")
    secret = models.TextField(blank=True, help_text="A token for its server, sealed for the fetching workers.")
    publish = models.BooleanField(default=False, help_text="Publish each version once a file of it is accepted.")
    pictures = models.BooleanField(default=True)
    local = models.BooleanField(default=False, help_text="Its files come from a folder; they are not fetched.")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.WAITING)
    sentence = models.CharField(max_length=500, blank=True, help_text="Why it failed.")
    notes = models.JSONField(default=list, help_text="Sentences on what was left out.")
    attempt = models.IntegerField(default=0, help_text="The errand that counts; an answer to an earlier one does not.")
    tries = models.SmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, help_text="When this attempt was given to a worker; empty: not yet.")
    again_at = models.DateTimeField(null=True, help_text="Not before this.")
    cursor = models.CharField(max_length=1000, blank=True, help_text="Of a shelf: where the last page ended.")
    model = models.ForeignKey("catalog.Model", null=True, on_delete=models.SET_NULL, related_name="imports")
    version = models.ForeignKey(
        "catalog.Version", null=True, on_delete=models.SET_NULL, related_name="imports", help_text="Of a link to one."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["owner", "-created_at"], name="import_owner"),
            models.Index(
                fields=["created_at"], condition=models.Q(status__in=["waiting", "fetching"]), name="import_open"
            ),
        ]

    def __str__(self) -> str:
        return self.link


class Origin(models.Model):
    """Where a model is from. ``told``: what its source said last, so that what its owner changed since stays."""

    model = models.OneToOneField("catalog.Model", on_delete=models.CASCADE, primary_key=True, related_name="origin")
    server = models.CharField(max_length=300)
    remote = models.CharField(max_length=200, help_text="The source's own name of it: a number, owner/name.")
    link = models.CharField(max_length=500)
    creator = models.CharField(max_length=80, blank=True, help_text="A name, no account of this hub.")
    licence = models.CharField(max_length=80, blank=True)
    told = models.JSONField(default=dict)
    checked_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [models.Index(fields=["server", "remote"], name="origin_remote")]

    def __str__(self) -> str:
        return self.link


class VersionOrigin(models.Model):
    version = models.OneToOneField("catalog.Version", on_delete=models.CASCADE, primary_key=True, related_name="origin")
    origin = models.ForeignKey(Origin, on_delete=models.CASCADE, related_name="versions")
    remote = models.CharField(max_length=200)
    link = models.CharField(max_length=500)
    published_at = models.DateTimeField(null=True, help_text="When its source published it.")
    told = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["origin", "remote"], name="version_once_per_origin")]

    def __str__(self) -> str:
        return self.link


class Item(models.Model):
    """A file or a picture of an import, on its way in: measured, fetched in parts, then inspected as any upload."""

    class Kind(models.TextChoices):
        FILE = "file"
        PICTURE = "picture"

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        MEASURING = "measuring", "asking for its size"
        FETCHING = "fetching"
        INSPECTING = "inspecting", "being checked"
        DONE = "done"
        HERE = "here", "here already"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    of = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="items")
    version = models.ForeignKey("catalog.Version", on_delete=models.CASCADE, related_name="import_items")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    remote = models.CharField(max_length=200, help_text="The source's name of it, or its SHA-256.")
    name = models.CharField(max_length=255)
    url = models.CharField(max_length=4000, blank=True)
    position = models.IntegerField(default=0)
    size = models.BigIntegerField(default=0, help_text="Bytes; 0 until its server told.")
    validator = models.CharField(max_length=300, blank=True)
    digests = models.JSONField(default=dict, help_text="Announced by its source: kind → hex.")
    told = models.JSONField(null=True, help_text="workers.messages.PictureRecipe, where the source tells it apart.")
    level = models.SmallIntegerField(default=1)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    sentence = models.CharField(max_length=500, blank=True)
    attempt = models.IntegerField(default=0, help_text="The errand that counts; an answer to an earlier one does not.")
    tries = models.SmallIntegerField(default=0, help_text="That failed, since something of it last arrived.")
    arrived = models.IntegerField(default=0, help_text="Parts in the store when it was last asked for.")
    sent_at = models.DateTimeField(null=True)
    again_at = models.DateTimeField(null=True, help_text="Not before this.")
    upload = models.ForeignKey("uploads.Upload", null=True, on_delete=models.SET_NULL, related_name="import_items")
    sent = models.ForeignKey("gallery.SentPicture", null=True, on_delete=models.SET_NULL, related_name="import_items")
    picture = models.ForeignKey("gallery.Picture", null=True, on_delete=models.SET_NULL, related_name="import_items")

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["of", "version", "remote"], name="item_once_per_import")]
        indexes = [
            models.Index(
                fields=["of", "position"],
                condition=models.Q(state__in=["waiting", "measuring", "fetching", "inspecting"]),
                name="item_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.state})"
