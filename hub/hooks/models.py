"""Webhooks: who wants to hear of what, what happened, and each telling of it."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy, pgettext_lazy


class Hook(models.Model):
    """An address that is told of events, as far as its owner may see them."""

    class Kind(models.TextChoices):
        VERSION_PUBLISHED = "version.published", gettext_lazy("A version is published")
        PICTURE_ADDED = "picture.added", gettext_lazy("A picture is added to the gallery")
        REPORT_FILED = "report.filed", gettext_lazy("Something is reported (moderators only)")

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="hooks")
    url = models.CharField(max_length=500)
    secret = models.CharField(max_length=300, help_text="Encrypted: tellings are signed with it.")
    events = ArrayField(models.CharField(max_length=40, choices=Kind.choices))
    everybody = models.BooleanField(default=False, help_text="Of everything its owner may see, not their own only.")
    enabled = models.BooleanField(default=True)
    problem = models.CharField(max_length=300, blank=True, help_text="Why the hub turned it off.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.url


class Event(models.Model):
    """Something happened; written with it, so that none is lost, and gone once every hook's telling is on its way."""

    kind = models.CharField(max_length=40)
    subject = models.BigIntegerField(help_text="Number of the version, picture or report.")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class Delivery(models.Model):
    """One event to be told to one hook. What is told is asked anew each time: it may have become private."""

    class Status(models.TextChoices):
        WAITING = "waiting", pgettext_lazy("delivery", "Waiting")
        DELIVERED = "delivered", pgettext_lazy("delivery", "Delivered")
        FAILED = "failed", pgettext_lazy("delivery", "Failed")
        DROPPED = "dropped", pgettext_lazy("delivery", "Dropped")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    hook = models.ForeignKey(Hook, on_delete=models.CASCADE, related_name="deliveries")
    kind = models.CharField(max_length=40)
    subject = models.BigIntegerField()
    happened_at = models.DateTimeField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.WAITING)
    attempt = models.SmallIntegerField(default=0)
    due_at = models.DateTimeField(help_text="When it is tried next, while it waits.")
    tried_at = models.DateTimeField(null=True)
    answer = models.SmallIntegerField(null=True, help_text="The status of the last answer.")
    sentence = models.CharField(max_length=300, blank=True, help_text="Why it did not arrive.")

    class Meta:
        ordering = ["-happened_at"]
        constraints = [models.UniqueConstraint(fields=["hook", "kind", "subject", "happened_at"], name="told_once")]
        indexes = [models.Index(fields=["due_at"], condition=Q(status="waiting"), name="delivery_due")]

    def __str__(self) -> str:
        return f"{self.kind} to {self.hook_id}"
