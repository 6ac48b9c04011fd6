from django.urls import path

from hub.uploads import api, companion, pages

app_name = "uploads"
urlpatterns = [
    path("uploads/start", pages.upload_start, name="upload-start"),
    path("uploads/send", pages.upload_send, name="upload-send"),
    path("uploads/<uuid:id>/row", pages.upload_row, name="upload-row"),
    path("uploads/<uuid:id>/status", pages.upload_status, name="upload-status"),
    path("uploads/<uuid:id>/header", pages.upload_header, name="upload-header"),
    path("uploads/<uuid:id>/file", pages.upload_file, name="upload-file"),
    path("uploads/<uuid:id>/fields", pages.upload_fields, name="upload-fields"),
    path("uploads/<uuid:id>/publish", pages.upload_publish, name="upload-publish"),
    path("uploads/<uuid:id>/move", pages.upload_move, name="upload-move"),
    path("uploads/<uuid:id>/base", pages.upload_base, name="upload-base"),
    path("uploads/<uuid:id>/remove", pages.upload_remove, name="upload-remove"),
    path("api/v1/uploads", api.UploadList.as_view(), name="upload-list"),
    path("api/v1/uploads/<uuid:id>", api.UploadDetail.as_view(), name="upload-detail"),
    path("api/v1/uploads/<uuid:id>/parts", api.UploadParts.as_view(), name="upload-parts"),
    path("api/v1/uploads/<uuid:id>/head", api.UploadHead.as_view(), name="upload-head"),
    path("api/v1/uploads/<uuid:id>/complete", api.UploadComplete.as_view(), name="upload-complete"),
    path("s3/multipart", companion.MultipartStart.as_view(), name="multipart-start"),
    path("s3/multipart/<uuid:id>", companion.MultipartDetail.as_view(), name="multipart-detail"),
    path("s3/multipart/<uuid:id>/batch", companion.MultipartBatch.as_view(), name="multipart-batch"),
    path("s3/multipart/<uuid:id>/complete", companion.MultipartComplete.as_view(), name="multipart-complete"),
    path("s3/multipart/<uuid:id>/<int:number>", companion.MultipartPart.as_view(), name="multipart-part"),
]
