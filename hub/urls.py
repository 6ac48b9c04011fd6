"""Mounts each app: pages at /, JSON at /api/v1/, other protocols at their own paths."""

from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView

from hub import pages

typed = RedirectView.as_view(pattern_name="uploads:upload-start", permanent=False)  # what people type
urlpatterns = [
    path("", include("hub.catalog.urls")),
    path("", include("hub.imports.urls")),
    path("", include("hub.uploads.urls")),
    path("", include("hub.moderation.urls")),
    path("", include("hub.tryit.urls")),
    path("", include("hub.community.urls")),
    path("", include("hub.prompts.urls")),
    path("", include("hub.gallery.urls")),
    path("", include("hub.hooks.urls")),
    path("", include("hub.accounts.urls")),
    path("", include("hub.operator.urls")),
    path("", include("hub.leaving.urls")),
    path("upload", typed),
    path("uploads", typed),
    path("api/docs", pages.api_docs, name="api-docs"),
    path("api/openapi.yaml", SpectacularAPIView.as_view(), name="openapi"),
    path("healthz", pages.health, name="health"),
    # Last: a repository's page is /<owner>/<name>, which is what any other address of two parts looks like.
    path("", include("hub.protocols.urls")),
]
handler404, handler500, handler403 = "hub.pages.not_found", "hub.pages.broken", "hub.pages.forbidden"
