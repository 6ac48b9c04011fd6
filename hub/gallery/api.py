"""Sending pictures: a row and a URL, the bytes to the store, then a worker's reading."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hub.accounts.permissions import person
from hub.catalog.queries import version_visible
from hub.gallery import sent
from hub.gallery.serializers import PictureSendInput, PictureSendOutput, SentPictureOutput

TAGS = ["pictures"]


class PictureSend(APIView):
    scope = "upload"

    @extend_schema(tags=TAGS, request=PictureSendInput, responses={201: PictureSendOutput})
    def post(self, request: Request) -> Response:
        """Begin to send a picture: to a version's gallery, or to have its recipe read."""
        wanted = PictureSendInput(data=request.data)
        wanted.is_valid(raise_exception=True)
        data = wanted.validated_data
        version = version_visible(request.user, data["version"]) if "version" in data else None
        row, url = sent.picture_send(
            owner=person(request), name=data["name"], size=data["size"], version=version, material=data["material"]
        )
        here = settings.PUBLIC_URL + reverse("gallery:api-sent-picture-detail", args=[row.pk])
        output = PictureSendOutput({"id": row.pk, "put": url, "finish": f"{here}/finish", "url": here})
        return Response(output.data, status=201)


class SentPictureDetail(APIView):
    scope = "upload"

    @extend_schema(tags=TAGS, responses=SentPictureOutput)
    def get(self, request: Request, sent_id: uuid.UUID) -> Response:
        """Where it stands, and what it says: its recipe, with each file found by digest, then by name."""
        response = Response(SentPictureOutput(sent.sent_for(request.user, sent_id)).data)
        response["Cache-Control"] = "no-store"
        return response


class SentPictureFinish(APIView):
    scope = "upload"

    @extend_schema(tags=TAGS, request=None, responses={202: SentPictureOutput})
    def post(self, request: Request, sent_id: uuid.UUID) -> Response:
        """Its bytes are in the store: have them read. Repeating is harmless."""
        row = sent.picture_finish(sent=sent.sent_for(request.user, sent_id))
        return Response(SentPictureOutput(row).data, status=202)
