from django.urls import path

from hub.operator import pages

app_name = "operator"
urlpatterns = [path("operator", pages.state_list, name="state-list")]
