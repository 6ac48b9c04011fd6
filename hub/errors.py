"""`Refused`: a no that the person may act on, and its one translation to page, fragment or JSON."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

if TYPE_CHECKING:
    from rest_framework.response import Response


class Refused(Exception):
    """Base of all refusals. Subclasses stand beside the action that raises them and set ``code`` and ``status``."""

    code = "refused"
    status = HTTPStatus.BAD_REQUEST

    def __init__(self, sentence: str, **details: Any) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.details = details


class NotFound(Refused):
    code, status = "not-found", HTTPStatus.NOT_FOUND


class NotAllowed(Refused):
    code, status = "not-allowed", HTTPStatus.FORBIDDEN


def as_json(refused: Refused) -> dict[str, Any]:
    return {"error": refused.sentence, "code": refused.code, **refused.details}


def api_exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's handler: a `Refused` keeps its sentence; the framework's own errors get the same two keys."""
    # Imported late: the framework's views read settings that name classes which import this module.
    from rest_framework.response import Response
    from rest_framework.views import exception_handler as drf_handler

    if isinstance(error, Refused):
        return Response(as_json(error), status=error.status)
    answer = drf_handler(error, context)
    if answer is None:
        return None
    data = answer.data
    if isinstance(data, dict) and set(data) == {"detail"}:
        answer.data = {"error": str(data["detail"]), "code": getattr(data["detail"], "code", "error")}
    elif answer.status_code == HTTPStatus.BAD_REQUEST:
        answer.data = {"error": _first_sentence(data), "code": "invalid", "fields": data}
    return answer


def _first_sentence(data: Any) -> str:
    while isinstance(data, (list, dict)) and data:
        if isinstance(data, dict):
            name, data = next(iter(data.items()))
            if isinstance(data, list) and data and isinstance(data[0], str):
                return f"{name}: {data[0]}" if name != "non_field_errors" else str(data[0])
        else:
            data = data[0]
    return str(data)


class RefusedMiddleware:
    """Shows a `Refused` raised by a page as a page, or as the fragment that htmx asked for."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, Refused):
            return None
        if request.headers.get("Accept", "").startswith("application/json"):
            from django.http import JsonResponse

            return JsonResponse(as_json(error), status=error.status)
        template = "components/refused.html" if request.headers.get("HX-Request") else "refused.html"
        return render(request, template, {"refused": error}, status=error.status)
