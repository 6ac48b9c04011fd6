"""Addresses that clients print for people: they lead to the model's page."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from hub.catalog import repositories
from hub.catalog.renames import model_renamed


def repo_page(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    try:
        model = repositories.repository(request.user, owner, name)
    except repositories.RepositoryNotFound as error:
        if renamed := model_renamed(request.user, owner, name):
            return redirect("catalog:model-detail", renamed.pk, renamed.slug)
        raise Http404 from error  # any other address of two parts: the page that offers a search
    return redirect("catalog:model-detail", model.pk, model.slug)
