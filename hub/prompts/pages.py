"""The prompt library's pages."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import replace_url

from hub.accounts.permissions import person
from hub.catalog.serializers import SCROLLED, Chip, ListAddress, shown_of
from hub.errors import NotFound, Refused
from hub.gallery import recipes
from hub.prompts import actions, facets, imports, queries, templates
from hub.prompts.differences import SAME, differences
from hub.prompts.forms import PromptForm
from hub.prompts.models import LICENCES, Prompt
from hub.prompts.queries import Wish

MOST_CHOICES = 200  # earlier wordings that can be chosen to be compared


def _wish(params: QueryDict) -> Wish:
    like = params.get("like", "")
    return Wish(
        query=params.get("query", "")[:200],
        tag=params.get("tag", "")[:60],
        creator=params.get("creator", "")[:96],
        licence=params.get("licence", "") if params.get("licence") in LICENCES else "",
        template="template" in params.getlist("kind"),
        stacked="stacked" in params.getlist("kind"),
        family=params.get("family", "")[:20],
        like=int(like) if like.isascii() and like.isdecimal() and len(like) < 11 else 0,
        sort=params.get("sort", ""),
        after=params.get("after", "")[:200],
    )


@require_safe
def prompt_list(request: HttpRequest) -> HttpResponse:
    """The library with its filters; htmx asks for the part that changes and gets the same address."""
    wish, page = _wish(request.GET), queries.PAGE
    shown, more = shown_of(request.GET, page), request.headers.get("HX-Target") == "more"
    found = queries.searched(request.user, wish)
    prompts, after = queries.prompt_list(request.user, wish, limit=page if wish.after else shown, found=found)
    address = ListAddress(request.GET, reverse("prompts:prompt-list"))
    context: dict[str, Any] = {
        "prompts": prompts,
        "wish": wish,
        "next_url": address.following(after, shown + page) if after else "",
        "scrolls": shown < SCROLLED * page,
    }
    if more:
        return replace_url(render(request, "prompts/prompt_cards.html", context), address.reaching(shown))
    choices = facets.facets(request.user, wish, found)
    context |= {
        "facets": choices,
        "by_meaning": settings.MEANING_SEARCH,
        "found": found,
        "chips": _chips(address, wish, choices),
        "filtered": bool(wish.query or wish.creator or wish.like or choices.on),
    }
    return render(request, "prompts/prompt_list.html", context)


def _chips(address: ListAddress, wish: Wish, choices: facets.Facets) -> list[Chip]:
    chips = [Chip(facet.label, address.without(name, facet.value)) for name, facet in choices.on]
    if wish.creator:
        chips.append(Chip(_("by %(name)s") % {"name": wish.creator}, address.without("creator", wish.creator)))
    if wish.like:
        chips.append(Chip(_("Like one prompt"), address.without("like", str(wish.like))))
    return chips


@require_safe
def prompt_detail(request: HttpRequest, prompt_id: int) -> HttpResponse:
    prompt = queries.prompt_for(request.user, prompt_id)
    recipe = recipes.read(prompt.recipe)
    wildcards = queries.wildcards_of(prompt.owner)
    seen = prompt.made_from if prompt.made_from_id and _visible(request, prompt.made_from_id) else None
    context = {
        "prompt": prompt,
        "recipe": recipe,
        "pictures": [example.picture for example in prompt.shown_examples],  # type: ignore[attr-defined]
        "fields": _numbered(templates.fields(prompt.text, wildcards)),
        "unknown": templates.unknown(f"{prompt.text}\n{prompt.negative}", wildcards),
        "wordings": _changes(prompt),
        "chosen": _chosen(prompt, request.GET),
        "since": _between(seen.recipe, prompt.recipe) if seen is not None else None,
        "forks": queries.forks_of(request.user, prompt),
        "made_from": seen,
        "licence": LICENCES[prompt.licence],
        "settled": queries.has_settings(recipe),
        "a1111": _a1111(request, recipe),
        "own": prompt.owner_id == request.user.pk,
        "address": f"{settings.PUBLIC_URL}{request.path}",
    }
    return render(request, "prompts/prompt_detail.html", context)


def _changes(prompt: Prompt) -> list[dict[str, Any]]:
    """Earlier wordings, the latest first, each with what the one after it changed."""
    found, later = [], prompt.recipe
    for wording in prompt.wordings.all()[:20]:
        found.append({"wording": wording, **_between(wording.recipe, later)})
        later = wording.recipe
    return found


def _chosen(prompt: Prompt, params: QueryDict) -> dict[str, Any] | None:
    """Any two wordings side by side: what can be chosen, what ``before`` and ``after`` name, and what differs between
    those. None where there are too few to choose from: a single earlier one stands beside the present one already."""
    known = {str(number): when for number, when in prompt.wordings.values_list("number", "created_at")[:MOST_CHOICES]}
    if len(known) < 2:
        return None
    before, after = params.get("before", min(known, key=int)), params.get("after", "")
    before, after = (name if name in known else "" for name in (before, after))  # "": the present one
    found: dict[str, Any] = {"choices": known.items(), "before": before, "after": after, "asked": "before" in params}
    if found["asked"]:
        numbers = [int(name) for name in (before, after) if name]
        earlier = dict(prompt.wordings.filter(number__in=numbers).values_list("number", "recipe"))
        found |= _between(*(earlier[int(name)] if name else prompt.recipe for name in (before, after)))
    return found


def _between(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What became of two recipes' words: ``text``, ``negative`` only where it changed, and whether anything did."""
    text, negative = (differences(before[part], after[part]) for part in ("prompt", "negative"))
    altered = [any(piece.kind != SAME for piece in pieces) for pieces in (text, negative)]
    return {"text": text, "negative": negative if altered[1] else [], "changed": any(altered)}


