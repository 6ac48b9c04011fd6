"""The write path: repositories made and changed, files announced, commits."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from hub.accounts.models import User
from hub.accounts.permissions import person
from hub.accounts.queries import owners_for
from hub.catalog import actions, commits, repositories
from hub.catalog.commits import Content
from hub.catalog.models import Blob, Model
from hub.errors import Refused
from hub.protocols.huggingface import base, bodies, shapes
from hub.uploads import pushes
from hub.uploads.names import EXTENSIONS, checked_filename

FILES_AT_ONCE = 1000


class WrongKindOfRepo(Refused):
    code, status = "wrong-kind", HTTPStatus.UNPROCESSABLE_ENTITY


def _fields(request: Request) -> dict[str, Any]:
    if not isinstance(request.data, dict):
        raise bodies.BadBody("The body is an object in JSON.")
    return request.data


def _own(request: Request, organization: Any, name: Any, kind: Any = "model") -> tuple[User, str]:
    """Whose a repository is, oneself or a group that one edits for, and its name. Raises `NotYours` for another's
    namespace, `WrongKindOfRepo`."""
    if kind not in {None, "model"}:
        raise WrongKindOfRepo("This hub holds models; data sets and spaces have no place here.")
    owner, slash, rest = str(name or "").rpartition("/")
    owner = owner if slash else str(organization or "")
    user = person(request)
    for own in owners_for(user) if owner else [user]:
        if not owner or owner.lower() == own.username.lower():
            return own, rest
    raise repositories.NotYours(f"Only {owner[:96]} makes repositories under that name.")


def _wants_public(fields: dict[str, Any]) -> bool | None:
    """None where nothing is said."""
    if fields.get("visibility") in {"public", "private"}:
        return bool(fields["visibility"] == "public")
    return None if fields.get("private") is None else not fields["private"]


class RepoCreate(base.Tongue):
    def post(self, request: Request) -> Response:
        fields = _fields(request)
        owner, name = _own(request, fields.get("organization"), fields.get("name"), fields.get("type"))
        url = f"{base.origin(request)}/{owner.username}/{name}"
        public = _wants_public(fields)
        try:
            model = commits.repo_create(owner=owner, name=name, public=public is not False)
        except commits.RepoExists as error:
            error.details["url"] = url
            raise
        return Response({"url": url, "name": shapes.repo_id(model), "id": f"{model.pk:024x}"})


class RepoDelete(base.Tongue):
    def delete(self, request: Request) -> Response:
        fields = _fields(request)
        owner, name = _own(request, fields.get("organization"), fields.get("name"), fields.get("type"))
        user = person(request)
        actions.model_delete(model=repositories.repository_mine(user, owner.username, name), by=user)
        return Response({})


class RepoMove(base.Tongue):
    def post(self, request: Request) -> Response:
        fields = _fields(request)
        user = person(request)
        owner, old = _own(request, None, fields.get("fromRepo"), fields.get("type"))
        into, new = _own(request, None, fields.get("toRepo"))
        if owner != into:
            raise repositories.NotYours("A repository is given to somebody else on its page, under Edit.")
        model = commits.repo_move(model=repositories.repository_mine(user, owner.username, old), name=new)
        return Response({"url": f"{base.origin(request)}/{shapes.repo_id(model)}"})


class RepoSettings(base.Tongue):
    def put(self, request: Request, owner: str, name: str) -> Response:
        fields = _fields(request)
        user = person(request)
        model = repositories.repository_mine(user, owner, name)
        if fields.get("gated"):
            raise WrongKindOfRepo("This hub has no gated repositories: one is public or private.")
        public = _wants_public(fields)
        if public is not None:
            commits.repo_public(model=model, public=public, by=user)
        return Response({"private": shapes.is_private(model) if public is None else not public, "gated": False})


class YamlValidate(base.Tongue):
    reading = ("GET", "HEAD", "OPTIONS", "POST")

    def post(self, request: Request) -> Response:
        """Whether a model card's head can be read; always JSON, since the client reads it before the status."""
        errors = []
        try:
            bodies.card(str(_fields(request).get("content") or ""))
        except ValueError as error:
            errors.append({"message": str(error)})
        status = HTTPStatus.BAD_REQUEST if errors else HTTPStatus.OK
        return Response({"errors": errors, "warnings": []}, status=status)


class Preupload(base.Tongue):
    def post(self, request: Request, owner: str, name: str, rest: str) -> Response:
        """How each file is to be sent. What this hub does not keep is left out, and a header says so."""
        user = person(request)
        model = repositories.repository_mine(user, owner, name)
        revision, _ = base.located(user, model, *base.rest_of(request, "/preupload/", rest))
        files = _fields(request).get("files")
        if not isinstance(files, list) or len(files) > FILES_AT_ONCE:
            raise bodies.BadBody(f"List up to {FILES_AT_ONCE} files.")
        there = {entry.path: entry for entry in repositories.entries(user, model, revision)}
        shown, left_out = [], []
        for file in files:
            path = str(file.get("path") if isinstance(file, dict) else "")
            size = file.get("size") if isinstance(file, dict) else 0
            mode = _mode(path, size if type(size) is int else 0)
            if not mode:
                left_out.append(path)
            entry = there.get(path)
            oid = (entry.blob.git_oid if entry.plain else entry.blob.sha256) if entry else None
            shown.append({"path": path, "uploadMode": mode or "regular", "shouldIgnore": not mode, "oid": oid})
        headers = {}
        if left_out:
            said = f"left out; this hub keeps weights, texts and pictures, so not: {', '.join(left_out[:20])}"
            headers["X-HF-Warning"] = base.header_text(said)
        return Response({"files": shown, "commitOid": revision.oid}, headers=headers)


