"""Civitai's own generation APIs, so that its SDKs draw here: ``/v1/consumer/jobs`` and ``/v2/consumer/workflows``.

A job is one picture, a workflow holds one ``textToImage`` step; both are generations of whoever asks. What they cost
is nothing.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import json
import random
import uuid
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from django.db import transaction
from msgspec.structs import replace
from rest_framework.exceptions import APIException, ParseError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hub import queue
from hub.accounts.authentication import TokenAuthentication
from hub.accounts.models import User
from hub.accounts.permissions import person
from hub.errors import NotFound, Refused
from hub.gallery.links import SECONDS, signed_url
from hub.protocols import drawing, waiting
from hub.protocols.a1111.requests import BadField, number_of
from hub.protocols.civitai.airs import file_of
from hub.protocols.civitai.params import AlwaysJson
from hub.protocols.civitai.shapes import iso
from hub.tryit import samplers
from hub.tryit.models import Generation
from hub.tryit.queries import generation_list, generations_of
from hub.tryit.stacks import MAX_COUNT, MAX_SEED, use_of
from workers.messages import Recipe

# Their words (lower case) for a sampler and its schedule.
_PLAIN = {
    "eulera": "Euler a", "euler": "Euler", "lms": "LMS", "heun": "Heun", "dpm2": "DPM2", "dpm2a": "DPM2 a",
    "dpm2sa": "DPM++ 2S a", "dpm2m": "DPM++ 2M", "dpmsde": "DPM++ SDE", "dpmfast": "DPM fast",
    "dpmadaptive": "DPM adaptive", "ddim": "DDIM", "plms": "PLMS", "unipc": "UniPC", "lcm": "LCM", "ddpm": "DDPM",
    "deis": "DEIS",
}  # fmt: skip
_KARRAS = {"lms", "dpm2", "dpm2a", "dpm2sa", "dpm2m", "dpmsde"}
SCHEDULERS = {name: (ours, "Uniform" if name in _KARRAS else "Automatic") for name, ours in _PLAIN.items()}
SCHEDULERS |= {f"{name}karras": (_PLAIN[name], "Karras") for name in _KARRAS}
STATUS = {
    Generation.Status.QUEUED: "scheduled",
    Generation.Status.RUNNING: "processing",
    Generation.Status.DONE: "succeeded",
    Generation.Status.FAILED: "failed",
    Generation.Status.CANCELLED: "canceled",
}
MOST_JOBS = 20
LONGEST_WAIT = 100  # seconds, of ``wait``: proxies and clients give up soon after
KEPT = 30 * 24 * 3600  # seconds that a workflow's own metadata and tags are remembered
MOST_KEPT = 16_384  # bytes of them


class Tongue(APIView):
    """Tokens only; refusals as problem details (RFC 9457)."""

    scope, public = "generate", False
    schema = None  # the OpenAPI file tells our own API; this one is told by its clients
    authentication_classes = [TokenAuthentication]
    content_negotiation_class = AlwaysJson

    def handle_exception(self, error: Exception) -> Response:
        if isinstance(error, waiting.HungUp):
            return Response(status=waiting.CLIENT_CLOSED)
        if isinstance(error, Refused):
            return _problem(error.sentence, error.status, error.code)
        answer = super().handle_exception(error)
        if isinstance(error, APIException) and isinstance(answer.data, dict):
            answer.data = _problem(str(answer.data.get("error", "")), answer.status_code, "error").data
        return answer

    @property
    def mine(self) -> Any:
        return generations_of(self.request.user).prefetch_related("pictures")

    def wait(self, ids: Iterable[uuid.UUID], seconds: float) -> None:
        """Hold the answer back until one's own among ``ids`` have ended. They stay in line where the client goes."""
        if seconds:
            own = self.mine.filter(pk__in=list(ids)).values_list("pk", flat=True)
            waiting.wait_for(own, seconds=seconds, gone=lambda: waiting.hung_up(self.request._request))


def _problem(sentence: str, status: int, code: str) -> Response:
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": int(status), "detail": sentence}
    return Response(body | {"error": sentence, "code": code}, status=status)


