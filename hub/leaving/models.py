"""What somebody takes with them, and their going."""

import uuid

from django.conf import settings
from django.db import models


class Export(models.Model):
    """Everything of a person as one zip, made by the background worker and kept for some days."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        READY = "ready"
        FAILED = "failed"
        GONE = "gone"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="exports")
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.WAITING)
    attempt = models.SmallIntegerField(default=0)
    size = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["owner", "-created_at"], name="export_of")]

    def __str__(self) -> str:
        return f"export of {self.owner_id}, {self.status}"

    @property
    def key(self) -> str:
        return f"exports/{self.pk}.zip"


class Departure(models.Model):
    """An account that is being deleted: closed at once, emptied by the background worker."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="departure")
    keep_models = models.BooleanField(help_text="What is published stays, without the name.")
    keep_words = models.BooleanField(help_text="Comments stay, without the name.")
    asked_at = models.DateTimeField(auto_now_add=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["id"], condition=models.Q(done_at=None), name="departure_open")]

    def __str__(self) -> str:
        return f"departure of {self.user_id}"
