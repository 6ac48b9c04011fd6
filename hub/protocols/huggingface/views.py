"""The read path: a repository, its tree, its history; lists of repositories; who I am."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from hub.accounts.authentication import take_token
from hub.accounts.models import User
from hub.accounts.permissions import person
from hub.accounts.queries import is_member
from hub.catalog import queries, repositories
from hub.catalog.models import Base, Model, Revision
from hub.catalog.repositories import Entry
from hub.parsers import BodyTooLarge
from hub.protocols.huggingface import base, reads, shapes

PAGE, PAGE_EXPANDED = 1000, 50
SORTS = {
    "downloads": "downloads", "likes": "likes", "createdAt": "newest", "created_at": "newest",
    "lastModified": "newest", "last_modified": "newest", "trendingScore": "downloads", "trending_score": "downloads",
}  # fmt: skip
TYPES = {"lora": ("LORA", "LoCon", "DoRA"), "textual_inversion": ("TextualInversion",), "vae": ("VAE",)}
TYPES |= {"controlnet": ("Controlnet",), "hypernetwork": ("Hypernetwork",), "upscaler": ("Upscaler",)}
# What every model here is.
OF_ALL = {"diffusers", "text-to-image"}


class RepoDetail(base.Tongue):
    """``/api/models/{id}``, and the same at a revision."""

    def get(self, request: Request, owner: str, name: str, rest: str = "") -> Response:
        model = repositories.repository(request.user, owner, name)
        revision, _ = base.located(request.user, model, *base.rest_of(request, "/revision/", rest))
        entries = repositories.entries(request.user, model, revision)
        shape = _info(request, model, revision, entries)
        shape = _expanded(shape, _wanted(request))
        headers = {"X-Repo-Commit": revision.oid}
        said = reads.warning(entries) or reads.warning_of_owner(model, entries)
        if said:
            headers["X-HF-Warning"] = base.header_text(f"inspection; {said}")
        return Response(shape, headers=headers)


def _wanted(request: Request) -> list[str]:
    """The keys that ``expand`` asks for; none: all of them."""
    return [key for value in request.GET.getlist("expand") for key in value.split(",") if key]


def _expanded(shape: dict[str, Any], wanted: list[str]) -> dict[str, Any]:
    kept = {"_id", "id", "modelId", "sha"} | set(wanted)
    return {key: value for key, value in shape.items() if key in kept} if wanted else shape


def _info(request: Request, model: Model, revision: Revision, entries: list[Entry]) -> dict[str, Any]:
    facts = reads.facts(request.user, [model])[model.pk]
    shape = shapes.model_shape(model, facts)
    shape |= {
        "sha": revision.oid,
        "siblings": [
            shapes.sibling(entry, blobs=base.flag(request.GET, "blobs")) for entry in reads.siblings(model, entries)
        ],
        "cardData": shapes.card_shape(model, facts),
        "safetensors": shapes.safetensors(entry.file for entry in entries if entry.file is not None),
        "usedStorage": sum({entry.blob.sha256: entry.blob.size for entry in entries}.values()),
        "baseModels": None,
        "widgetData": [],
        "spaces": [],
    }
    if base.flag(request.GET, "securityStatus") or "securityRepoStatus" in request.GET.getlist("expand"):
        verdicts = reads.verdicts(model, entries)
        said = {entry.path: shapes.security(entry, verdicts[entry.path])["status"] for entry in entries}
        bad = [{"path": path, "level": s} for path, s in said.items() if s in {"unsafe", "suspicious"}]
        shape["securityRepoStatus"] = {"scansDone": "queued" not in said.values(), "filesWithIssues": bad}
    return shape


class RepoTree(base.Tongue):
    def get(self, request: Request, owner: str, name: str, rest: str) -> Response:
        """Files and folders below a path; all of them with ``recursive``."""
        model = repositories.repository(request.user, owner, name)
        revision, path = base.located(request.user, model, *base.rest_of(request, "/tree/", rest))
        entries = repositories.entries(request.user, model, revision)
        below = [entry for entry in entries if not path or entry.path.startswith(f"{path}/")]
        if path and not below:
            missing = repositories.PathNotFound(f"There is no folder {path[:120]} in this revision.")
            missing.commit = revision.oid  # type: ignore[attr-defined]
            raise missing
        expand = base.flag(request.GET, "expand")
        listed = _listed(below, path, recursive=base.flag(request.GET, "recursive"))
        page = base.number(request.GET, "limit", default=PAGE_EXPANDED if expand else PAGE, most=PAGE) or PAGE
        start = base.number(request.GET, "cursor", default=0, most=10**9)
        shown = listed[start : start + page]
        headers = {"X-Repo-Commit": revision.oid}
        if start + page < len(listed):
            headers |= base.next_link(request, cursor=start + page)
        return Response(_shaped(model, revision, shown, expand), headers=headers)


def _listed(below: list[Entry], path: str, *, recursive: bool) -> list[Entry | tuple[str, list[Entry]]]:
    """Files, and folders with what lies in them, in order of their paths."""
    skip = len(path) + 1 if path else 0
    folders: dict[str, list[Entry]] = {}
    files: list[Entry] = []
    for entry in below:
        parts = entry.path[skip:].split("/")
        for depth in range(1, len(parts)):
            folders.setdefault(entry.path[:skip] + "/".join(parts[:depth]), []).append(entry)
        if recursive or len(parts) == 1:
            files.append(entry)
    shown = [item for item in folders.items() if recursive or "/" not in item[0][skip:]]
    return [*sorted(shown), *sorted(files, key=lambda entry: entry.path)]


def _shaped(
    model: Model, revision: Revision, listed: Iterable[Entry | tuple[str, list[Entry]]], expand: bool
) -> list[dict[str, Any]]:
    listed = list(listed)
    verdicts = reads.verdicts(model, [one for one in listed if isinstance(one, Entry)]) if expand else {}
    return [
        shapes.file_shape(one, verdict=verdicts.get(one.path, ""), last=revision if expand else None)
        if isinstance(one, Entry)
        else shapes.folder_shape(*one)
        for one in listed
    ]


class PathsInfo(base.Tongue):
    reading = ("GET", "HEAD", "OPTIONS", "POST")  # a POST only asks here

    def post(self, request: Request, owner: str, name: str, rest: str) -> Response:
        """What lies at these paths; those that do not exist are left out."""
        model = repositories.repository(request.user, owner, name)
        revision, _ = base.located(request.user, model, *base.rest_of(request, "/paths-info/", rest))
        given = _form(request)
        expand = given.get("expand", [""])[0].lower() == "true"
        entries = repositories.entries(request.user, model, revision)
        found: list[Entry | tuple[str, list[Entry]]] = []
        for path in dict.fromkeys(path.strip("/") for path in given.get("paths", [])):
            if file := next((entry for entry in reads.siblings(model, entries) if entry.path == path), None):
                found.append(file)
            elif below := [entry for entry in entries if entry.path.startswith(f"{path}/")]:
                found.append((path, below))
        return Response(_shaped(model, revision, found, expand), headers={"X-Repo-Commit": revision.oid})


def _form(request: Request) -> dict[str, list[str]]:
    """A form's fields, as `hf_api` sends them; JSON as newer clients do."""
    if "json" in request.content_type:
        data = request.data if isinstance(request.data, dict) else {}
        return {
            key: [str(v) for v in value] if isinstance(value, list) else [str(value)] for key, value in data.items()
        }
    body = request._request.read(settings.MAX_JSON_BYTES + 1)
    if len(body) > settings.MAX_JSON_BYTES:
        raise BodyTooLarge("Ask for fewer paths at once.")
    return parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)