def _visible(request: HttpRequest, prompt_id: int) -> bool:
    return queries.visible(request.user).filter(pk=prompt_id).exists()


def _numbered(found: list[templates.Field]) -> list[dict[str, Any]]:
    """Fields as selects: a name, and choices with the words that stand for an empty one."""
    return [
        {
            "name": f"f{number}",
            "label": field.wildcard or _("Choice %(n)d") % {"n": number + 1},
            "choices": [(index, choice or _("nothing")) for index, choice in enumerate(field.choices)],
        }
        for number, field in enumerate(field for field in found if field.choices)
    ]


def _a1111(request: HttpRequest, recipe: Any) -> str:
    settled = queries.has_settings(recipe)
    return recipes.as_a1111(recipes.as_saved(request.user, recipe)) if settled else _plain_a1111(recipe)


def _plain_a1111(recipe: Any) -> str:
    """A prompt without settings, as A1111's own prompt box takes it."""
    return recipe.prompt + (f"\nNegative prompt: {recipe.negative}" if recipe.negative else "")


@require_safe
def prompt_workflow(request: HttpRequest, prompt_id: int) -> HttpResponse:
    """The prompt with its settings and stack as a ComfyUI workflow."""
    recipe = recipes.read(queries.prompt_for(request.user, prompt_id).recipe)
    saved = recipes.as_saved(request.user, recipe)
    response = HttpResponse(recipes.as_comfyui(saved), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="prompt-{prompt_id}.json"'
    return response


@login_required
def prompt_create(request: HttpRequest) -> HttpResponse:
    """Keep a prompt: a blank one, or (``?picture=``) the one that drew a picture, with its stack."""
    recipe, picture = actions.EMPTY, None
    number = request.POST.get("picture") or request.GET.get("picture") or ""
    if number.isdecimal() and len(number) < 19:
        picture, recipe = queries.recipe_of_picture(request.user, int(number))
    form = PromptForm.of_recipe(recipe, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            prompt = actions.prompt_create(owner=person(request), fields=form.values(), recipe=recipe, picture=picture)
        except Refused as refused:
            form.add_error(None, refused.sentence)
        else:
            return redirect("prompts:prompt-detail", prompt.pk)
    context = {"form": form, "picture": picture, "recipe": recipe}
    return render(request, "prompts/prompt_create.html", context, status=422 if form.errors else 200)


@login_required
def prompt_edit(request: HttpRequest, prompt_id: int) -> HttpResponse:
    prompt = _own(request, prompt_id)
    form = PromptForm.of(prompt, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            actions.prompt_edit(prompt_id=prompt_id, by=person(request), fields=form.values())
        except Refused as refused:
            form.add_error(None, refused.sentence)
        else:
            return redirect("prompts:prompt-detail", prompt_id)
    context = {"form": form, "prompt": prompt}
    return render(request, "prompts/prompt_edit.html", context, status=422 if form.errors else 200)


def _own(request: HttpRequest, prompt_id: int) -> Prompt:
    prompt = queries.prompt_for(request.user, prompt_id)
    if prompt.owner_id != request.user.pk:
        raise NotFound(_("There is no such prompt."))
    return prompt


@login_required
@require_POST
def prompt_fork(request: HttpRequest, prompt_id: int) -> HttpResponse:
    fork = actions.prompt_fork(prompt_id=prompt_id, by=person(request))
    messages.success(request, _("This is your own copy. Only you see it until you say otherwise."))
    return redirect("prompts:prompt-edit", fork.pk)


@login_required
@require_POST
def prompt_delete(request: HttpRequest, prompt_id: int) -> HttpResponse:
    actions.prompt_delete(prompt_id=prompt_id, by=person(request))
    messages.success(request, _("Deleted."))
    return redirect("prompts:prompt-list")


@login_required
@require_POST
def example_add(request: HttpRequest, prompt_id: int) -> HttpResponse:
    """Show a picture beside the prompt: its number, or the address of its page."""
    number = request.POST.get("picture", "").rstrip("/").rpartition("/")[2]
    if not number.isdecimal() or len(number) > 18:
        raise actions.BadPrompt(_("Give the address of a picture's page on this hub."))
    actions.example_add(prompt_id=prompt_id, picture_id=int(number), by=person(request))
    return redirect("prompts:prompt-detail", prompt_id)


@login_required
@require_POST
def example_remove(request: HttpRequest, prompt_id: int, picture_id: int) -> HttpResponse:
    actions.example_remove(prompt_id=prompt_id, picture_id=picture_id, by=person(request))
    return redirect("prompts:prompt-detail", prompt_id)


@login_required
def prompt_import(request: HttpRequest) -> HttpResponse:
    """The prompts of a file of styles, and those that pictures carry, into the library."""
    if request.method != "POST":
        given = queries.sent_words(person(request), request.GET.getlist("sent"))
        return render(request, "prompts/prompt_import.html", {"licences": LICENCES, "given": given})
    file = request.FILES.get("file")
    rows: list[dict[str, Any]] = queries.rows_of_sent(person(request), request.POST.getlist("sent"))
    if file is None and not rows:
        raise imports.NotStyles(_("Choose a file or a picture first."))
    if file is not None:
        if (file.size or 0) > imports.MOST_BYTES:
            raise imports.NotStyles(_("A file of styles has at most 4 MB here."))
        rows += imports.rows(file.read())
    licence = request.POST.get("licence", "cc0")
    fields = {"licence": licence, "private": request.POST.get("private") == "on"}
    added, here = actions.prompts_import(owner=person(request), rows=rows, fields=fields)
    said = ngettext("%(n)d prompt was added.", "%(n)d prompts were added.", added) % {"n": added}
    if here:
        said += " " + ngettext("%(n)d was here already.", "%(n)d were here already.", here) % {"n": here}
    messages.success(request, said)
    return redirect(reverse("prompts:prompt-list") + f"?creator={person(request).username}")


@login_required
def wildcard_list(request: HttpRequest) -> HttpResponse:
    """One's wildcards, each a list of lines."""
    user = person(request)
    if request.method == "POST":
        kept = actions.wildcard_set(
            owner=user, name=request.POST.get("name", ""), values=request.POST.get("values", "")
        )
        messages.success(request, _("%(name)s is saved.") % {"name": kept} if kept.pk else _("It is gone."))
        return redirect("prompts:wildcard-list")
    return render(request, "prompts/wildcard_list.html", {"wildcards": user.wildcards.all()})