def _body(request: Request) -> dict[str, Any]:
    try:
        data = request.data
    except ParseError as error:
        raise BadField("The body is no JSON.") from error
    if not isinstance(data, dict):
        raise BadField("The body must be a JSON object.")
    return data


def _object(given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = given.get(name) or {}
    if not isinstance(value, Mapping):
        raise BadField(f"{name} must be an object.")
    return value


def recipe_of(owner: User, model: Any, given: Mapping[str, Any], networks: Mapping[str, Any]) -> Recipe:
    """A step or a job as a recipe. Raises `AirUnknown`, `BadField`, `CannotDraw`."""
    base = file_of(owner, str(model or ""))
    recipe = drawing.recipe_on(base)
    wanted: dict[str, Any] = {}
    for ours, theirs, kind in (
        ("steps", "steps", int), ("cfg", "cfgScale", float), ("width", "width", int), ("height", "height", int),
        ("seed", "seed", int), ("clip_skip", "clipSkip", int),
    ):  # fmt: skip
        if given.get(theirs) is not None:
            wanted[ours] = number_of(theirs, given[theirs], kind)
    if wanted.get("seed", 0) < 0:
        wanted["seed"] = -1
    if (scheduler := str(given.get("scheduler") or "undefined").lower()) != "undefined":
        if scheduler not in SCHEDULERS:
            raise BadField(f"There is no scheduler “{scheduler[:40]}” here.")
        wanted["sampler"], wanted["schedule"] = samplers.split(*SCHEDULERS[scheduler])
    uses = []
    for air, network in networks.items():
        network = network if isinstance(network, Mapping) else {}
        strength = number_of("strength", network.get("strength", 1), float)
        uses.append(use_of(file_of(owner, str(air)), strength))
    texts = {"prompt": str(given.get("prompt") or ""), "negative": str(given.get("negativePrompt") or "")}
    return replace(recipe, uses=tuple(uses), **texts, **wanted)


def _refuse(given: Mapping[str, Any], *names: str) -> None:
    for name in names:
        if given.get(name):
            raise drawing.CannotDraw(f"{name} is not possible on this hub; leave it out.")


def _quantity(given: Mapping[str, Any], most: int) -> int:
    count: int = number_of("quantity", given.get("quantity") or 1, int)
    if not 1 <= count <= most:
        raise BadField(f"quantity must be from 1 to {most}.")
    return count


# Jobs


class Jobs(Tongue):
    def post(self, request: Request) -> Response:
        """A job for each picture; their token asks for all of them at once."""
        owner, body = person(request), _body(request)
        templates = body.get("jobs") or [body]
        if not isinstance(templates, list) or len(templates) > MOST_JOBS:
            raise BadField(f"jobs must be a list of at most {MOST_JOBS}.")
        recipes = [recipe for template in templates for recipe in _job_recipes(owner, template)]
        if len(recipes) > MOST_JOBS:
            raise BadField(f"At most {MOST_JOBS} pictures can be asked for at once.")
        if _flag(request, "whatif"):
            return Response({"token": None, "jobs": [_job(None) for _ in recipes]})
        with transaction.atomic():
            made = [row for recipe in recipes for row in drawing.asked(owner=owner, recipe=recipe)]
        ids = [row.pk for row in made]
        self.wait(ids, _seconds(request))
        return Response(_collection(self.mine, ids))

    def get(self, request: Request) -> Response:
        ids = ids_of(_token_of(request))
        self.wait(ids, _seconds(request))
        return Response(_collection(self.mine, ids))

    def delete(self, request: Request) -> Response:
        """Take all of a token's jobs out of the line."""
        drawing.cancelled(ids_of(_token_of(request)), owner=person(request))
        return Response({})


def _token_of(request: Request) -> str:
    # ``token`` is the API token's name in an address everywhere else, but these clients send theirs by header.
    return str(request.GET.get("token") or "")


class Job(Tongue):
    def get(self, request: Request, job_id: uuid.UUID) -> Response:
        return Response(_job(_one(self.mine, job_id)))

    def delete(self, request: Request, job_id: uuid.UUID) -> Response:
        drawing.cancelled([_one(self.mine, job_id).pk], owner=person(request))
        return Response({})


class JobsQuery(Tongue):
    reading = ("GET", "HEAD", "OPTIONS", "POST")

    def post(self, request: Request) -> Response:
        """One's latest jobs. Properties are not kept here, so none can be asked for."""
        _refuse(_body(request), "properties")
        rows, _ = generation_list(request.user, limit=MOST_JOBS)
        ids = [row.pk for row in rows]
        return Response(_collection(self.mine, ids))


def _job_recipes(owner: User, template: Any) -> list[Recipe]:
    if not isinstance(template, Mapping) or str(template.get("$type", "")).lower() != "texttoimage":
        raise drawing.CannotDraw("This hub draws jobs of the $type textToImage.")
    _refuse(template, "controlNets", "callbackUrl")
    recipe = recipe_of(
        owner, template.get("model"), _object(template, "params"), _object(template, "additionalNetworks")
    )
    if recipe.seed == -1:
        recipe = replace(recipe, seed=random.randint(0, MAX_SEED - MOST_JOBS))
    return [replace(recipe, seed=recipe.seed + number) for number in range(_quantity(template, MOST_JOBS))]


def _collection(rows: Any, ids: list[uuid.UUID]) -> dict[str, Any]:
    found = rows.in_bulk(ids)
    if not found:
        raise NotFound("There are no such jobs.")
    return {"token": token_for(ids), "jobs": [_job(found[one]) for one in ids if one in found]}


def _job(row: Generation | None) -> dict[str, Any]:
    if row is None:
        return {"jobId": None, "cost": 0, "result": None, "scheduled": False}
    pictures = list(row.pictures.all())
    events = {"scheduled": "Initialized", "processing": "Claimed", "succeeded": "Succeeded", "failed": "Failed"}
    event: dict[str, Any] = {
        "jobId": str(row.pk),
        "type": events.get(STATUS[Generation.Status(row.status)], "Deleted"),
        "dateTime": iso(row.finished_at or row.started_at or row.created_at),
    }
    if row.error:
        event["context"] = {"error": row.error}
    result: dict[str, Any] = {"blobKey": str(row.pk), "available": bool(pictures)}
    if pictures:
        expires = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=SECONDS)
        result |= {"blobUrl": signed_url(pictures[0]), "blobUrlExpirationDate": iso(expires)}
    return {"jobId": str(row.pk), "cost": 0, "result": result, "scheduled": row.is_open, "lastEvent": event}


