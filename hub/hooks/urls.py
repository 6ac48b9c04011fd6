from django.urls import path

from hub.hooks import pages

app_name = "hooks"
urlpatterns = [
    path("settings/webhooks", pages.hook_list, name="hook-list"),
    path("settings/webhooks/new", pages.hook_create, name="hook-create"),
    path("settings/webhooks/<int:hook_id>", pages.hook_detail, name="hook-detail"),
    path("settings/webhooks/<int:hook_id>/set", pages.hook_set, name="hook-set"),
    path("settings/webhooks/<int:hook_id>/delete", pages.hook_delete, name="hook-delete"),
    path("settings/webhooks/deliveries/<uuid:delivery_id>/again", pages.delivery_again, name="delivery-again"),
]
