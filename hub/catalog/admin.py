"""Operators' view of the catalogue: base models are theirs to edit, the rest is for looking up."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from hub.catalog.models import Base, File, Model, Version


class Looking(admin.ModelAdmin):  # type: ignore[type-arg]
    """Counting a million rows takes longer than showing thirty; and rows change through actions, never here."""

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Base)
class BaseAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    show_full_result_count = False
    list_display = ("name", "family", "ecosystem", "licence", "hidden")
    list_filter = ("family", "hidden")
    search_fields = ("name",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # versions name it; hide it instead


@admin.register(Model)
class ModelAdmin(Looking):
    list_display = ("id", "name", "type", "owner", "status", "published_at")
    list_filter = ("status", "type")
    list_select_related = ("owner",)
    search_fields = ("name", "owner__username")


@admin.register(Version)
class VersionAdmin(Looking):
    list_display = ("id", "model", "name", "base", "status", "published_at")
    list_filter = ("status",)
    list_select_related = ("model", "base")
    search_fields = ("model__name", "name")


@admin.register(File)
class FileAdmin(Looking):
    list_display = ("id", "name", "version", "verdict", "adapter", "format", "precision")
    list_filter = ("verdict", "adapter")
    list_select_related = ("version",)
    search_fields = ("name", "blob__sha256")
