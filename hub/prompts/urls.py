from django.urls import path

from hub.prompts import api, pages

app_name = "prompts"
urlpatterns = [
    path("prompts", pages.prompt_list, name="prompt-list"),
    path("prompts/new", pages.prompt_create, name="prompt-create"),
    path("prompts/import", pages.prompt_import, name="prompt-import"),
    path("prompts/wildcards", pages.wildcard_list, name="wildcard-list"),
    path("api/v1/prompts", api.PromptList.as_view(), name="api-prompt-list"),
    path("api/v1/prompts/<int:prompt_id>", api.PromptDetail.as_view(), name="api-prompt-detail"),
    path("prompts/<int:prompt_id>", pages.prompt_detail, name="prompt-detail"),
    path("prompts/<int:prompt_id>/workflow", pages.prompt_workflow, name="prompt-workflow"),
    path("prompts/<int:prompt_id>/edit", pages.prompt_edit, name="prompt-edit"),
    path("prompts/<int:prompt_id>/fork", pages.prompt_fork, name="prompt-fork"),
    path("prompts/<int:prompt_id>/delete", pages.prompt_delete, name="prompt-delete"),
    path("prompts/<int:prompt_id>/examples", pages.example_add, name="example-add"),
    path("prompts/<int:prompt_id>/examples/<int:picture_id>/remove", pages.example_remove, name="example-remove"),
]
