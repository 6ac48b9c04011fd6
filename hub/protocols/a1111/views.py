"""``/sdapi/v1``: every address takes a token, by Basic (as the password) or Bearer."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from django.http import HttpRequest, HttpResponse, JsonResponse
from rest_framework.exceptions import APIException, ParseError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hub import storage
from hub.accounts.actions import token_options_set
from hub.accounts.authentication import BasicTokenAuthentication
from hub.accounts.models import Token
from hub.accounts.permissions import person
from hub.catalog.queries import vaes_for_tryit
from hub.errors import Refused
from hub.gallery import recipes
from hub.gallery.models import Picture
from hub.gallery.queries import pictures_for
from hub.parsers import PicturesJSONParser
from hub.protocols import drawing, waiting
from hub.protocols.a1111 import pictures as given_pictures
from hub.protocols.a1111 import shapes
from hub.protocols.a1111.requests import BadField, read, settings_checked, styles_of
from hub.protocols.civitai.params import AlwaysJson
from hub.protocols.drawing import CannotDraw
from hub.tryit.models import Generation
from hub.tryit.queries import generation_view
from workers.recipes import a1111


class Webui(APIView):
    """What all of them share: tokens only (so no forgery from a page is possible), and the webui's body of an error."""

    scope, public = "generate", False
    schema = None  # the OpenAPI file tells our own API; this one is told by its clients
    authentication_classes = [BasicTokenAuthentication]
    content_negotiation_class = AlwaysJson

    @property
    def token(self) -> Token:
        token = self.request.auth
        assert isinstance(token, Token)
        return token

    def handle_exception(self, error: Exception) -> Response:
        if isinstance(error, Refused):
            headers = {"Retry-After": "5"} if error.status == HTTPStatus.SERVICE_UNAVAILABLE else None
            return Response(error_body(error.code, error.sentence), status=error.status, headers=headers)
        answer = super().handle_exception(error)
        if isinstance(error, APIException) and isinstance(answer.data, dict):
            answer.data = error_body(str(answer.data.get("code", "error")), str(answer.data.get("error", "")))
        return answer


def error_body(code: str, sentence: str) -> dict[str, Any]:
    """``detail`` is what clients show; some read ``errors``."""
    return {"error": code, "detail": sentence, "body": "", "errors": sentence}


def body_of(request: Request) -> dict[str, Any]:
    """The JSON object of a request, whatever its content type says. Raises `BadField`."""
    try:
        data = request.data
    except ParseError as error:
        raise BadField(f"The body is no JSON: {error.detail}") from error
    if not isinstance(data, dict):
        raise BadField("The body must be a JSON object.")
    return dict(data)


class Txt2Img(Webui):
    parser_classes = [PicturesJSONParser]
    from_picture = False

    def post(self, request: Request) -> Response:
        """Draw, and answer when it is drawn. A client that hangs up takes its pictures out of the line."""
        body, owner = body_of(request), person(request)
        asked = read(body, owner=owner, options=self.token.options)
        recipe = asked.recipe
        if self.from_picture:
            recipe = given_pictures.with_source(recipe, body, owner=owner)
        asked = replace(asked, recipe=given_pictures.with_controls(recipe, body, owner=owner))
        generations = drawing.asked(owner=owner, recipe=asked.recipe, count=asked.count)
        ids = [generation.pk for generation in generations]
        drawing.note_asked(self.token.pk, ids)
        try:
            pictures = drawing.drawn(generations, owner=owner, gone=lambda: waiting.hung_up(request._request))
        except waiting.HungUp:
            return Response(status=waiting.CLIENT_CLOSED)
        finally:
            drawing.forget_asked(self.token.pk, ids)
        images = [encoded(picture) for picture in pictures] if asked.send_images else []
        first = recipes.read(pictures[0].recipe)
        said = body | {
            "prompt": asked.recipe.prompt, "negative_prompt": asked.recipe.negative, "seed": first.seed,
            "steps": first.steps, "cfg_scale": first.cfg, "width": first.width, "height": first.height,
            "sampler_name": first.sampler, "scheduler": first.schedule,
        }  # fmt: skip
        if self.from_picture and not body.get("include_init_images"):
            said |= {"init_images": None, "mask": None}
        return Response({"images": images, "parameters": said, "info": shapes.info(asked, pictures)})


class Img2Img(Txt2Img):
    """The same from a picture, all of it or under a mask."""

    from_picture = True


def encoded(picture: Picture) -> str:
    """The PNG in base64, which carries its infotext."""
    try:
        return base64.b64encode(storage.picture(picture.sha256)).decode()
    except (BotoCoreError, ClientError) as error:
        raise drawing.DrawingFailed("It is drawn, but the object store does not answer just now.") from error


class ExtraSingleImage(Webui):
    def post(self, request: Request) -> Response:
        raise CannotDraw("There is no upscaler on this hub.")


class Interrogate(Webui):
    def post(self, request: Request) -> Response:
        raise CannotDraw("This hub describes no pictures in words.")