class RepoRefs(base.Tongue):
    def get(self, request: Request, owner: str, name: str) -> Response:
        """Branches and tags; versions are tags."""
        model = repositories.repository(request.user, owner, name)
        branches, tags = repositories.refs(request.user, model)
        shape: dict[str, Any] = {
            "branches": [{"name": n, "ref": f"refs/heads/{n}", "targetCommit": r.oid} for n, r in branches],
            "tags": [{"name": n, "ref": f"refs/tags/{n}", "targetCommit": r.oid} for n, r in tags],
            "converts": [],
        }
        if "include_prs" in request.GET:
            shape["pullRequests"] = []
        return Response(shape)


class RepoCommits(base.Tongue):
    def get(self, request: Request, owner: str, name: str, rest: str) -> Response:
        model = repositories.repository(request.user, owner, name)
        revision, _ = base.located(request.user, model, *base.rest_of(request, "/commits/", rest))
        commits = repositories.history(request.user, model, revision)
        limit = base.number(request.GET, "limit", default=50, most=1000) or 50
        page = base.number(request.GET, "p", default=0, most=10**6)
        shown = commits[page * limit : (page + 1) * limit]
        headers = {"X-Total-Count": str(len(commits))}
        if (page + 1) * limit < len(commits):
            headers |= base.next_link(request, p=page + 1)
        return Response([shapes.commit_shape(commit, model) for commit in shown], headers=headers)


