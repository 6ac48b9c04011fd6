from django.urls import path

from hub.imports import api, pages

app_name = "imports"
urlpatterns = [
    path("import", pages.import_list, name="import-list"),
    path("import/<uuid:id>", pages.import_detail, name="import-detail"),
    path("import/<uuid:id>/cancel", pages.import_cancel, name="import-cancel"),
    path("import/<uuid:id>/retry", pages.import_retry, name="import-retry"),
    path("api/v1/imports", api.ImportList.as_view(), name="api-import-list"),
    path("api/v1/imports/<uuid:id>", api.ImportDetail.as_view(), name="api-import-detail"),
    path("api/v1/imports/<uuid:id>/retry", api.ImportRetry.as_view(), name="api-import-retry"),
]
