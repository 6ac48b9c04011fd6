"""The HTML face of uploads: one page for one or many files, and the fragments of its rows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HTMX_STOP_POLLING, reswap, retarget

from hub import bodies, storage
from hub.accounts.models import User
from hub.accounts.queries import quota_of
from hub.catalog.bases import base_choices
from hub.catalog.serializers import model_url, undecided, verdict_sentence
from hub.errors import NotFound, Refused
from hub.uploads import actions, bases, forms, guesses, moving, queries, words
from hub.uploads.allowed import WrongFields
from hub.uploads.models import Upload
from hub.uploads.names import EXTENSIONS, model_name_of
from hub.uploads.serializers import Fields


def _owner(request: HttpRequest) -> User:
    return cast(User, request.user)


def _rows(owner: User, uploads: Iterable[Upload]) -> list[dict[str, Any]]:
    """What the templates of whole rows read: with the model that each may be a new version of."""
    uploads = list(uploads)
    guessed = guesses.models_guessed(owner, uploads)
    return [_row(upload) | {"guessed": guessed.get(str(upload.pk))} for upload in uploads]


def _row(upload: Upload) -> dict[str, Any]:
    """What a row's status reads."""
    drawing = queries.drawing_of(upload.version) if upload.version else None
    inspecting = upload.status == Upload.Status.INSPECTING
    return {
        "told": words.told(upload.header),
        "doing": words.doing(**queries.inspection_of(upload)) if inspecting else None,
        "advice": words.advice(upload.status, upload.report),
        "upload": upload,
        "parts": queries.part_count(upload),
        "guess": model_name_of(upload.filename),
        "drawing": drawing,
        "sentence": verdict_sentence(upload.file) if upload.file else "",
        "bases": base_choices(upload.file.summary) if upload.file and undecided(upload.file) else (),
        "moving": upload.status == Upload.Status.INSPECTING or bool(drawing and drawing.coming),
        "open": upload.status in queries.OPEN,
    }


@require_GET
@login_required
def upload_start(request: HttpRequest) -> HttpResponse:
    return _start(request)


def _start(request: HttpRequest, refused: Refused | None = None) -> HttpResponse:
    owner = _owner(request)
    choices = queries.form_choices(owner)
    asked = request.GET.get("model", "")  # *New version* on a model's page
    context = {
        "rows": _rows(owner, queries.upload_list(owner)[:100]),
        "choices": choices,
        "into": next((model for model in choices["models"] if str(model.pk) == asked), None),
        "extensions": ",".join(EXTENSIONS),
        "most": settings.MAX_UPLOAD_BYTES,
        "left": max(0, quota_of(owner) - queries.space_used(owner)),
        "part_size": settings.UPLOAD_PART_BYTES,
        "form_most": forms.most(),
        "ticket": bodies.ticket(request),
        "phrases": json.dumps({name: str(phrase) for name, phrase in words.SCRIPT.items()}),
    }
    context["problem"] = refused.sentence if refused else ""
    return render(request, "uploads/upload_start.html", context, status=refused.status if refused else 200)


@csrf_exempt  # its address carries a ticket: a token in the body would come after the file
@require_POST
@login_required
def upload_send(request: HttpRequest) -> HttpResponse:
    """A file in one form, from a browser that runs no scripts."""
    into = request.GET.get("model", "")
    fields = {"model_id": int(into)} if into.isdecimal() and len(into) < 19 else {}
    try:
        upload = forms.upload_take(owner=_owner(request), request=request, fields=fields)
    except Refused as refused:  # the page again, with its form and what was wrong
        return _start(request, refused)
    return redirect(f"{reverse('uploads:upload-start')}#row-{upload.pk}")


@require_GET
@login_required
def upload_row(request: HttpRequest, id: UUID) -> HttpResponse:
    """One file's row, for a script that has just begun to send it."""
    upload = queries.upload_of(_owner(request), id)
    [row] = _rows(_owner(request), [upload])
    return render(request, "uploads/upload_row.html", {"row": row, "choices": queries.form_choices(_owner(request))})


@require_GET
@login_required
def upload_status(request: HttpRequest, id: UUID) -> HttpResponse:
    """How far a file is; polled while something moves, then 286 ends the polling."""
    upload = queries.upload_of(_owner(request), id)
    ended = "ended" in request.GET  # a row that has ended has nothing left to take away
    [row] = [_row(upload)] if ended or upload.status in queries.OPEN else _rows(_owner(request), [upload])
    status = 200 if row["moving"] else HTMX_STOP_POLLING
    context = {"row": row, "ending": not ended, "late": not ended and not row["open"]}
    return render(request, "uploads/upload_status.html", context, status=status)