def token_for(ids: Iterable[uuid.UUID]) -> str:
    """One text for several ids. It opens nothing: only their owner is told of them."""
    return base64.urlsafe_b64encode(b"".join(one.bytes for one in ids)).decode()


def ids_of(token: str) -> list[uuid.UUID]:
    """Raises `NotFound` for what `token_for` did not make."""
    try:
        data = base64.urlsafe_b64decode(token)
    except (ValueError, binascii.Error):
        data = b""
    if not data or len(data) % 16 or len(data) > 16 * MOST_JOBS:
        raise NotFound("There are no such jobs.")
    return [uuid.UUID(bytes=data[start : start + 16]) for start in range(0, len(data), 16)]


def _one(rows: Any, job_id: uuid.UUID) -> Generation:
    row: Generation | None = rows.filter(pk=job_id).first()
    if row is None:
        raise NotFound("There is no such job.")
    return row


# Workflows


class Workflows(Tongue):
    def post(self, request: Request) -> Response:
        """One step of ``textToImage``; ``wait`` holds the answer back for so many seconds."""
        owner, body = person(request), _body(request)
        _refuse(body, "callbacks")
        recipe, count, name = _step_of(owner, body)
        kept = {"metadata": _object(body, "metadata"), "tags": [str(tag) for tag in body.get("tags") or []]}
        if len(json.dumps(kept)) > MOST_KEPT:
            raise BadField(f"metadata and tags may have {MOST_KEPT} bytes together.")
        if _flag(request, "whatif"):
            return Response(_workflow(None, name, kept))
        [generation] = drawing.asked(owner=owner, recipe=recipe, count=count)
        queue.cache().set(_kept_key(generation.pk), json.dumps({**kept, "name": name}), ex=KEPT)
        self.wait([generation.pk], _seconds(request))
        return Response(_workflow_of(_one(self.mine, generation.pk)))

    def get(self, request: Request) -> Response:
        """One's latest workflows; ``cursor`` goes on where the last page ended."""
        take: int = number_of("take", request.GET.get("take") or 20, int)
        rows, following = generation_list(
            request.user, before=request.GET.get("cursor", ""), limit=min(100, max(1, take))
        )
        page: dict[str, Any] = {"items": [_workflow_of(row) for row in rows]}
        return Response(page | ({"next": following} if following else {}))