class PngInfo(Webui):
    reading = ("GET", "HEAD", "OPTIONS", "POST")

    def post(self, request: Request) -> Response:
        """The infotext of a picture that was drawn here. It is known by its digest: the hub opens no file."""
        image = str(body_of(request).get("image") or "")
        try:
            data = base64.b64decode(image.partition("base64,")[2] or image, validate=True)
        except (ValueError, binascii.Error) as error:
            raise BadField("image must be a picture in base64.") from error
        digest = hashlib.sha256(data).hexdigest()
        picture = pictures_for(request.user).filter(sha256=digest).order_by("id").first()
        if picture is None:
            raise CannotDraw("Only pictures that were drawn on this hub, unchanged, can be read here.")
        recipe = recipes.read(picture.recipe)
        text = a1111.write(recipe)
        return Response({"info": text, "items": {"parameters": text}, "parameters": _parameters(text)})


def _parameters(text: str) -> dict[str, str]:
    found = a1111.read(text)
    return {"Prompt": found.prompt, "Negative prompt": found.negative, **found.settings}


class Options(Webui):
    def get(self, request: Request) -> Response:
        chosen = self.token.options
        named = chosen.get("sd_model_checkpoint", "")
        try:
            base = drawing.checkpoint_named(request.user, named) if named else drawing.default_checkpoint(request.user)
        except drawing.CheckpointUnknown:
            base = None  # taken down since, or none there yet
        return Response(shapes.options(base, chosen))

    def post(self, request: Request) -> Response:
        """Set options for this token; others do not notice."""
        wanted = body_of(request)
        wanted.pop("sd_checkpoint_hash", None)  # clients send back all they were told, this of the checkpoint before
        kept = settings_checked(person(request), wanted)
        token_options_set(token=self.token, options={**self.token.options, **kept})
        return Response({})


class Progress(Webui):
    def get(self, request: Request) -> Response:
        """How far the oldest of this token's pictures is."""
        ids = drawing.asked_by(self.token.pk)
        rows = Generation.objects.filter(owner=person(request)).in_bulk(ids)
        opened = [rows[one] for one in ids if one in rows and rows[one].is_open]
        view = generation_view(opened[0]) if opened else None
        answer = shapes.progress(view, jobs=sum(row.count for row in opened))
        if request.GET.get("skip_current_image", "").lower() == "true":
            answer["current_image"] = None
        return Response(answer)


class Interrupt(Webui):
    def post(self, request: Request) -> Response:
        """Stop what this token asked for and waits on; pictures of the website go on."""
        drawing.cancelled(drawing.asked_by(self.token.pk), owner=person(request))
        return Response({})


class Nothing(Webui):
    """Asked for by clients that keep lists of files; ours are never stale."""

    reading = ("GET", "HEAD", "OPTIONS", "POST")

    def post(self, request: Request) -> Response:
        return Response({})


class List(Webui):
    """A list of what can be drawn with."""

    rows: Callable[[HttpRequest | Request], Any] = staticmethod(lambda request: [])

    def get(self, request: Request) -> Response:
        return Response(self.rows(request))


def checkpoints(request: Any) -> Any:
    return [shapes.checkpoint(file) for file in drawing.checkpoints(request.user)]


def loras(request: Any) -> Any:
    return [shapes.lora(file) for file in shapes.adapters(request.user) if file.adapter not in shapes.ONE_WORD]


def embeddings(request: Any) -> Any:
    return shapes.embeddings(shapes.adapters(request.user))


def hypernetworks(request: Any) -> Any:
    files = [file for file in shapes.adapters(request.user) if file.adapter == "hypernetwork"]
    return [{"name": shapes.stem(file), "path": file.name} for file in files]


def styles(request: Any) -> Any:
    library = styles_of(person(request))
    return [{"name": name, "prompt": text, "negative_prompt": no} for name, (text, no) in library.items()]


def upscalers(request: Any) -> Any:
    return [{"name": "None", "model_name": None, "model_path": None, "model_url": None, "scale": 4}]


LISTS: dict[str, Callable[[Any], Any]] = {
    "sd-models": checkpoints,
    "loras": loras,
    "embeddings": embeddings,
    "hypernetworks": hypernetworks,
    "prompt-styles": styles,
    "samplers": lambda request: shapes.samplers(),
    "schedulers": lambda request: shapes.schedulers(),
    "upscalers": upscalers,
    "latent-upscale-modes": lambda request: [],
    "sd-vae": lambda request: [shapes.vae(file) for file in vaes_for_tryit(request.user)],
    "face-restorers": lambda request: [],
    "realesrgan-models": lambda request: [],
    "scripts": lambda request: {"txt2img": [], "img2img": []},
    "script-info": lambda request: [],
    "extensions": lambda request: [],
    "cmd-flags": lambda request: {},
    "memory": lambda request: {"ram": {}, "cuda": {}},  # whose machine draws next is not known before
}


def unknown(request: HttpRequest, rest: str) -> HttpResponse:
    """What is not at this address, as the webui says it; probing clients read the status."""
    return JsonResponse({"detail": "Not Found"}, status=HTTPStatus.NOT_FOUND)
