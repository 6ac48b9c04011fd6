"""The same catalogue in other tongues. An id in an address is text here: what is none gets the tongue's own 400."""

from django.urls import path

from hub.protocols.a1111.urls import urlpatterns as a1111
from hub.protocols.civitai import generation, more, pages, views
from hub.protocols.civitai.downloads import FileDownload
from hub.protocols.huggingface.urls import urlpatterns as huggingface
from hub.protocols.huggingface.views import Telemetry
from hub.protocols.openai import urlpatterns as openai

app_name = "protocols"
urlpatterns = [
    path("api/v1/models", views.ModelList.as_view(), name="civitai-model-list"),
    path("api/v1/models/<str:model_id>", views.ModelDetail.as_view(), name="civitai-model-detail"),
    path("api/v1/model-versions/by-hash", views.VersionsByHash.as_view(), name="civitai-versions-by-hash"),
    path("api/v1/model-versions/by-hash/ids", views.VersionIdsByHash.as_view(), name="civitai-version-ids-by-hash"),
    path("api/v1/model-versions/by-hash/<str:hash>", views.VersionByHash.as_view(), name="civitai-version-by-hash"),
    path("api/v1/model-versions/mini/<str:version_id>", more.VersionMini.as_view(), name="civitai-version-mini"),
    path("api/v1/model-versions/<str:version_id>", views.VersionDetail.as_view(), name="civitai-version-detail"),
    path(
        "api/v1/model-files/<str:file_id>/tensor-metadata",
        more.TensorMetadata.as_view(),
        name="civitai-tensor-metadata",
    ),
    path("api/v1/images", views.ImageList.as_view(), name="civitai-image-list"),
    path("api/v1/creators", views.CreatorList.as_view(), name="civitai-creator-list"),
    path("api/v1/tags", views.TagList.as_view(), name="civitai-tag-list"),
    path("api/v1/enums", views.EnumList.as_view(), name="civitai-enum-list"),
    path("api/v1/users", more.UserList.as_view(), name="civitai-user-list"),
    path("api/v1/users/<str:username>", more.UserDetail.as_view(), name="civitai-user-detail"),
    path("api/v1/permissions/check", more.PermissionsCheck.as_view(), name="civitai-permissions-check"),
    path("api/v1/collections", more.CollectionList.as_view(), name="civitai-collection-list"),
    path("api/v1/collections/<str:collection_id>", more.CollectionDetail.as_view(), name="civitai-collection-detail"),
    path("api/v1/articles", more.NotHere.as_view(), name="civitai-articles"),
    path("api/v1/vault/<path:rest>", more.NotHere.as_view(), name="civitai-vault"),
    path("api/v1/me", views.Me.as_view(), name="civitai-me"),
    path("api/download/models/<str:version_id>", FileDownload.as_view(), name="civitai-file-download"),
    path("v1/telemetry", Telemetry.as_view(), name="hf-telemetry-root"),
    path("v1/consumer/jobs", generation.Jobs.as_view(), name="civitai-jobs"),
    path("v1/consumer/jobs/query", generation.JobsQuery.as_view(), name="civitai-jobs-query"),
    path("v1/consumer/jobs/<uuid:job_id>", generation.Job.as_view(), name="civitai-job"),
    path("v2/consumer/workflows", generation.Workflows.as_view(), name="civitai-workflows"),
    path("v2/consumer/workflows/<uuid:workflow_id>", generation.Workflow.as_view(), name="civitai-workflow"),
]
urlpatterns += [
    path("images/<int:picture_id>", pages.picture_page, name="civitai-picture-page"),
    path("posts/<int:picture_id>", pages.picture_page, name="civitai-post-page"),
    path("user/<str:name>", pages.person_page, name="civitai-person-page"),
    path("login", pages.sign_in_page, name="civitai-sign-in-page"),
]
urlpatterns += a1111
urlpatterns += openai
urlpatterns += huggingface
