"""The hub's addresses, and a bare view beside them: what a request with one query costs on this server, no more."""

from django.http import HttpRequest, JsonResponse
from django.urls import path

from hub.catalog.models import Version
from hub.urls import handler403, handler404, handler500, urlpatterns

__all__ = ["handler403", "handler404", "handler500", "urlpatterns"]


def bare(request: HttpRequest, pk: int) -> JsonResponse:
    return JsonResponse(Version.objects.values("id", "name", "status").get(pk=pk))


urlpatterns = [path("bare/<int:pk>", bare), *urlpatterns]
