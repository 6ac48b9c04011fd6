"""Addresses that clients print for people: they lead to the model's page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from hub.catalog import repositories
from hub.errors import NotFound


def repo_page(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    try:
        model = repositories.repository(request.user, owner, name)
    except repositories.RepositoryNotFound as error:
        raise NotFound("There is nothing at this address.") from error
    return redirect("catalog:model-detail", model.pk, model.slug)
