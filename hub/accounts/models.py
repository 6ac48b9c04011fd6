"""People, what they may do, and the tokens their programs use."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import TextChoices
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import pgettext_lazy

from hub.accounts.names import check_name


class People(UserManager["User"]):
    def create_superuser(
        self, username: str, email: str | None = None, password: str | None = None, **fields: Any
    ) -> Any:
        """Django's word for an admin."""
        return super().create_superuser(username, email, password, **{**fields, "role": User.Role.ADMIN})


class User(AbstractUser):
    class Role(TextChoices):
        MEMBER = "member", pgettext_lazy("role", "Member")
        MODERATOR = "moderator", pgettext_lazy("role", "Moderator")
        ADMIN = "admin", pgettext_lazy("role", "Admin")

    username = models.CharField(
        max_length=96, unique=True, validators=[check_name], error_messages={"unique": "That name is taken."}
    )
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.MEMBER)
    quota_bytes = models.BigIntegerField(null=True, blank=True, help_text="Empty: the hub's MEMBER_QUOTA_BYTES.")
    levels = models.SmallIntegerField(
        null=True, blank=True, help_text="Mask of content levels shown. Empty: CONTENT_LEVELS."
    )
    blur = models.BooleanField(
        null=True, blank=True, help_text="Whether lists blur the levels of CONTENT_BLUR. Empty: yes."
    )
    is_group = models.BooleanField(default=False, help_text="Several people act for it; nobody signs in as it.")
    about = models.CharField(max_length=300, blank=True)
    mail = models.JSONField(default=dict, blank=True, help_text="Kind of notification → now, daily or never.")
    mailed_at = models.DateTimeField(null=True, blank=True, help_text="When the last digest went out.")
    first_name = last_name = None  # type: ignore[assignment]  # one name is enough

    objects: ClassVar[People] = People()

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("username"), name="username_once_in_any_case"),
            models.UniqueConstraint(Lower("email"), name="email_once_in_any_case", condition=~models.Q(email="")),
        ]
        # Names by how they begin, whatever the database's own order of letters.
        indexes = [models.Index(OpClass(Lower("username"), name="text_pattern_ops"), name="username_begins")]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Django's own two flags follow the role: only admins enter /admin/, and they may do everything there."""
        self.is_staff = self.is_superuser = self.role == self.Role.ADMIN
        if "role" in (kwargs.get("update_fields") or ()):
            kwargs["update_fields"] = {*kwargs["update_fields"], "is_staff", "is_superuser"}
        super().save(*args, **kwargs)

    @property
    def is_moderator(self) -> bool:
        return self.is_active and self.role in {self.Role.MODERATOR, self.Role.ADMIN}

    @property
    def is_admin(self) -> bool:
        return self.is_active and self.role == self.Role.ADMIN


class Membership(models.Model):
    """Who acts for a group. An invitation is one that was not accepted yet."""

    class Role(TextChoices):
        OWNER = "owner", pgettext_lazy("role", "owner")
        EDITOR = "editor", pgettext_lazy("role", "editor")
        VIEWER = "viewer", pgettext_lazy("role", "viewer")

    group = models.ForeignKey(User, on_delete=models.CASCADE, related_name="members")
    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=8, choices=Role.choices)
    accepted_at = models.DateTimeField(null=True)
    invited_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["group", "person"], name="member_once")]

    def __str__(self) -> str:
        return f"{self.person_id} in {self.group_id}"


class Token(models.Model):
    """An API token. Only its digest is kept; the token itself is shown once, when it is made."""

    class Scope(TextChoices):
        READ = "read"
        UPLOAD = "upload"
        GENERATE = "generate"
        ADMIN = "admin"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=80)
    start = models.CharField(max_length=12, help_text="Its first characters, to tell tokens apart.")
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the token, hex.")
    scopes = ArrayField(models.CharField(max_length=16, choices=Scope.choices))
    options = models.JSONField(default=dict, blank=True, help_text="What its program chose to draw on (A1111's API).")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.start}…)"

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    def problem(self) -> str | None:
        """Why this token does not work, as a sentence; None when it does."""
        if self.revoked_at is not None:
            return "This token was revoked."
        if self.is_expired:
            return f"This token expired on {self.expires_at:%-d %b %Y}. Make a new one under Settings, Tokens."
        if not self.user.is_active:
            return "The account of this token is closed."
        return None