@require_GET
@login_required
def upload_header(request: HttpRequest, id: UUID) -> HttpResponse:
    """What the file's first bytes told; polled until they were read, then 286 ends the polling."""
    [row] = _rows(_owner(request), [queries.upload_of(_owner(request), id)])
    status = HTMX_STOP_POLLING if row["told"] or not row["open"] else 200
    context = {"row": row, "fragment": True, "choices": queries.form_choices(_owner(request)) if row["open"] else None}
    return render(request, "uploads/upload_header.html", context, status=status)


@require_GET
@login_required
def upload_file(request: HttpRequest, id: UUID) -> HttpResponse:
    """A file that was not accepted, for its owner and nobody else."""
    upload = queries.upload_of(_owner(request), id)
    if upload.status not in (Upload.Status.REFUSED, Upload.Status.UNKNOWN) or not upload.stored:
        raise NotFound(_("This upload has no file of its own to give back."))
    return redirect(storage.incoming_url(upload.key, upload.filename))


@require_POST
@login_required
def upload_fields(request: HttpRequest, id: UUID) -> HttpResponse:
    """A row's form, sent whole whenever something in it changes; an empty field goes back to what the file says."""
    said: dict[str, Any] = {name: request.POST.get(name, "").strip() for name in ("model_name", "version_name")}
    said |= {name: request.POST.get(name, "") for name in ("type", "base", "group")}
    into = request.POST.get("into")  # the button beside the model that it may be a new version of
    if into and queries.upload_of(_owner(request), id).status == Upload.Status.ACCEPTED:
        return _move(request, id, ending=True)  # a small file was faster than the finger
    said["model_id"] = into or request.POST.get("model_id") or None
    for name in ("trigger_words", "tags"):
        words_said = [word.strip() for word in re.split(r"[,\n]", request.POST.get(name, ""))]
        said[name] = list(filter(None, words_said))
    said["description"] = request.POST.get("description", "")
    said["publish"] = "publish" in request.POST
    said["publish_at"] = request.POST.get("publish_at") or None
    checked = Fields(data=said)
    if not checked.is_valid():
        name, problems = next(iter(checked.errors.items()))
        raise WrongFields(f"{str(name).replace('_', ' ').capitalize()}: {_first(problems)}", field=name)
    upload = actions.upload_fields(owner=_owner(request), id=id, fields=checked.validated_data)
    if not request.headers.get("HX-Request"):
        messages.success(request, _("Kept."))
        return redirect(f"{reverse('uploads:upload-start')}#row-{id}")
    choices = queries.form_choices(_owner(request)) if into else None
    return render(request, "uploads/upload_fields.html", {"row": {"upload": upload}, "choices": choices})


def _first(problems: Any) -> str:
    while isinstance(problems, (list, dict)):
        problems = next(iter(problems.values() if isinstance(problems, dict) else problems))
    return str(problems)


@require_POST
@login_required
def upload_publish(request: HttpRequest, id: UUID) -> HttpResponse:
    upload = actions.upload_publish(owner=_owner(request), id=id)
    if not request.headers.get("HX-Request"):
        return redirect("uploads:upload-start")
    return render(request, "uploads/upload_status.html", {"row": _row(upload), "late": True})


@require_POST
@login_required
def upload_move(request: HttpRequest, id: UUID) -> HttpResponse:
    """The answer to *New version of …?* once the file is a draft of its own."""
    return _move(request, id)


def _move(request: HttpRequest, id: UUID, *, ending: bool = False) -> HttpResponse:
    """ending: its row still has the form of a file on its way."""
    into = request.POST.get("into", "")
    if not into.isascii() or not into.isdecimal() or len(into) > 18:
        raise NotFound(_("There is no such model."))
    upload = moving.upload_move(owner=_owner(request), id=id, into=int(into))
    version = upload.version
    assert version is not None
    if request.headers.get("HX-Request"):
        response = render(request, "uploads/upload_status.html", {"row": _row(upload), "late": True, "ending": ending})
        return reswap(retarget(response, f"#upload-{upload.pk}"), "outerHTML")
    name = {"version": version.name, "model": version.model.name}
    messages.success(request, _("This is %(version)s of %(model)s now. Only you see it until you publish it.") % name)
    return redirect(model_url(version.model, version))


@require_POST
@login_required
def upload_base(request: HttpRequest, id: UUID) -> HttpResponse:
    """Which base an accepted file is for, where its shapes fit several."""
    upload = bases.upload_base(owner=_owner(request), id=id, base=request.POST.get("base", ""))
    if not request.headers.get("HX-Request"):
        return redirect("uploads:upload-start")
    return render(request, "uploads/upload_status.html", {"row": _row(upload)})


@require_POST
@login_required
def upload_remove(request: HttpRequest, id: UUID) -> HttpResponse:
    """Gives a file up; htmx takes its row away."""
    actions.upload_abort(owner=_owner(request), id=id)
    return HttpResponse() if request.headers.get("HX-Request") else redirect("uploads:upload-start")
