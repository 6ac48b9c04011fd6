from django.urls import path

from hub.community import api, feeds, group_pages, pages

# Not below /models/<id>/: there stands a model's slug, which may be any word.
app_name = "community"
urlpatterns = [
    path("likes/models/<int:model_id>", pages.model_like, name="model-like"),
    path("comments/models/<int:model_id>", pages.comment_create, name="comment-create"),
    path("reviews/models/<int:model_id>", pages.review_write, name="review-write"),
    path("models/feed", feeds.model_feed, name="model-feed"),
    path("likes/pictures/<int:picture_id>", pages.picture_like, name="picture-like"),
    path("comments/pictures/<int:picture_id>", pages.comment_create, name="comment-create"),
    path("likes/prompts/<int:prompt_id>", pages.prompt_like, name="prompt-like"),
    path("comments/prompts/<int:prompt_id>", pages.comment_create, name="comment-create"),
    path("comments/<int:comment_id>/remove", pages.comment_remove, name="comment-remove"),
    path("reviews/<int:review_id>/remove", pages.review_remove, name="review-remove"),
    path("u/<str:name>/follow", pages.user_follow, name="user-follow"),
    path("u/<str:name>/feed", feeds.user_feed, name="user-feed"),
    path("api/v1/collections/<int:collection_id>/items", api.CollectionAdd.as_view(), name="api-collection-add"),
    path(
        "api/v1/collections/<int:collection_id>/items/<int:item_id>",
        api.CollectionRemove.as_view(),
        name="api-collection-remove",
    ),
    path("collections", pages.collection_list, name="collection-list"),
    path("collections/new", pages.collection_create, name="collection-create"),
    path("collections/add", pages.collection_add, name="collection-add"),
    path("collections/<int:collection_id>", pages.collection_detail, name="collection-detail"),
    path("collections/<int:collection_id>/edit", pages.collection_edit, name="collection-edit"),
    path("collections/<int:collection_id>/delete", pages.collection_delete, name="collection-delete"),
    path("collections/<int:collection_id>/items/<int:item_id>/move", pages.collection_move, name="collection-move"),
    path(
        "collections/<int:collection_id>/items/<int:item_id>/remove", pages.collection_remove, name="collection-remove"
    ),
    path("groups", group_pages.group_list, name="group-list"),
    path("groups/<str:name>", group_pages.group_detail, name="group-detail"),
    path("groups/<str:name>/edit", group_pages.group_edit, name="group-edit"),
    path("groups/<str:name>/members", group_pages.member_set, name="member-set"),
    path("groups/<str:name>/invite", group_pages.member_invite, name="member-invite"),
    path("groups/<str:name>/answer", group_pages.invite_answer, name="invite-answer"),
    path("transfers/models/<int:model_id>", group_pages.model_transfer, name="model-transfer"),
    path("settings/mail", pages.mail_set, name="mail-set"),
    path("mail/stop/<str:token>", pages.mail_stop, name="mail-stop"),
    path("notifications", pages.notice_list, name="notice-list"),
]
