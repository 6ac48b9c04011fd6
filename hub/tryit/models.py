"""A picture asked of the workers: a visitor's try-it, or a frame of a version's strip."""

import uuid

from django.conf import settings
from django.db import models


class Generation(models.Model):
    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    class Purpose(models.TextChoices):
        TRYIT = "tryit"
        PREVIEW = "preview"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="generations")
    purpose = models.CharField(max_length=8, choices=Purpose.choices)
    recipe = models.JSONField(help_text="workers.messages.Recipe")
    recipe_digest = models.CharField(max_length=64, blank=True, help_text="hub.gallery.recipes.digest")
    priority = models.SmallIntegerField(default=0, help_text="Of the queue: lower is drawn first.")
    count = models.SmallIntegerField(default=1)
    plot = models.JSONField(default=list, blank=True, help_text="workers.messages.Axis, one to three; or none.")
    sheet = models.ForeignKey("gallery.Picture", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    attempt = models.SmallIntegerField(default=1, help_text="Answers of earlier attempts change nothing.")
    error_code = models.CharField(max_length=40, blank=True)
    error = models.TextField(blank=True)
    seconds = models.FloatField(null=True)
    pictures = models.ManyToManyField("gallery.Picture", blank=True, related_name="generations")
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(auto_now_add=True, help_text="When this attempt was given to the workers.")
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["owner", "-created_at"], name="generation_owner"),
            models.Index(
                fields=["priority", "sent_at"],
                condition=models.Q(status__in=["queued", "running"]),
                name="generation_open",
            ),
            models.Index(fields=["-finished_at"], condition=models.Q(status="done"), name="generation_done"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.pk}, {self.status}"

    @classmethod
    def claim(cls, id: object, *, attempt: int, becomes: str, **fields: object) -> bool:
        """Move an open generation on, if this attempt is still the current one: one conditional UPDATE.

        A repeated or late answer finds no row, and changes nothing.
        """
        rows = cls.objects.filter(id=id, attempt=attempt, status__in=[cls.Status.QUEUED, cls.Status.RUNNING])
        return rows.update(status=becomes, **fields) == 1

    @property
    def is_open(self) -> bool:
        return self.status in {self.Status.QUEUED, self.Status.RUNNING}