class RepoList(base.Tongue):
    def get(self, request: Request) -> Response:
        """Published repositories; one's own private ones too, where ``author`` is oneself or a group of one's."""
        given = request.GET
        limit = base.number(given, "limit", default=100, most=1000) or 100
        author = given.get("author", "")
        mine = isinstance(request.user, User) and is_member(request.user, author)
        wish, nothing = _wish(request)
        if nothing:
            return Response([])
        if mine and not (wish.query or wish.tags or wish.types or wish.bases):
            start = base.number(given, "cursor", default=0, most=10**6)
            models = list(repositories.repositories_of(request.user, author)[start : start + limit + 1])
            following = str(start + limit) if len(models) > limit else ""
            models = models[:limit]
        else:
            page = queries.model_list(wish, limit=min(limit, 200), cursor=given.get("cursor", "")[:1000])
            found = {version.model_id: version.model for version in page.versions}
            models, following = list(found.values()), page.next_cursor
        shown = _rows(request, request.user if mine else AnonymousUser(), models)
        return Response(shown, headers=base.next_link(request, cursor=following) if following else {})


def _rows(request: Request, user: Any, models: list[Model]) -> list[dict[str, Any]]:
    """Models of a list, with what ``full``, ``cardData`` and ``expand`` ask for."""
    wanted, full = _wanted(request), base.flag(request.GET, "full")
    facts = reads.facts(user, models)
    listed = reads.listed(user, models, facts) if full or {"siblings", "safetensors"} & set(wanted) else {}
    rows = []
    for model in models:
        shape = shapes.model_shape(model, facts[model.pk])
        if full or base.flag(request.GET, "cardData") or "cardData" in wanted:
            shape["cardData"] = shapes.card_shape(model, facts[model.pk])
        if listed:
            entries = listed[model.pk]
            shape["siblings"] = [shapes.sibling(entry, blobs=False) for entry in entries]
            shape["safetensors"] = shapes.safetensors(entry.file for entry in entries if entry.file is not None)
        rows.append(_expanded(shape, wanted))
    return rows


def _wish(request: Request) -> tuple[queries.Wish, bool]:
    """The list's wish, and whether it asks for what no model here can be."""
    given = request.GET
    asked = [part for value in given.getlist("filter") for part in value.split(",") if part]
    asked += [given[name] for name in ("pipeline_tag", "library") if given.get(name)]
    types: list[str] = []
    bases: list[str] = []
    tags: list[str] = []
    nothing = given.get("gated", "").lower() == "true" or bool(given.get("apps") or given.get("inference_provider"))
    for word in asked:
        if word.lower() in OF_ALL:
            continue
        if word.lower() in TYPES:
            types += TYPES[word.lower()]
        elif word.startswith("base_model:"):
            bases.append(word.rpartition(":")[2])
        else:
            tags.append(word)
    if bases:
        known = {one.name.lower(): one.name for one in Base.objects.all()}
        bases = [known[name.lower()] for name in bases if name.lower() in known]
        nothing = nothing or not bases
    wish = queries.Wish(
        query=given.get("search", "").replace("\x00", "")[:200],
        creator=given.get("author", "").replace("\x00", "")[:96],
        types=tuple(dict.fromkeys(types)),
        bases=tuple(bases),
        tags=tuple(tags),
        sort=SORTS.get(given.get("sort", ""), ""),
    )
    return wish, nothing


class Whoami(base.Tongue):
    scope, public = "read", False

    def get(self, request: Request) -> Response:
        return Response(shapes.whoami_shape(person(request), take_token(request._request)))


class AuthCheck(base.Tongue):
    """Whether a repository may be read, or with ``/write`` written."""

    def get(self, request: Request, owner: str, name: str, right: str = "read") -> Response:
        if right == "write":
            repositories.repository_mine(person(request), owner, name)
        else:
            repositories.repository(request.user, owner, name)
        return Response({})


class Discussions(base.Tongue):
    """There are none; transformers asks before it offers to convert weights."""

    def get(self, request: Request, owner: str, name: str) -> Response:
        repositories.repository(request.user, owner, name)
        return Response({"discussions": [], "count": 0, "start": 0, "numClosedDiscussions": 0})


class Harnesses(base.Tongue):
    """Asked once by every process of a client, until it is answered."""

    def get(self, request: Request) -> Response:
        return Response({"standardEnvVars": [], "harnesses": {}})


class TagsByType(base.Tongue):
    def get(self, request: Request) -> Response:
        return Response({})


class Telemetry(base.Tongue):
    """Taken from clients that send it, whatever token they send along, and kept nowhere."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get(self, request: Request, rest: str = "") -> Response:
        return Response(status=HTTPStatus.OK)

    def post(self, request: Request, rest: str = "") -> Response:
        return Response(status=HTTPStatus.NO_CONTENT)


class NoSuchRepo(base.Tongue):
    """A name without its owner, such as ``gpt2``; data sets and spaces, of which this hub has none."""

    reading = ("GET", "HEAD", "OPTIONS", "POST")

    def get(self, request: Request, **anything: str) -> Response:
        raise base.no_such_model()

    post = get
