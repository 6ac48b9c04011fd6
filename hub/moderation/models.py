"""What moderators did and why, for good; and inspections of the whole library."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

PERSON = settings.AUTH_USER_MODEL


class Entry(models.Model):
    """One line of the audit log. The database refuses to change or remove one (migration 0002)."""

    class Action(models.TextChoices):
        RELEASED = "released", "released"
        QUARANTINED = "quarantined", "quarantined"
        JUDGED_ANEW = "judged-anew", "judged anew"
        RECHECK_STARTED = "recheck-started", "started an inspection of the library"

    at = models.DateTimeField(auto_now_add=True)
    actor = models.ForeignKey(
        PERSON, null=True, on_delete=models.PROTECT, related_name="+", help_text="Empty: the hub."
    )
    action = models.CharField(max_length=20, choices=Action.choices)
    subject = models.CharField(max_length=300, help_text="What it was done to, as it was called then.")
    owner = models.CharField(max_length=96, blank=True, help_text="Whose it was.")
    file_id = models.BigIntegerField(null=True, help_text="A number, not a reference: the file may go, the line stays.")
    upload_id = models.UUIDField(null=True)
    sha256 = models.CharField(max_length=64, blank=True)
    before = models.CharField(max_length=12, blank=True)
    after = models.CharField(max_length=12, blank=True)
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["sha256"], name="entry_sha256")]

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"


class Recheck(models.Model):
    """An inspection of the library, or of what older rules judged, in the background."""

    by = models.ForeignKey(PERSON, null=True, on_delete=models.SET_NULL, related_name="+")
    everything = models.BooleanField(default=False, help_text="Also what the present rules judged.")
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    stopped = models.BooleanField(default=False)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(models.Value(1), condition=models.Q(finished_at=None), name="one_recheck_at_a_time")
        ]

    def __str__(self) -> str:
        return f"recheck {self.pk}"


class RecheckItem(models.Model):
    class State(models.TextChoices):
        WAITING = "waiting"
        SENT = "sent"
        DONE = "done"
        FAILED = "failed"

    recheck = models.ForeignKey(Recheck, on_delete=models.CASCADE, related_name="items")
    blob = models.ForeignKey("catalog.Blob", on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    attempt = models.SmallIntegerField(default=1)
    sent_at = models.DateTimeField(null=True)
    sentence = models.CharField(max_length=300, blank=True, help_text="Why it failed.")
    changed = ArrayField(models.BigIntegerField(), default=list, help_text="Files whose verdict changed.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["recheck", "blob"], name="blob_once_per_recheck")]
        indexes = [models.Index(fields=["recheck", "state", "id"], name="recheck_item_state")]

    def __str__(self) -> str:
        return f"{self.blob_id} of recheck {self.recheck_id}"