class Workflow(Tongue):
    def get(self, request: Request, workflow_id: uuid.UUID) -> Response:
        self.wait([workflow_id], _seconds(request))
        return Response(_workflow_of(_one(self.mine, workflow_id)))

    def put(self, request: Request, workflow_id: uuid.UUID) -> Response:
        """``{"status": "canceled"}`` takes it out of the line."""
        if _body(request).get("status") not in {"canceled", "cancelled"}:
            raise drawing.CannotDraw("Of a workflow only its status can be changed, to canceled.")
        drawing.cancelled([_one(self.mine, workflow_id).pk], owner=person(request))
        return Response(_workflow_of(_one(self.mine, workflow_id)))

    def delete(self, request: Request, workflow_id: uuid.UUID) -> Response:
        drawing.cancelled([_one(self.mine, workflow_id).pk], owner=person(request))
        return Response(status=HTTPStatus.NO_CONTENT)


def _step_of(owner: User, body: Mapping[str, Any]) -> tuple[Recipe, int, str]:
    steps = body.get("steps")
    if not isinstance(steps, list) or len(steps) != 1 or not isinstance(steps[0], Mapping):
        raise drawing.CannotDraw("A workflow here has one step, a textToImage.")
    step = steps[0]
    if step.get("$type") != "textToImage":
        raise drawing.CannotDraw(f"This hub has no step {str(step.get('$type'))[:40]}; textToImage is drawn.")
    given = _object(step, "input")
    _refuse(given, "controlNets", "image")
    recipe = recipe_of(owner, given.get("model"), given, _object(given, "additionalNetworks"))
    return recipe, _quantity(given, MAX_COUNT), str(step.get("name") or "$0")[:80]


def _kept_key(pk: uuid.UUID) -> str:
    return f"weightroom:workflow:{pk}"


def _workflow_of(row: Generation) -> dict[str, Any]:
    stored = queue.cache().get(_kept_key(row.pk))
    kept = json.loads(stored) if stored else {}  # type: ignore[arg-type]
    return _workflow(row, kept.get("name", "$0"), kept)


def _workflow(row: Generation | None, name: str, kept: Mapping[str, Any]) -> dict[str, Any]:
    status = STATUS[Generation.Status(row.status)] if row else "unassigned"
    step: dict[str, Any] = {"$type": "textToImage", "name": name, "status": status, "output": {"images": []}}
    if row:
        pictures = sorted(row.pictures.all(), key=lambda picture: picture.pk)
        step["output"]["images"] = [
            {"id": f"{picture.sha256}.png", "available": True, "url": signed_url(picture), "jobId": str(row.pk),
             "width": picture.width, "height": picture.height}
            for picture in pictures
        ]  # fmt: skip
        if row.error:
            step["output"]["errors"] = [row.error]
        step |= {"startedAt": iso(row.started_at), "completedAt": iso(row.finished_at)}
    return {
        "id": str(row.pk) if row else "",
        "status": status,
        "createdAt": iso(row.created_at) if row else iso(datetime.datetime.now(datetime.UTC)),
        "metadata": dict(kept.get("metadata") or {}),
        "tags": list(kept.get("tags") or []),
        "cost": {"total": 0},
        "steps": [step],
    }


def _flag(request: Request, name: str) -> bool:
    return request.GET.get(name, "").lower() in {"true", "1"}


def _seconds(request: Request) -> float:
    """``wait``: true, or a number of seconds."""
    value = request.GET.get("wait", "").lower()
    if value in {"", "false", "true"}:
        return LONGEST_WAIT if value == "true" else 0
    return float(min(LONGEST_WAIT, max(0.0, number_of("wait", value, float))))
