from django.urls import path

from hub.tryit import api, pages

app_name = "tryit"
urlpatterns = [
    path("try", pages.generation_create, name="generation-create"),
    path("try/hint/<str:sha256>", pages.hint_trace, name="hint-trace"),
    path("try/adapters", pages.adapter_list, name="adapter-list"),
    path("try/prompt", pages.prompt_read, name="prompt-read"),
    path("try/plot", pages.plot_price, name="plot-price"),
    path("try/<uuid:generation_id>", pages.generation_detail, name="generation-detail"),
    path("try/<uuid:generation_id>/cancel", pages.generation_cancel, name="generation-cancel"),
    path("try/<uuid:generation_id>/first", pages.generation_first, name="generation-first"),
    path("try/<uuid:generation_id>/again", pages.generation_again, name="generation-again"),
    path("compare", pages.comparison_detail, name="comparison-detail"),
    path("compare/draw", pages.comparison_draw, name="comparison-draw"),
    path("model-versions/<int:version_id>/strip/draw", pages.frame_create, name="frame-create"),
    path("api/v1/generations", api.GenerationList.as_view(), name="api-generation-list"),
    path("api/v1/generations/<uuid:generation_id>", api.GenerationDetail.as_view(), name="api-generation-detail"),
    path("api/v1/prompts/read", api.PromptRead.as_view(), name="api-prompt-read"),
    path("api/v1/model-versions/<int:version_id>/previews", api.PreviewList.as_view(), name="api-preview-list"),
]
