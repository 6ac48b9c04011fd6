"""OpenAI's picture API, as its SDKs speak it: ``/v1/images/generations``, ``/v1/models``.

Beyond it, ``seed``, ``steps``, ``cfg_scale`` and ``negative_prompt`` are understood, and ``<lora:…>`` in the prompt.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from msgspec.structs import replace
from rest_framework.exceptions import APIException, ParseError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hub.accounts.authentication import TokenAuthentication
from hub.accounts.permissions import person
from hub.catalog.models import File
from hub.errors import Refused
from hub.gallery import sent
from hub.gallery.links import signed_url
from hub.gallery.models import Picture
from hub.parsers import PicturesFormParser
from hub.protocols import drawing, waiting
from hub.protocols.a1111.requests import number_of
from hub.protocols.a1111.views import encoded
from hub.protocols.civitai.params import AlwaysJson
from workers.hints import Source
from workers.messages import Recipe

MOST = 10
_SIZE = re.compile(r"(\d{2,5})x(\d{2,5})")
_TYPES = {
    HTTPStatus.UNAUTHORIZED: ("invalid_request_error", "invalid_api_key"),
    HTTPStatus.FORBIDDEN: ("invalid_request_error", "insufficient_permissions"),
    HTTPStatus.TOO_MANY_REQUESTS: ("rate_limit_error", "rate_limit_exceeded"),
}


class BadParameter(Refused):
    """A field of the request; ``param`` names it."""

    code = "invalid_value"


class Tongue(APIView):
    """Tokens only; refusals in OpenAI's shape."""

    scope, public = "generate", False
    schema = None  # the OpenAPI file tells our own API; this one is told by its clients
    authentication_classes = [TokenAuthentication]
    content_negotiation_class = AlwaysJson

    def handle_exception(self, error: Exception) -> Response:
        if isinstance(error, Refused):
            return refusal(error.sentence, error.status, code=error.code, param=error.details.get("param"))
        answer = super().handle_exception(error)
        if isinstance(error, APIException) and isinstance(answer.data, dict):
            sentence, code = str(answer.data.get("error", "")), str(answer.data.get("code", "error"))
            answer.data = refusal(sentence, answer.status_code, code=code).data
        return answer


def refusal(sentence: str, status: int, *, code: str, param: str | None = None) -> Response:
    """The SDK makes an exception of it by its status, and asks again on any 5xx and 409 unless told not to."""
    if code == "cannot-draw":
        status, code = HTTPStatus.BAD_REQUEST, "unsupported_value"
    if code == "checkpoint-unknown":
        code, param = "model_not_found", "model"
    kind = "server_error" if status >= 500 else "invalid_request_error"
    kind, code = _TYPES.get(HTTPStatus(status), (kind, code))
    headers = {"x-should-retry": "false"}
    if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        headers = {"Retry-After": "5"}
    body = {"error": {"message": sentence, "type": kind, "param": param, "code": code}}
    return Response(body, status=status, headers=headers)


class Generations(Tongue):
    wordless = False

    def post(self, request: Request) -> Response:
        """Draw, and answer when it is drawn. A client that hangs up takes its pictures out of the line."""
        return self.drawn(request, _body(request))

    def drawn(self, request: Request, body: Mapping[str, Any], source: Source | None = None) -> Response:
        """The answer, when what ``body`` asks for is drawn; ``source``: what it starts from."""
        owner = person(request)
        count = _count(body)
        link = _one_of(body, "response_format", ("b64_json", "url"), "b64_json") == "url"
        if self.wordless:
            body = {"prompt": "a picture"} | dict(body)
        recipe = replace(_recipe(body, _base(body, owner)), source=source)
        generations = drawing.asked(owner=owner, recipe=recipe, count=count)
        try:
            pictures = drawing.drawn(generations, owner=owner, gone=lambda: waiting.hung_up(request._request))
        except waiting.HungUp:
            return Response(status=waiting.CLIENT_CLOSED)
        return Response(
            {
                "created": int(time.time()),
                "data": [_datum(picture, link=link) for picture in pictures],
                "size": f"{pictures[0].width}x{pictures[0].height}",
                "output_format": "png",
                "background": "opaque",
            }
        )


def _datum(picture: Picture, *, link: bool) -> dict[str, Any]:
    return {"url": signed_url(picture)} if link else {"b64_json": encoded(picture)}


def _body(request: Request) -> Mapping[str, Any]:
    try:
        data = request.data
    except ParseError as error:
        raise BadParameter("The body is no JSON.") from error
    if not isinstance(data, Mapping):
        raise BadParameter("The body must be a JSON object.")
    return data


def _base(body: Mapping[str, Any], owner: Any) -> File:
    named = body.get("model")
    return drawing.checkpoint_named(owner, str(named)) if named else drawing.default_checkpoint(owner)


def _count(body: Mapping[str, Any]) -> int:
    count: int = 1 if body.get("n") is None else number_of("n", body["n"], int)
    if not 1 <= count <= MOST:
        raise BadParameter(f"n must be from 1 to {MOST}.", param="n")
    return count