def _mode(path: str, size: int) -> str:
    """``regular``, ``lfs``, or empty for what is not kept. Raises `BadName` for a path that no file can have, and
    `NotKept` for a text too large."""
    commits.check_path(path)
    if repositories.is_plain(path):
        if size > bodies.SMALL_LIMIT:
            most = f"{bodies.SMALL_LIMIT // bodies.MIB} MiB"
            raise bodies.NotKept(f"{path} is larger than the {most} that this hub keeps of a text or picture.")
        return "regular"
    if not path.lower().endswith(EXTENSIONS) or not size:
        return ""
    checked_filename(path.rsplit("/", 1)[-1])
    return "lfs"


class CommitCreate(base.Tongue):
    def post(self, request: Request, owner: str, name: str, rest: str) -> Response:
        user = person(request)
        model = repositories.repository_mine(user, owner, name)
        if base.flag(request.GET, "create_pr"):
            raise WrongKindOfRepo("This hub has no pull requests: push to a branch of your own repository.")
        branch = "/".join(filter(None, base.rest_of(request, "/commit/", rest)))
        said = bodies.commit_read(request)
        puts = said.puts | _copied(request, model, branch, said)
        made = pushes.push_commit(
            by=user, model=model, branch=branch, puts=puts, removes=said.removes, folders=said.folders,
            message=said.message, parent=said.parent,
        )  # fmt: skip
        if said.readme is not None and branch == repositories.MAIN:
            _describe(user, model, said.readme)
        headers = {}
        if made.weights:
            count = f"{len(made.weights)} files are" if len(made.weights) > 1 else f"{made.weights[0]} is"
            headers["X-HF-Warning"] = base.header_text(
                f"inspection; {count} being inspected, and served once accepted."
            )
        url = f"{base.origin(request)}/{shapes.repo_id(model)}/commit/{made.revision.oid}"
        answer = {"success": True, "commitOid": made.revision.oid, "commitUrl": url, "hookOutput": ""}
        return Response(answer, headers=headers)


def _copied(request: Request, model: Model, branch: str, said: bodies.Said) -> dict[str, Content]:
    """Files named by digest alone: of this repository, or weights that the person may read elsewhere."""
    found = {}
    for path, sha256 in said.copies.items():
        blob = Blob.objects.filter(pk=sha256).first()
        inside = blob is not None and blob.revisionentry_set.filter(revision__model=model).exists()
        if blob is None or not (inside or pushes.readable(person(request), sha256)):
            raise pushes.NotArrived(f"The bytes of {path} are not here.")
        found[path] = Content(sha256, blob.size, blob.git_oid if repositories.is_plain(path) else "")
    return found


def _describe(user: Any, model: Model, readme: str) -> None:
    """A model card is what the model's page says; a head that cannot be read changes nothing."""
    with suppress(ValueError, Refused):
        head, body = bodies.card(readme)
        tags = head.get("tags")
        fields: dict[str, Any] = {"description": body}
        if isinstance(tags, list):
            # Only texts: a list of lists of itself, written out, would fill the memory.
            words = [tag for tag in tags if isinstance(tag, str) and tag not in shapes.COMMON_TAGS]
            fields["tags"] = words[: actions.TAG_LIMIT]
        actions.model_edit(model=model, by=user, fields=fields)


class BranchChange(base.Tongue):
    def post(self, request: Request, owner: str, name: str, rest: str) -> Response:
        user = person(request)
        model = repositories.repository_mine(user, owner, name)
        branch = "/".join(filter(None, base.rest_of(request, "/branch/", rest)))
        commits.ref_create(by=user, model=model, name=branch, at=str(_fields(request).get("startingPoint") or ""))
        return Response({}, status=HTTPStatus.CREATED)

    def delete(self, request: Request, owner: str, name: str, rest: str) -> Response:
        model = repositories.repository_mine(person(request), owner, name)
        commits.ref_delete(model=model, name="/".join(filter(None, base.rest_of(request, "/branch/", rest))))
        return Response({})


class TagChange(base.Tongue):
    """POST names the revision in the address, DELETE the tag."""

    def post(self, request: Request, owner: str, name: str, rest: str) -> Response:
        user = person(request)
        model = repositories.repository_mine(user, owner, name)
        revision, _ = base.located(user, model, *base.rest_of(request, "/tag/", rest))
        commits.ref_create(by=user, model=model, name=str(_fields(request).get("tag")), at=revision.oid, tag=True)
        return Response({}, status=HTTPStatus.CREATED)

    def delete(self, request: Request, owner: str, name: str, rest: str) -> Response:
        model = repositories.repository_mine(person(request), owner, name)
        tag = "/".join(filter(None, base.rest_of(request, "/tag/", rest)))
        commits.ref_delete(model=model, name=tag, tag=True)
        return Response({})
