"""The operators' face of accounts. /admin/ is entered through our own sign-in, two-factor included."""

from typing import Any

from allauth.account.decorators import secure_admin_login
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.forms import ModelForm
from django.http import HttpRequest

from hub.accounts import actions
from hub.accounts.models import Token, User

admin.site.site_header = admin.site.site_title = "Weightroom"
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.unregister(Group)  # roles say who may do what


class PersonForm(forms.ModelForm):
    class Meta:
        model = User
        fields = ["username", "email", "role", "is_active", "quota_bytes"]

    def clean(self) -> dict[str, Any]:
        """Refuses to leave the hub without an admin."""
        data = super().clean() or {}
        keeps = data.get("role") == User.Role.ADMIN and data.get("is_active")
        others = User.objects.filter(role=User.Role.ADMIN, is_active=True).exclude(pk=self.instance.pk)
        was = User.objects.filter(pk=self.instance.pk, role=User.Role.ADMIN, is_active=True).exists()
        if was and not keeps and not others.exists():
            raise forms.ValidationError("This is the only admin. Make another one first.")
        return data


@admin.register(User)
class PersonAdmin(UserAdmin):
    form = PersonForm
    list_display = ["username", "email", "role", "is_active", "date_joined", "last_login"]
    list_filter = ["role", "is_active"]
    search_fields = ["username", "email"]
    ordering = ["username"]
    readonly_fields = ["date_joined", "last_login"]
    filter_horizontal = []
    fieldsets = [
        (None, {"fields": ["username", "email"]}),
        ("May", {"fields": ["role", "is_active", "quota_bytes"]}),
        ("When", {"fields": ["date_joined", "last_login"]}),
    ]
    add_fieldsets = [
        (None, {"classes": ["wide"], "fields": ["username", "email", "usable_password", "password1", "password2"]})
    ]

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and "role" in form.changed_data:
            actions.role_set(user=obj, role=obj.role, by=request.user)  # type: ignore[arg-type]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # an account is closed (not active); what it published keeps its owner


@admin.register(Token)
class TokenAdmin(admin.ModelAdmin):
    """To see and to revoke; tokens are made by those who use them."""

    list_display = ["start", "name", "user", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at"]
    search_fields = ["user__username", "name", "start"]
    list_select_related = ["user"]
    actions = ["revoke"]

    @admin.action(description="Revoke the chosen tokens")
    def revoke(self, request: HttpRequest, queryset: Any) -> None:
        for token in queryset.filter(revoked_at=None).select_related("user"):
            actions.token_revoke(user=token.user, id=token.pk)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
