"""A file on its way in: waiting for its parts → inspecting → accepted, refused or unknown."""

import uuid

from django.conf import settings
from django.db import models


class Upload(models.Model):
    class Status(models.TextChoices):
        WAITING = "waiting", "waiting for parts"
        INSPECTING = "inspecting"
        ACCEPTED = "accepted"
        REFUSED = "refused"
        UNKNOWN = "unknown"
        ABORTED = "aborted"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="uploads")
    filename = models.CharField(max_length=255)
    size = models.BigIntegerField()
    part_size = models.IntegerField()
    key = models.CharField(max_length=200, unique=True, help_text="In the incoming part of the bucket.")
    s3_upload_id = models.CharField(max_length=512, blank=True)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.WAITING)
    attempt = models.SmallIntegerField(default=1)
    sent_at = models.DateTimeField(
        null=True, help_text="When this attempt was given to the inspectors; empty: it waits."
    )
    stored = models.BooleanField(
        default=False, help_text="Its assembled object lies in the incoming part of the bucket."
    )
    report = models.JSONField(null=True, help_text="workers.messages.Inspected")
    findings = models.JSONField(default=list)
    # What its owner said, or confirmed: becomes the model and version once accepted.
    fields = models.JSONField(default=dict, help_text="model id or name, version, type, base, trigger words, publish.")
    header_asked = models.BooleanField(default=False, help_text="Its first bytes were given to the inspectors.")
    header = models.JSONField(null=True, help_text="workers.messages.HeaderRead: what its first bytes told.")
    fingerprint = models.CharField(
        max_length=64,
        blank=True,
        help_text="SHA-256 of its first and last 64 KiB, hex: the browser knows the file again.",
    )
    sha256 = models.CharField(
        max_length=64,
        blank=True,
        db_index=True,
        help_text="What its sender promised, hex; inspection computes its own",
    )
    version = models.ForeignKey("catalog.Version", null=True, on_delete=models.SET_NULL, related_name="uploads")
    file = models.ForeignKey("catalog.File", null=True, on_delete=models.SET_NULL, related_name="uploads")
    created_at = models.DateTimeField(auto_now_add=True)
    touched_at = models.DateTimeField(auto_now=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["owner", "-created_at"], name="upload_owner"),
            models.Index(
                fields=["touched_at"], condition=models.Q(status__in=["waiting", "inspecting"]), name="upload_open"
            ),
        ]

    def __str__(self) -> str:
        return self.filename

    @classmethod
    def claim(cls, id: object, *, status: str, becomes: str, attempt: int | None = None) -> bool:
        """Move one upload on if it is still in ``status``: one conditional UPDATE, so repeats are harmless."""
        rows = cls.objects.filter(id=id, status=status)
        if attempt is not None:
            rows = rows.filter(attempt=attempt)
        return rows.update(status=becomes) == 1


class Xorb(models.Model):
    """A block of compressed chunks that a person has sent (Xet's word); opened by workers only, never served."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="xorbs")
    hash = models.CharField(max_length=64, help_text="As its sender names it; SHA-256 checks what is made of it.")
    size = models.IntegerField()
    stored = models.BooleanField(default=False, help_text="Its bytes have arrived in the object store.")
    used_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "hash"], name="xorb_once_per_owner")]
        indexes = [models.Index(fields=["used_at"], name="xorb_used")]

    def __str__(self) -> str:
        return self.hash


class ChunkedFile(models.Model):
    """How a file is put together from xorbs: what its owner may commit by its SHA-256."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="chunked_files")
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    terms = models.JSONField(help_text="[[xorb, first chunk, chunk behind the last, bytes]] in order.")
    used_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "sha256"], name="chunked_once_per_owner")]
        indexes = [models.Index(fields=["used_at"], name="chunked_used")]

    def __str__(self) -> str:
        return self.sha256


class Layout(models.Model):
    """A checkpoint's folder of diffusers, asked of a worker."""

    file = models.OneToOneField("catalog.File", on_delete=models.CASCADE, primary_key=True, related_name="layout")
    state = models.CharField(max_length=8, default="asked", help_text="asked, made or failed.")
    attempt = models.SmallIntegerField(default=1)
    sent_at = models.DateTimeField(auto_now_add=True)
    problem = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["sent_at"], condition=models.Q(state="asked"), name="layout_asked"),
        ]

    def __str__(self) -> str:
        return f"folder of file {self.file_id}"
