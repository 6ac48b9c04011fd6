"""Try it: a recipe is written, drawn, watched, cancelled. Everything works by plain forms; htmx swaps the parts."""

from __future__ import annotations

import contextlib
import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseStopPolling
from msgspec.structs import replace

from hub.catalog.queries import adapters_for_tryit, bases_for_tryit, vaes_for_tryit, version_visible
from hub.errors import NotFound, Refused
from hub.gallery import recipes, sent
from hub.gallery.models import Picture
from hub.gallery.queries import picture_for
from hub.gallery.sent import may_draw_by
from hub.gallery.templatetags.gallery import picture_name
from hub.prompts import templates
from hub.prompts.actions import prompt_run
from hub.prompts.queries import has_settings, prompt_for, styles_of, wildcards_of
from hub.tryit import actions, comparison, drawn_by, dropped, queries, samplers, tracing
from hub.tryit.choices import chosen
from hub.tryit.desk import Desk, first_visit, for_versions, from_form, from_generation, from_recipe, from_sent
from hub.tryit.models import Generation
from hub.tryit.serializers import person
from hub.tryit.stacks import MAX_COUNT, BadRecipe, accepted_file, drawn_on
from hub.tryit.wording import reading, summary
from workers.blocks import PRESETS
from workers.errors import Refusal
from workers.plots import AXES, WORDINGS
from workers.prompts import EMPHASES

DIALECTS = {"a1111": "A1111, Forge", "comfyui": "ComfyUI", "invokeai": "InvokeAI"}
KEPT = "recipe"  # of somebody who has to sign in, or to send a picture, first
SIZES = {  # what bases were trained on, and the same area lying and standing
    "nano": [(128, 128), (112, 144), (144, 112)],
    "sd1": [(512, 512), (512, 768), (768, 512)],
    "sd2": [(768, 768), (640, 896), (896, 640)],
    "sdxl": [(1024, 1024), (832, 1216), (1216, 832)],
}


