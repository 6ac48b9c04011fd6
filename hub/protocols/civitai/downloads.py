"""Downloads: a redirect to the object store, which serves the bytes, ranges and the file's name by itself."""

from __future__ import annotations

import unicodedata
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.http import http_date
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hub import storage
from hub.catalog import queries
from hub.catalog.models import File
from hub.catalog.serializers import attacks
from hub.errors import Refused
from hub.protocols.civitai import docs
from hub.protocols.civitai.params import AlwaysJson, Params, identity
from hub.protocols.counting import download_count


def plain_name(file: File) -> str:
    """The name in ASCII and without ``=``: clients cut it out of the header or the address by hand."""
    name = unicodedata.normalize("NFKD", queries.download_name(file)).encode("ascii", "ignore").decode()
    return name.replace("=", "_") or f"{file.version_id}.safetensors"


def _headers(file: File) -> dict[str, str]:
    return {
        "Content-Type": "application/octet-stream",
        "Content-Length": str(file.blob.size),
        "Content-Disposition": storage.content_disposition(plain_name(file), plain=True),
        "Accept-Ranges": "bytes",
        "ETag": f'"{file.blob_id}"',
        "Last-Modified": http_date(file.created_at.timestamp()),
    }


class FileDownload(APIView):
    """Programs save whatever they get as a model, so that a page or a redirect to one is only for browsers."""

    scope, public = "read", True
    content_negotiation_class = AlwaysJson

    @extend_schema(
        operation_id="models_download",
        parameters=docs.DOWNLOAD,
        responses={**docs.REDIRECT, **docs.ERRORS},
        tags=["models"],
    )
    def get(self, request: Request, version_id: str) -> HttpResponse:
        """A version's file: 307 to a short-lived address that serves it with its name, length and ranges."""
        params = Params(request.GET)
        file = queries.file_for(
            request.user,
            identity(version_id),
            type=params.text("type"),
            format=params.text("format"),
            size=params.text("size"),
            fp=params.text("fp", limit=64),
            quant_type=params.text("quantType"),
            file_id=identity(params.text("fileId"), "fileId") if params.text("fileId") else None,
        )
        queries.download_check(request.user, file.version.model)
        if request.method == "HEAD":  # no download; and an address signed for GET would be refused to it
            return HttpResponse(headers=_headers(file))
        if request.method == "GET":
            download_count(request._request, request.user, file)
        address = storage.download_url(file.blob_id, plain_name(file), plain=True, aside=file.blob.held_at is not None)
        headers = {"Location": address}
        if said := attacks(file):
            headers["X-Weightroom-Warning"] = " ".join(said).encode("ascii", "replace").decode()
        return HttpResponse(status=HTTPStatus.TEMPORARY_REDIRECT, headers=headers)

    def handle_exception(self, error: Exception) -> Any:
        if not isinstance(error, Refused):
            return super().handle_exception(error)
        browser = "text/html" in self.request.headers.get("Accept", "")
        if isinstance(error, queries.SignInToDownload):
            if browser:
                asked = urlencode({"next": self.request.get_full_path(), "reason": "download-auth"})
                return HttpResponseRedirect(f"{reverse('account_login')}?{asked}")
            return JsonResponse({"error": "Unauthorized", "message": error.sentence}, status=error.status)
        if browser:
            raise error  # hub.errors makes a page of it
        return JsonResponse({"error": error.sentence}, status=error.status)

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        return Response(status=HTTPStatus.OK)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Access-Control-Allow-Origin"] = "*"
        response["Access-Control-Allow-Headers"] = "*"
        response["Cache-Control"] = "no-store, max-age=0"
        return response
