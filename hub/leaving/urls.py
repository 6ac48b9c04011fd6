from django.urls import path

from hub.leaving import pages

app_name = "leaving"
urlpatterns = [
    path("settings/data", pages.account_data, name="account-data"),
    path("settings/data/export", pages.export_start, name="export-start"),
    path("settings/data/export/<uuid:id>", pages.export_file, name="export-file"),
    path("settings/data/delete", pages.account_delete, name="account-delete"),
]
