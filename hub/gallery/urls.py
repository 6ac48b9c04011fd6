from django.urls import path

from hub.gallery import api, pages

app_name = "gallery"
urlpatterns = [
    path("pictures", pages.picture_list, name="picture-list"),
    path("pictures/send", pages.picture_send, name="picture-send"),
    path("pictures/sent/<uuid:sent_id>", pages.picture_sent, name="picture-sent"),
    path("pictures/<int:picture_id>", pages.picture_detail, name="picture-detail"),
    path("pictures/<int:picture_id>/keep", pages.picture_keep, name="picture-keep"),
    path("pictures/<int:picture_id>/workflow", pages.picture_workflow, name="picture-workflow"),
    path("pictures/<int:picture_id>/rate", pages.picture_rate, name="picture-rate"),
    path("pictures/<int:picture_id>/hide", pages.picture_hide, name="picture-hide"),
    path("api/v1/pictures/send", api.PictureSend.as_view(), name="api-picture-send"),
    path("api/v1/pictures/send/<uuid:sent_id>", api.SentPictureDetail.as_view(), name="api-sent-picture-detail"),
    path("api/v1/pictures/send/<uuid:sent_id>/finish", api.SentPictureFinish.as_view(), name="api-sent-picture-finish"),
    path("image/<str:sha256>/<str:params>/<str:name>", pages.picture_file, name="picture-file"),
    path("model-versions/<int:version_id>/strip", pages.strip_detail, name="strip-detail"),
]
