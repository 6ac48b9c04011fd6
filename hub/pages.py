"""What every page shares: security headers, the bar's context, error pages, health, the API's page."""

import secrets
from typing import Any

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.middleware.locale import LocaleMiddleware
from django.shortcuts import render
from django.utils import translation

from hub.api_docs import page as api_docs_page


class SecurityHeaders:
    """A content security policy without ``unsafe-inline``; pictures come from here, uploads go to the object store."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response
        self.policy = "; ".join(
            [
                "default-src 'self'",
                "img-src 'self' data: blob:",
                f"connect-src 'self' {settings.S3_PUBLIC_ENDPOINT}",
                "style-src 'self'",
                "script-src 'self'",
                "object-src 'none'",
                "base-uri 'none'",
                "form-action 'self'",
                "frame-ancestors 'none'",
            ]
        )

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", self.policy)
        response.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        return response


class PagesCompressed(GZipMiddleware):
    """gzip for pages, not for the APIs: their clients read lengths and entity tags, and mostly sit beside the hub.

    Django pads each compressed answer at random, so that a page's length tells nothing of the secrets in it (BREACH).
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if not response.get("Content-Type", "").startswith("text/html"):
            return response
        return super().process_response(request, response)


class Language(LocaleMiddleware):
    """Pages in the language that a person chose, else in their browser's; programs are always answered in English, so
    that a sentence can be searched for."""

    def process_request(self, request: HttpRequest) -> None:
        if request.path_info.startswith(Slashes.ROOTS):
            translation.activate(settings.LANGUAGE_CODE)
            request.LANGUAGE_CODE = settings.LANGUAGE_CODE  # type: ignore[attr-defined]
            return
        super().process_request(request)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if request.path_info.startswith(Slashes.ROOTS):
            return response
        return super().process_response(request, response)


class Slashes:
    """Addresses of the APIs as clients write them: with two slashes in front, or one at the end. None of them follows a
    redirect, so they are taken for what is meant."""

    ROOTS = ("/api/", "/sdapi/", "/v1/", "/v2/")

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = "/" + request.path_info.lstrip("/")
        if path.startswith(self.ROOTS):
            request.path_info = path.rstrip("/")
            request.path = request.META.get("SCRIPT_NAME", "").rstrip("/") + request.path_info
        return self.get_response(request)


def context(request: HttpRequest) -> dict[str, Any]:
    theme = request.COOKIES.get("theme", "")
    return {
        "theme": theme if theme in {"light", "dark"} else "",
        "section": (request.resolver_match.app_name if request.resolver_match else ""),
        "public_url": settings.PUBLIC_URL,
        "sign_up_open": settings.SIGN_UP_OPEN,
    }


def health(request: HttpRequest) -> JsonResponse:
    """200 where the database answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok"})


def api_docs(request: HttpRequest) -> HttpResponse:
    return render(request, "api_docs.html", api_docs_page())


def wants_json(request: HttpRequest) -> bool:
    return request.path.startswith("/api/") or "text/html" not in request.headers.get("Accept", "*/*;text/html")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if wants_json(request):
        return JsonResponse({"error": "There is nothing at this address.", "code": "not-found"}, status=404)
    return render(request, "404.html", status=404)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if wants_json(request):
        return JsonResponse({"error": "This is private.", "code": "not-allowed"}, status=403)
    return render(request, "403.html", status=403)


def broken(request: HttpRequest) -> HttpResponse:
    """Something failed that should not have; the number finds it in the log."""
    import logging

    number = secrets.token_hex(2).upper()
    logging.getLogger("hub").error("Error %s at %s", number, request.path)
    if wants_json(request):
        sentence = f"Something broke on our side. It is logged as {number}; trying again is safe."
        return JsonResponse({"error": sentence, "code": "broken", "number": number}, status=500)
    return render(request, "500.html", {"number": number}, status=500)
