"""People, what they may do, and the tokens their programs use."""

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower

from hub.accounts.names import check_name


class User(AbstractUser):
    class Role(models.TextChoices):
        MEMBER = "member"
        MODERATOR = "moderator"
        ADMIN = "admin"

    username = models.CharField(
        max_length=96, unique=True, validators=[check_name], error_messages={"unique": "That name is taken."}
    )
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.MEMBER)
    quota_bytes = models.BigIntegerField(null=True, blank=True, help_text="Empty: the hub's MEMBER_QUOTA_BYTES.")
    first_name = last_name = None

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("username"), name="username_once_in_any_case"),
            models.UniqueConstraint(
                Lower("email"), name="email_once_in_any_case", condition=~models.Q(email="")
            ),
        ]

    @property
    def is_moderator(self) -> bool:
        return self.is_active and self.role in {self.Role.MODERATOR, self.Role.ADMIN}


class Token(models.Model):
    """An API token. Only its digest is kept; the token itself is shown once, when it is made."""

    class Scope(models.TextChoices):
        READ = "read"
        UPLOAD = "upload"
        GENERATE = "generate"
        ADMIN = "admin"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=80)
    start = models.CharField(max_length=12, help_text="Its first characters, to tell tokens apart.")
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the token, hex.")
    scopes = ArrayField(models.CharField(max_length=16, choices=Scope.choices))
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
