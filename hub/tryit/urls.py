from django.urls import URLPattern

app_name = "tryit"
urlpatterns: list[URLPattern] = []
