"""What moderators did and why, for good; and inspections of the whole library."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy, pgettext_lazy

PERSON = settings.AUTH_USER_MODEL


class Entry(models.Model):
    """One line of the audit log. The database refuses to change or remove one (migration 0002)."""

    class Action(models.TextChoices):
        RELEASED = "released", pgettext_lazy("somebody … something", "released")
        QUARANTINED = "quarantined", pgettext_lazy("somebody … something", "quarantined")
        JUDGED_ANEW = "judged-anew", pgettext_lazy("somebody … something", "judged anew")
        RECHECK_STARTED = "recheck-started", pgettext_lazy("somebody … something", "began to inspect")
        DISMISSED = "dismissed", pgettext_lazy("somebody … something", "found nothing against")
        HIDDEN = "hidden", pgettext_lazy("somebody … something", "hid")
        TAKEN_DOWN = "taken-down", pgettext_lazy("somebody … something", "took down")
        RESTORED = "restored", pgettext_lazy("somebody … something", "restored")
        WARNED = "warned", pgettext_lazy("somebody … something", "warned the owner of")
        RATED = "rated", pgettext_lazy("somebody … something", "set the level of")
        APPEALED = "appealed", pgettext_lazy("somebody … something", "asked again about")
        UPHELD = "upheld", pgettext_lazy("somebody … something", "upheld the decision about")
        BLOCKED = "blocked", pgettext_lazy("somebody … something", "put on the block list")
        UNBLOCKED = "unblocked", pgettext_lazy("somebody … something", "took off the block list")
        BANNED = "banned", pgettext_lazy("somebody … something", "closed the account of")
        ADMITTED = "admitted", pgettext_lazy("somebody … something", "opened the account of")
        ROLE_SET = "role-set", pgettext_lazy("somebody … something", "changed the role of")
        QUOTA_SET = "quota-set", pgettext_lazy("somebody … something", "changed the quota of")

    at = models.DateTimeField()
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
    about = models.CharField(max_length=40, blank=True, help_text="Its kind and number: model 12.")
    previous = models.CharField(max_length=64, default="", unique=True, help_text="The digest of the line before.")
    digest = models.CharField(max_length=64, default="", help_text="SHA-256 over this line and `previous`.")

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["sha256"], name="entry_sha256")]

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"


class Case(models.Model):
    """What is decided about one thing. Reports of it that come before the decision are of one case."""

    class Kind(models.TextChoices):
        MODEL = "model", pgettext_lazy("what is reported", "model")
        PICTURE = "picture", pgettext_lazy("what is reported", "picture")
        COMMENT = "comment", pgettext_lazy("what is reported", "comment")
        REVIEW = "review", pgettext_lazy("what is reported", "review")
        PROMPT = "prompt", pgettext_lazy("what is reported", "prompt")
        PERSON = "person", pgettext_lazy("what is reported", "profile")

    class Decision(models.TextChoices):
        DISMISSED = "dismissed", pgettext_lazy("decision", "nothing against it")
        RATED = "rated", pgettext_lazy("decision", "level set")
        HIDDEN = "hidden", pgettext_lazy("decision", "hidden")
        TAKEN_DOWN = "taken-down", pgettext_lazy("decision", "taken down")
        QUARANTINED = "quarantined", pgettext_lazy("decision", "in quarantine")
        WARNED = "warned", pgettext_lazy("decision", "owner warned")

    kind = models.CharField(max_length=8, choices=Kind.choices)
    thing = models.BigIntegerField(help_text="Its number; it may go, the case stays.")
    title = models.CharField(max_length=200, help_text="As it was called when it was reported.")
    words = models.TextField(blank=True, help_text="What it said then.")
    owner = models.ForeignKey(PERSON, null=True, on_delete=models.SET_NULL, related_name="cases")
    sha256 = models.CharField(max_length=64, blank=True, help_text="Of its bytes, where it is a file or a picture.")
    held_with = models.ForeignKey(
        "self", null=True, on_delete=models.SET_NULL, related_name="others", db_index=False,
        help_text="The case whose decision held this too: the same bytes, somebody else's.",
    )  # fmt: skip
    opened_at = models.DateTimeField(auto_now_add=True)
    claimed_by = models.ForeignKey(PERSON, null=True, on_delete=models.SET_NULL, related_name="+")
    claimed_at = models.DateTimeField(null=True)
    decision = models.CharField(max_length=12, choices=Decision.choices, blank=True)
    decided_by = models.ForeignKey(PERSON, null=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True)
    sentence = models.CharField(max_length=300, blank=True, help_text="Why; its owner reads it.")
    before = models.JSONField(default=dict, help_text="How it was, for an appeal that is granted.")
    appeal = models.TextField(blank=True, help_text="What its owner answers, once.")
    appealed_at = models.DateTimeField(null=True)
    upheld = models.BooleanField(null=True, help_text="Whether the decision stood.")
    upheld_by = models.ForeignKey(PERSON, null=True, on_delete=models.SET_NULL, related_name="+")
    upheld_at = models.DateTimeField(null=True)
    upheld_sentence = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["opened_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "thing"], condition=models.Q(decided_at=None), name="one_open_case_of_a_thing"
            )
        ]
        indexes = [
            models.Index(fields=["opened_at", "id"], condition=models.Q(decided_at=None), name="case_open"),
            models.Index(fields=["sha256"], condition=~models.Q(sha256=""), name="case_sha256"),
            models.Index(fields=["held_with"], condition=~models.Q(held_with=None), name="case_held_with"),
        ]

    def __str__(self) -> str:
        return f"case {self.pk}: {self.kind} {self.thing}"


class Report(models.Model):
    """Somebody says that something is wrong with a thing. Of a stranger no address is kept, only a keyed digest."""

    class Reason(models.TextChoices):
        ILLEGAL = "illegal", gettext_lazy("It is illegal")
        MINOR = "minor", gettext_lazy("It sexualises somebody who is, or looks, under age")
        PERSON = "person", gettext_lazy("It shows a real person who did not agree")
        THEFT = "theft", gettext_lazy("It is mine, and was put here without my permission")
        LEVEL = "level", gettext_lazy("Its content level is too low")
        HARMFUL = "harmful", gettext_lazy("The file attacks whoever opens it")
        SPAM = "spam", gettext_lazy("It is advertising, or sent many times")
        RUDE = "rude", gettext_lazy("It insults or threatens somebody")
        OTHER = "other", gettext_lazy("Something else")

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="reports")
    reason = models.CharField(max_length=8, choices=Reason.choices)
    words = models.CharField(max_length=2000, blank=True)
    by = models.ForeignKey(PERSON, null=True, on_delete=models.SET_NULL, related_name="+")  # empty: a stranger
    who = models.CharField(max_length=64, help_text="A keyed digest of who sent it: limits count by it.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["case", "who"], name="one_report_each")]
        indexes = [models.Index(fields=["who", "created_at"], name="report_who")]

    def __str__(self) -> str:
        return f"{self.reason} about {self.case}"


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
