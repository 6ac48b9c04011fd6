from django.urls import path

from hub.catalog import api, pages

app_name = "catalog"
urlpatterns = [
    path("", pages.home, name="home"),
    path("models", pages.model_list, name="model-list"),
    path("models/<int:model_id>", pages.model_detail, name="model-detail"),
    path("models/<int:model_id>/edit", pages.model_edit, name="model-edit"),
    path("models/<int:model_id>/delete", pages.model_delete, name="model-delete"),
    path("models/<int:model_id>/<str:slug>", pages.model_detail, name="model-detail"),
    path("model-versions/<int:version_id>", pages.version_detail, name="version-detail"),
    path("models/choices/<str:name>", pages.facet_list, name="facet-list"),
    path("models/markdown", pages.markdown_preview, name="markdown-preview"),
    path("model-versions/<int:version_id>/edit", pages.version_edit, name="version-edit"),
    path("model-versions/<int:version_id>/publish", pages.version_publish, name="version-publish"),
    path("model-versions/<int:version_id>/unpublish", pages.version_unpublish, name="version-unpublish"),
    path("model-versions/<int:version_id>/schedule", pages.version_schedule, name="version-schedule"),
    path("model-versions/<int:version_id>/manifest", pages.version_manifest, name="version-manifest"),
    path("api/v1/model-versions", api.VersionCreate.as_view(), name="api-version-create"),
    path("api/v1/model-versions/<int:version_id>/publish", api.VersionPublish.as_view(), name="api-version-publish"),
    path(
        "api/v1/model-versions/<int:version_id>/unpublish", api.VersionUnpublish.as_view(), name="api-version-unpublish"
    ),
    path("search", pages.model_search, name="model-search"),
]
