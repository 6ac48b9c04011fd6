from django.urls import path

from hub.moderation import api, pages

app_name = "moderation"
urlpatterns = [
    path("moderation", pages.held_list, name="held-list"),
    path("moderation/files/<int:file_id>/verdict", pages.verdict_set, name="verdict-set"),
    path("moderation/uploads/<uuid:upload_id>/release", pages.upload_release, name="upload-release"),
    path("moderation/log", pages.entry_list, name="entry-list"),
    path("moderation/rechecks", pages.recheck_list, name="recheck-list"),
    path("moderation/rechecks/status", pages.recheck_status, name="recheck-status"),
    path("moderation/rechecks/start", pages.recheck_start, name="recheck-start"),
    path("moderation/rechecks/stop", pages.recheck_stop, name="recheck-stop"),
    path("api/v1/moderation/held", api.HeldList.as_view(), name="api-held-list"),
    path("api/v1/moderation/files/<int:file_id>/verdict", api.VerdictSet.as_view(), name="api-verdict-set"),
    path("api/v1/moderation/uploads/<uuid:upload_id>/release", api.UploadRelease.as_view(), name="api-upload-release"),
    path("api/v1/moderation/log", api.EntryList.as_view(), name="api-entry-list"),
    path("api/v1/moderation/rechecks", api.RecheckList.as_view(), name="api-recheck-list"),
]
