from django.urls import path

from hub.operator import pages

app_name = "operator"
urlpatterns = [
    path("operator", pages.state_list, name="state-list"),
    path("operator/people", pages.person_list, name="person-list"),
    path("operator/people/<int:user_id>/role", pages.person_role, name="person-role"),
    path("operator/people/<int:user_id>/close", pages.person_close, name="person-close"),
    path("operator/people/<int:user_id>/quota", pages.person_quota, name="person-quota"),
]