@require_http_methods(["GET", "HEAD", "POST"])
def generation_create(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return _posted(request)
    if "given" in request.GET:
        form = dropped.given(
            request.user, request.session.get(KEPT, ""), request.GET["given"], request.GET.get("field", "")
        )
        offer = dropped.offer(request.user, form.get("sent", ""))
        return _page(request, from_form(request.user, form).fit(), offer=offer)
    desk = _opened(request)
    earlier = None
    with contextlib.suppress(Refused):  # a recipe that cannot be drawn has no picture
        recipe = desk.recipe()
        earlier = queries.drawn_already(request.user, recipe, desk.base) if desk.base else None
    return _page(request, desk, earlier=earlier)


def _opened(request: HttpRequest) -> Desk:
    """The recipe that the address asks for, or the one that was kept while signing in, or a working first one."""
    asked = request.GET
    if number := asked.get("picture", ""):
        picture = picture_for(request.user, int(number) if number.isdecimal() and len(number) < 19 else 0)
        opened = from_sent if picture.told is not None else from_recipe
        return opened(request.user, recipes.read(picture.recipe))
    if number := asked.get("generation", ""):
        try:
            generation = queries.generation_for(request.user, uuid.UUID(number))
        except ValueError:
            return first_visit(request.user)
        desk = from_generation(request.user, generation)
        if asked.get("stack") == "none":
            desk.rows = []
        return desk
    if number := asked.get("prompt", ""):
        return _from_prompt(request, int(number) if number.isdecimal() and len(number) < 19 else 0)
    if number := asked.get("sent", ""):
        return _sent(request, number)
    if asked.get("use"):
        return for_versions(request.user, asked.getlist("use"))
    if KEPT in request.session and not asked:
        return from_form(request.user, QueryDict(request.session[KEPT]))
    return first_visit(request.user, asked.get("base", ""))


def _from_prompt(request: HttpRequest, prompt_id: int) -> Desk:
    """A prompt of the library, its choices made: ``f0``, ``f1``, … count them from 0. Without settings of its own it
    gets those of the base at hand."""
    prompt = prompt_for(request.user, prompt_id)
    recipe = recipes.read(prompt.recipe)
    wildcards = wildcards_of(prompt.owner)
    given = [request.GET.get(f"f{number}", "") for number in range(templates.MOST_FIELDS)]
    chosen = [int(one) if one.isdecimal() and len(one) < 6 else 0 for one in given]
    text, negative = (
        templates.filled(recipe.prompt, chosen, wildcards),
        templates.filled(recipe.negative, [], wildcards),
    )
    if request.user.is_authenticated:
        prompt_run(prompt)
    filled = replace(recipe, prompt=text, negative=negative, seed=-1)
    if recipe.base:
        return from_recipe(request.user, filled)
    if has_settings(recipe):  # it came with a picture of another base
        return from_sent(request.user, filled)
    desk = first_visit(request.user)
    desk.rows = []
    desk.fields |= {"prompt": templates.escaped(text), "negative": templates.escaped(negative)}
    return desk.fit()


def _sent(request: HttpRequest, number: str) -> Desk:
    """The recipe of a picture that was dropped here."""
    try:
        row = sent.sent_for(request.user, uuid.UUID(number))
    except ValueError:
        return first_visit(request.user)
    read = sent.recipe_of(request.user, row)
    if read is None:
        desk = first_visit(request.user)
        desk.notes.append(_("This picture carries no recipe."))
        return desk
    return from_sent(request.user, read[0])


def _posted(request: HttpRequest) -> HttpResponse:
    desk = from_form(request.user, request.POST)
    wanted, _colon, what = request.POST.get("do", "").partition(":")
    if wanted == "draw":
        return _draw(request, desk, first=what == "first")
    if wanted == "add":
        desk.add_called(request.user, request.POST.get("adapter", "")[:200])
    elif wanted == "remove" and what.isdecimal():
        desk.rows = [row for row in desk.rows if row.file.version_id != int(what)]
    elif wanted == "word":
        desk.add_word(what)
    elif wanted == "size":
        width, _by, height = what.partition("×")
        desk.fields |= {"width": width[:5], "height": height[:5]}
    elif wanted == "style":
        number = request.POST.get("style", "")
        style = prompt_for(request.user, int(number) if number.isdecimal() and len(number) < 19 else 0)
        desk.add_style(style.text, style.negative)
    elif wanted == "read" and what:
        desk = dropped.taken(request.user, desk, request.POST.get("sent", ""), what)
    elif wanted == "give" and dropped.PLACES.fullmatch(what):
        _keep(request)
        return redirect(f"{reverse('gallery:picture-send')}?field={what}")
    elif wanted == "out" and dropped.PLACES.fullmatch(what):
        form = request.POST.copy()
        form[what] = ""
        desk = from_form(request.user, form)
    elif wanted == "swap":
        fields = desk.fields
        fields["width"], fields["height"] = fields["height"], fields["width"]
    else:
        desk.base_changed(request.user, request.POST.get("was", ""))
    offer = dropped.offer(request.user, request.POST.get("sent", "")) if wanted == "read" else None
    return _page(request, desk.fit(), offer=offer)


@require_GET
@login_required
def hint_trace(request: HttpRequest, sha256: str) -> HttpResponse:
    """A picture as a ControlNet will read it: what a worker has made of it, or 202 until it has."""
    asked = request.GET
    if not may_draw_by(request.user, sha256):
        raise NotFound(_("There is no such picture."))
    traced = tracing.traced(sha256, asked.get("preprocessor", ""), asked.get("low", ""), asked.get("high", ""))
    if traced is None:
        return HttpResponse(status=202, headers={"Retry-After": "1", "Cache-Control": "no-store"})
    return HttpResponse(traced, content_type="image/png", headers={"Cache-Control": "private, max-age=3600"})


@require_GET
def adapter_list(request: HttpRequest) -> HttpResponse:
    """What the stack's search offers while a name is written."""
    number = request.GET.get("base", "")
    base = accepted_file(request.user, int(number)) if number.isdecimal() and len(number) < 10 else None
    asked = request.GET.get("adapter", "")[:100]
    named = base is not None and "#" not in asked
    found = adapters_for_tryit(request.user, base.version.base.family, asked, most=20) if base and named else []
    return render(request, "tryit/adapter_list.html", {"adapters": found})


@require_POST
def prompt_read(request: HttpRequest) -> HttpResponse:
    """What stands under the prompt while it is written."""
    return render(request, "tryit/prompt_read.html", _reading(request, from_form(request.user, request.POST)))


def _reading(request: HttpRequest, desk: Desk) -> dict[str, Any]:
    read = reading(request.user, desk.draft(), desk.base)
    count = desk.fields.get("count", "")
    return {"reading": read, "length": summary(read, int(count) if count.isdecimal() and len(count) < 3 else 1)}


@require_POST
def plot_price(request: HttpRequest) -> HttpResponse:
    """What the plot that is being written will cost, before it is asked for."""
    desk = from_form(request.user, request.POST)
    try:
        axes = desk.plot
        recipe, wordings = chosen(request.user, desk.recipe(), 1) if axes else (None, [])
        context = {"price": queries.plot_price(recipe, [*wordings, *axes]) if recipe else ""}
    except Refused as refused:
        context = {"problem": str(refused)}
    except Refusal as refused:
        context = {"problem": refused.sentence}
    return render(request, "tryit/plot_price.html", context)


def _keep(request: HttpRequest) -> None:
    """Without its CSRF token, within a bound: a session is not a place to store things."""
    kept = request.POST.copy()
    kept.pop("csrfmiddlewaretoken", None)
    text = kept.urlencode()
    if len(text) < 40_000:
        request.session[KEPT] = text


def _draw(request: HttpRequest, desk: Desk, *, first: bool) -> HttpResponse:
    if not request.user.is_authenticated:
        _keep(request)
        return _page(request, desk, refused=Refused(_("Sign in to draw. Your recipe stays here.")), status=401)
    try:
        generation = actions.generation_create(
            owner=person(request), recipe=desk.recipe(), count=desk.count, plot=desk.plot, first=first, typed=True
        )
    except Refused as refused:
        return _page(request, desk, refused=refused, status=refused.status)
    request.session.pop(KEPT, None)
    return redirect("tryit:generation-detail", generation.pk)


@require_GET
@login_required
def generation_detail(request: HttpRequest, generation_id: uuid.UUID) -> HttpResponse:
    generation = queries.generation_for(request.user, generation_id)
    view = queries.generation_view(generation)
    if request.headers.get("HX-Target") == "poll":
        film = [] if view.open else queries.film(request.user)
        context = _status(request, view) | {"polled": True, "film": film}
        response = render(request, "tryit/generation_news.html", context)
        response["Cache-Control"] = "no-store"
        return response if view.open else HttpResponseStopPolling(response.content)
    desk = from_generation(request.user, generation)
    return _page(request, desk, view=view)


@require_POST
@login_required
def generation_cancel(request: HttpRequest, generation_id: uuid.UUID) -> HttpResponse:
    generation = queries.generation_for(request.user, generation_id)
    # Too late is no error here: the page that follows shows what it has become.
    with contextlib.suppress(actions.TooLate):
        actions.generation_cancel(generation=generation, by=person(request))
    return redirect("tryit:generation-detail", generation.pk)


@require_POST
@login_required
def generation_first(request: HttpRequest, generation_id: uuid.UUID) -> HttpResponse:
    """Draw it before one's others."""
    generation = queries.generation_for(request.user, generation_id)
    try:
        actions.generation_first(generation=generation, by=person(request))
    except actions.TooLate as late:  # no error either: the page says it, and shows what it has become
        messages.info(request, late.sentence)
    return redirect("tryit:generation-detail", generation.pk)


@require_POST
@login_required
def generation_again(request: HttpRequest, generation_id: uuid.UUID) -> HttpResponse:
    """Draw the same recipe once more: *Try again*, or the same seed without the stack."""
    generation = queries.generation_for(request.user, generation_id)
    again = actions.generation_again(
        generation=generation, by=person(request), without_stack=request.POST.get("stack") == "none"
    )
    return redirect("tryit:generation-detail", again.pk)


@require_POST
@login_required
def frame_create(request: HttpRequest, version_id: int) -> HttpResponse:
    """*Draw 0.65* on a version's strip."""
    version = version_visible(request.user, version_id)
    position, weight = request.POST.get("board", ""), request.POST.get("weight", "")
    try:
        asked = int(position), float(weight)
    except ValueError as error:
        raise Refused(_("A weight is a number, such as 0.65.")) from error
    actions.frame_create(version=version, by=person(request), position=asked[0], weight=asked[1])
    return redirect(reverse("gallery:strip-detail", args=[version.pk]) + f"?board={asked[0]}&weight={asked[1]:g}")


def _page(
    request: HttpRequest,
    desk: Desk,
    *,
    view: queries.GenerationView | None = None,
    earlier: Picture | None = None,
    refused: Refused | None = None,
    offer: dropped.Offer | None = None,
    status: int = 200,
) -> HttpResponse:
    template = "tryit/generation_detail.html" if view else "tryit/generation_create.html"
    family = desk.base.version.base.family if desk.base else ""
    bases = list(bases_for_tryit(request.user))
    context = {
        "desk": desk,
        "f": desk.fields,
        "bases": bases,
        "refiners": desk.refiners(bases),
        "adapters": desk.rest(request.user),
        "samplers": samplers.names(),
        "schedules": samplers.schedules(),
        "sizes": [f"{w}×{h}" for w, h in SIZES.get(drawn_on(desk.base)[1] or family, [])] if desk.base else [],
        "styles": styles_of(request.user),
        "counts": range(1, MAX_COUNT + 1),
        "refused": refused,
        "offer": offer,
        "earlier": earlier,
        "film": queries.film(request.user),
        "dialects": DIALECTS,
        "axes": _axes(desk),
        "block_presets": PRESETS,
        "emphases": EMPHASES,
        "vaes": vaes_for_tryit(request.user),
        "s": desk.source,
        **drawn_by.CHOICES,
        **_reading(request, desk),
        **_status(request, view),
    }
    return render(request, template, context, status=status)


def _axes(desk: Desk) -> dict[str, str]:
    """What may stand along a plot's sides: of weights those of adapters that are drawn with, by their names."""
    drawn = [row.name for row in desk.rows if row.on and not row.reason]
    names = {f"weight_{n}": _("Weight of %(name)s") % {"name": name} for n, name in enumerate(drawn, 1)}
    asked = {side["axis"] for side in desk.sides}  # what was chosen stays to be seen, and is refused when it is drawn
    labels = {name: names.get(name, kind.label) for name, kind in AXES.items() if name not in WORDINGS}
    return {name: label for name, label in labels.items() if name in names or name in asked or not _is_weight(name)}


def _is_weight(axis: str) -> bool:
    return axis.startswith("weight_")


def _status(request: HttpRequest, view: queries.GenerationView | None) -> dict[str, Any]:
    if view is None:
        return {"view": None, "request": request}
    recipe = view.generation.recipe
    return {
        "view": view,
        "request": request,
        "recipe": recipe,
        "recipe_text": recipes.as_a1111(recipes.as_saved(request.user, recipes.read(recipe))),
        "alt": picture_name(recipe),
        "failed": view.state == Generation.Status.FAILED,
        "waits_for_own": queries.waits_for_own(view),
    }


@require_GET
def comparison_detail(request: HttpRequest) -> HttpResponse:
    """Stacks side by side. What the form changed goes into the address, so that it can be shared."""
    it = comparison.read(request.user, request.GET)
    if it.written_out or "do" in request.GET or any(name.startswith(("add", "w")) for name in request.GET):
        return redirect(f"{reverse('tryit:comparison-detail')}?{it.address}")
    return _compared(request, it)


@require_POST
@login_required
def comparison_draw(request: HttpRequest) -> HttpResponse:
    """Draw what is missing, as far as one's limits go."""
    it = comparison.read(request.user, request.POST)
    try:
        if it.refused:
            raise BadRecipe(it.refused)
        for recipe in it.missing:
            actions.generation_create(owner=person(request), recipe=recipe)
    except Refused as refused:
        return _compared(request, comparison.read(request.user, request.POST), refused)
    return redirect(f"{reverse('tryit:comparison-detail')}?{it.address}")


def _compared(request: HttpRequest, it: comparison.Comparison, refused: Refused | None = None) -> HttpResponse:
    context = {
        "it": it,
        "bases": bases_for_tryit(request.user),
        "adapters": comparison.choices(request.user, it.base),
        "most": comparison.MOST_COLUMNS,
        "refused": refused.sentence if refused else it.refused,
    }
    part = "poll" in request.GET and request.headers.get("HX-Request")
    template = "tryit/comparison_table.html" if part else "tryit/comparison_detail.html"
    return render(request, template, context, status=refused.status if refused else 200)
