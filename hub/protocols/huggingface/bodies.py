"""What comes in the body of a call, read line by line: a commit, and the small files that travel inside it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import yaml
from rest_framework.request import Request

from hub import storage
from hub.catalog.commits import Content, check_path
from hub.catalog.repositories import PICTURES, is_plain
from hub.errors import Refused
from hub.protocols.huggingface.shapes import git_oid

MIB = 1024**2
SMALL_LIMIT = 5 * MIB  # of a text or picture inside a commit; a tokenizer's vocabulary is about 1
LINE_LIMIT = SMALL_LIMIT * 4 // 3 + 64 * 1024  # the same in base64, with its path
LINES_LIMIT = 10_000
HEAD_LIMIT = 64 * 1024  # of a model card; YAML is slow to read
SHA256 = re.compile(r"[0-9a-f]{64}")
# How the pictures that are kept begin; what begins otherwise is none, whatever its name.
MAGIC = {".png": (b"\x89PNG\r\n\x1a\n",), ".jpg": (b"\xff\xd8\xff",), ".jpeg": (b"\xff\xd8\xff",), ".webp": (b"RIFF",)}


class BadBody(Refused):
    code, status = "bad-body", HTTPStatus.BAD_REQUEST


class NotKept(Refused):
    code, status = "not-kept", HTTPStatus.UNPROCESSABLE_ENTITY


@dataclass
class Said:
    """A commit as it was sent. ``copies``: paths named by digest without their size, as a client copies files."""

    message: str = ""
    parent: str = ""
    puts: dict[str, Content] = field(default_factory=dict)
    copies: dict[str, str] = field(default_factory=dict)
    removes: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    readme: str | None = None


def commit_read(request: Request) -> Said:
    """The commit in ``request``, its small files kept in the store. No more than one line is in memory at a time.

    Raises `BadBody`, `NotKept`, `BadName`.
    """
    said = Said()
    for key, value in _lines(request):
        match key:
            case "header":
                summary, more = _text(value, "summary"), _text(value, "description")
                said.message = f"{summary}\n\n{more}".strip()
                said.parent = _text(value, "parentCommit")
            case "file":
                _small(said, value)
            case "lfsFile":
                _large(said, value)
            case "deletedFile" | "deletedEntry":
                said.removes.add(_text(value, "path").strip("/"))
            case "deletedFolder":
                said.folders.add(_text(value, "path").strip("/"))
            case _:
                raise BadBody(f"This hub knows no {str(key)[:40]!r} in a commit.")
    return said


def _lines(request: Request) -> Iterator[tuple[Any, dict[str, Any]]]:
    for _ in range(LINES_LIMIT):
        line = request._request.readline(LINE_LIMIT + 1)
        if not line:
            return
        if len(line) > LINE_LIMIT:
            raise NotKept(f"A file inside a commit holds at most {SMALL_LIMIT // MIB} MiB here.")
        if not line.strip():
            continue
        try:
            said = json.loads(line)
            key, value = said["key"], said["value"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise BadBody("A commit is lines of JSON, each with a key and a value.") from error
        if not isinstance(value, dict):
            raise BadBody("A commit is lines of JSON, each with a key and a value.")
        yield key, value
    raise BadBody(f"A commit changes at most {LINES_LIMIT} files. Make several.")


def _text(value: dict[str, Any], name: str) -> str:
    return str(value.get(name) or "").replace("\x00", "")


def _small(said: Said, value: dict[str, Any]) -> None:
    path = _text(value, "path")
    check_path(path)
    try:
        content = base64.b64decode(str(value.get("content") or ""), validate=True)
    except (ValueError, binascii.Error) as error:
        raise BadBody(f"{path} is not in base64.") from error
    _check_kept(path, content)
    sha256 = hashlib.sha256(content).hexdigest()
    storage.small_put(sha256, content)
    said.puts[path] = Content(sha256, len(content), git_oid(content))
    if path == "README.md":
        said.readme = content.decode()


def _check_kept(path: str, content: bytes) -> None:
    if not is_plain(path):
        raise NotKept(f"{path} is no text or picture; weights are sent apart, so that they can be inspected.")
    if len(content) > SMALL_LIMIT:
        raise NotKept(f"{path} is larger than the {SMALL_LIMIT // MIB} MiB that this hub keeps of a text or picture.")
    ending = "." + path.lower().rpartition(".")[2]
    if ending in PICTURES:
        if not content.startswith(MAGIC[ending]):
            raise NotKept(f"{path} does not begin as a {ending[1:].upper()} does.")
        return
    try:
        plain = "\x00" not in content.decode()
    except UnicodeDecodeError:
        plain = False
    if not plain:
        raise NotKept(f"{path} is not text in UTF-8.")


def _large(said: Said, value: dict[str, Any]) -> None:
    path, oid = _text(value, "path"), _text(value, "oid").lower()
    check_path(path)
    if not SHA256.fullmatch(oid):
        raise BadBody(f"{path} is named by its SHA-256, 64 hex digits.")
    size = value.get("size")
    if size is None:
        said.copies[path] = oid
    elif type(size) is int and 0 <= size < 2**62:
        if is_plain(path):
            raise NotKept(f"{path} belongs inside the commit: texts and pictures are kept as they are.")
        said.puts[path] = Content(oid, size)
    else:
        raise BadBody(f"{path} has no size.")


def card(readme: str) -> tuple[dict[str, Any], str]:
    """A model card's front matter and what follows it. Raises ``ValueError`` where the front matter is not YAML."""
    if not readme.startswith("---"):
        return {}, readme
    head, mark, rest = readme[3:].partition("\n---")
    if not mark:
        return {}, readme
    if len(head) > HEAD_LIMIT:
        raise ValueError(f"The head of a model card holds at most {HEAD_LIMIT // 1024} KiB here.")
    try:
        said = yaml.safe_load(head)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split())[:300]) from error
    if said is not None and not isinstance(said, dict):
        raise ValueError("The head of a model card is a list of names and values.")
    return said or {}, rest.lstrip("-").lstrip("\n")