def _recipe(body: Mapping[str, Any], base: File) -> Recipe:
    """What the request asks for. Quality, style, user and moderation change nothing here; pictures are always PNG on an
    opaque ground, which the answer says, whatever ``output_format`` and ``background`` ask for."""
    prompt = body.get("prompt")
    if not isinstance(prompt, str) or not prompt.strip():
        raise BadParameter("prompt must be a text.", param="prompt")
    if body.get("stream"):
        raise BadParameter("Pictures are not streamed here; leave stream out.", param="stream")
    _one_of(body, "output_format", ("png", "jpeg", "webp"), "png")
    _one_of(body, "background", ("auto", "opaque", "transparent"), "auto")
    recipe = replace(drawing.recipe_on(base), prompt=prompt, negative=str(body.get("negative_prompt") or ""))
    given: dict[str, Any] = {}
    for ours, theirs, kind in (("seed", "seed", int), ("steps", "steps", int), ("cfg", "cfg_scale", float)):
        if body.get(theirs) is not None:
            given[ours] = number_of(theirs, body[theirs], kind)
    size = body.get("size") or "auto"
    if size != "auto":
        found = _SIZE.fullmatch(str(size))
        if found is None:
            raise BadParameter("size must be auto, or width and height as in 512x512.", param="size")
        given |= {"width": int(found[1]), "height": int(found[2])}
    return replace(recipe, **given)


def _one_of(body: Mapping[str, Any], name: str, allowed: tuple[str, ...], default: str) -> str:
    value = body.get(name) or default
    if value not in allowed:
        raise BadParameter(f"{name} must be {' or '.join(allowed)} here.", param=name)
    return str(value)


class Edits(Generations):
    """The same from a picture, sent as a form: ``image`` (or ``image[]``), and a ``mask`` whose clear part is drawn
    anew. Beyond it, ``strength`` says how much of an unmasked picture is."""

    parser_classes = [PicturesFormParser]

    def post(self, request: Request) -> Response:
        form: Any = request.data
        files = request.FILES
        images = files.getlist("image") + files.getlist("image[]")
        if len(images) != 1:
            raise BadParameter("image must be one picture, sent as a file of a form.", param="image")
        body = {name: form.get(name) for name in form if name not in files}
        numbers = {name: str(body.get(name)) for name in ("n", "seed", "steps")}
        body |= {name: int(said) for name, said in numbers.items() if said.lstrip("-").isdecimal()}
        if body.get("stream") in ("false", "False", ""):
            del body["stream"]
        return self.drawn(request, body, self.source(request, body, images[0], files.get("mask")))

    def source(self, request: Request, body: Mapping[str, Any], image: Any, mask: Any) -> Source:
        owner = person(request)
        if mask is not None:
            given = drawing.picture_given(owner, mask.read(sent.MAX_BYTES + 1), field="mask")
            # What is clear in a mask is drawn anew; in the webui's, what is not.
            return Source(picture=self.taken(owner, image), mask=given, denoising=1.0, invert=True)
        strength = number_of("strength", body.get("strength") or 0.75, float)
        return Source(picture=self.taken(owner, image), denoising=strength)

    def taken(self, owner: Any, image: Any) -> str:
        return drawing.picture_given(owner, image.read(sent.MAX_BYTES + 1), field="image")


class Variations(Edits):
    """A picture drawn again; without words, where none are given."""

    wordless = True

    def source(self, request: Request, body: Mapping[str, Any], image: Any, mask: Any) -> Source:
        return Source(picture=self.taken(person(request), image), denoising=0.6)


class Models(Tongue):
    def get(self, request: Request) -> Response:
        """Checkpoints that can be drawn on."""
        files = drawing.checkpoints(request.user)
        return Response({"object": "list", "data": [_model(file) for file in files]})


class Model(Tongue):
    def get(self, request: Request, name: str) -> Response:
        return Response(_model(drawing.checkpoint_named(request.user, name)))


def _model(file: File) -> dict[str, Any]:
    version = file.version
    return {
        "id": drawing.name_of(file),
        "object": "model",
        "created": int((version.published_at or version.created_at).timestamp()),
        "owned_by": version.model.owner.username,
    }


def unknown(request: HttpRequest, rest: str) -> HttpResponse:
    """Chats, embeddings and the rest of OpenAI's API."""
    sentence = f"There is nothing at /v1/{rest[:80]} here; /v1/images/generations and /v1/models are."
    answer = refusal(sentence, HTTPStatus.NOT_FOUND, code="not_found")
    return JsonResponse(answer.data, status=answer.status_code, headers={"x-should-retry": "false"})


urlpatterns = [
    path("v1/images/generations", Generations.as_view(), name="openai-generations"),
    path("v1/images/edits", Edits.as_view(), name="openai-edits"),
    path("v1/images/variations", Variations.as_view(), name="openai-variations"),
    path("v1/models", Models.as_view(), name="openai-models"),
    path("v1/models/<path:name>", Model.as_view(), name="openai-model"),
    path("v1/<path:rest>", unknown, name="openai-unknown"),
]
