"""What people paste to name a model elsewhere, taken apart: page and download links, AIRs, hashes, ``owner/name``.

Pure Python: the hub reads a link before anything is asked of anybody.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from workers.addresses import BadAddress, parsed
from workers.errors import Refusal

CIVITAI, HUGGINGFACE = "https://civitai.com", "https://huggingface.co"
HUGGINGFACE_HOSTS = {"huggingface.co", "www.huggingface.co", "hf.co"}
LARGEST_ID = 2**31 - 1
_AIR = re.compile(
    r"(?:urn:)?(?:air:)?[a-z0-9_-]+:[a-z_]+:(?P<source>[A-Za-z0-9._-]+):(?P<model>\d{1,10})"
    r"(?:@(?P<version>\d{1,10}))?(?:\+\d{1,10})?(?:\.[a-z0-9]+)?"
)
_HASH = re.compile(r"(?:0x)?([0-9a-fA-F]{8}|[0-9a-fA-F]{10}|[0-9a-fA-F]{12}|[0-9a-fA-F]{64})")
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?"
_REPO = re.compile(rf"(?P<repo>{_NAME}/{_NAME})(?:@(?P<revision>[A-Za-z0-9][A-Za-z0-9._/-]{{0,119}}))?")
_CIVITAI_PATHS = (
    (re.compile(r"/(?:api/v1/)?models/(?P<model>\d{1,10})(?:/.*)?"), True),
    (re.compile(r"/(?:api/v1/)?model-versions/(?P<version>\d{1,10})(?:/.*)?"), False),
    (re.compile(r"/api/v1/model-versions/by-hash/(?P<hash>[^/]+)/?"), False),
    (re.compile(r"/api/download/models/(?P<version>\d{1,10})/?"), False),
)
_REPO_PATH = re.compile(
    rf"/(?:api/models/)?(?P<repo>{_NAME}/{_NAME})"
    r"(?:/(?:tree|blob|resolve|raw|revision|commit)/(?P<revision>[^/]+)(?:/(?P<path>.+))?)?/?"
)
# What stands first in addresses that are no repository's.
NO_OWNERS = {
    "api", "articles", "collections", "datasets", "docs", "images", "model-versions", "models", "pictures", "posts",
    "prompts", "spaces", "tag", "tags", "u", "user", "users",
}  # fmt: skip
_LISTS = (
    (re.compile(r"/(?:user|u)/(?P<value>[^/]+)(?:/models)?/?"), "username"),
    (re.compile(r"/(?:tag|tags)/(?P<value>[^/]+)/?"), "tag"),
    (re.compile(r"/(?:api/v1/)?collections/(?P<value>\d{1,10})(?:/.*)?"), "collection"),
)


class BadLink(Refusal):
    """It names nothing that could be imported."""

    def __init__(self, sentence: str) -> None:
        super().__init__("bad-link", sentence)


@dataclass(frozen=True)
class Link:
    """What a link names. ``server``: the origin to ask. ``token``: one that stood in the link; never shown again."""

    kind: Literal["civitai", "huggingface"]
    server: str
    model: int = 0
    version: int = 0
    hash: str = ""
    repo: str = ""
    revision: str = ""
    path: str = ""
    token: str = ""

    @property
    def shown(self) -> str:
        """The same as an address for people, without secrets."""
        if self.kind == "huggingface":
            end = f"/{'blob' if self.path else 'tree'}/{quote(self.revision or 'main', safe='')}"
            path = f"/{quote(self.path)}" if self.path else ""
            return f"{self.server}/{self.repo}{end + path if self.revision or self.path else ''}"
        if self.hash:
            return f"{self.server}/api/v1/model-versions/by-hash/{self.hash}"
        if self.model:
            return f"{self.server}/models/{self.model}" + (f"?modelVersionId={self.version}" if self.version else "")
        return f"{self.server}/model-versions/{self.version}"


@dataclass(frozen=True)
class Shelf:
    """Many models at once: a creator's, a tag's or a collection's. ``what``: username, tag, collection."""

    server: str
    what: str
    value: str
    kind: Literal["civitai", "huggingface"] = "civitai"


def server_of(text: str) -> str:
    """The origin that ``text`` names, ``https`` where it names none; empty for an empty one. Raises `BadAddress`."""
    text = text.strip()
    if not text:
        return ""
    return parsed(text if "://" in text else f"https://{text}").origin


def parse(text: str, server: str = "") -> Link:
    """What ``text`` names. Raises `BadLink` or `BadAddress`.

    server: whom to ask where the text does not say: for hashes, AIRs and ``owner/name``. Civitai or Hugging Face else.
    """
    text, server = text.strip(), server_of(server)
    if not text or len(text) > 2000:
        raise BadLink("Paste a link to a model or a file, an AIR, a hash, or owner/name.")
    if "://" in text:
        return _url(text)
    if found := _HASH.fullmatch(text):
        return Link("civitai", server or CIVITAI, hash=found[1].upper())
    if (found := _AIR.fullmatch(text)) and ":" in text:
        model, version = int(found["model"]), int(found["version"] or 0)
        return _checked(Link("civitai", server or _source(found["source"]), model=model, version=version))
    if found := _REPO.fullmatch(text):
        return Link("huggingface", server or HUGGINGFACE, repo=found["repo"], revision=found["revision"] or "")
    if re.match(r"[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?/", text, re.IGNORECASE):
        return _url(f"https://{text}")
    raise BadLink(f"“{text[:80]}” is no link, AIR, hash or owner/name.")


def _source(source: str) -> str:
    """Whom an AIR's source stands for: a name with a dot is a server's own."""
    if source.lower() == "civitai":
        return CIVITAI
    if "." in source:
        return server_of(source)
    raise BadLink(f"This AIR is of “{source[:40]}”; say which server that is.")


def _url(text: str) -> Link:
    address = parsed(text)
    parts = urlsplit(address.target)
    query = dict(parse_qsl(parts.query))
    token = query.get("token", "")[:500]
    if address.host in HUGGINGFACE_HOSTS:
        address = replace(address, host="huggingface.co")
    else:
        for pattern, of_model in _CIVITAI_PATHS:
            if found := pattern.fullmatch(parts.path):
                said = found.groupdict()
                version = said.get("version") or (
                    query.get("modelVersionId") or query.get("version") or "0" if of_model else "0"
                )
                hash = said.get("hash") or ""
                if hash and not _HASH.fullmatch(hash):
                    raise BadLink("The link names a hash that is none.")
                return _checked(
                    Link(
                        "civitai",
                        address.origin,
                        model=int(said.get("model") or 0),
                        version=int(version) if version.isascii() and version.isdecimal() and len(version) < 11 else 0,
                        hash=hash.upper().removeprefix("0X"),
                        token=token,
                    )
                )
    found = _REPO_PATH.fullmatch(parts.path)
    if found and found["repo"].split("/")[0] not in NO_OWNERS:
        revision, path = unquote(found["revision"] or ""), unquote(found["path"] or "")
        if not (revision + path).isprintable() or ".." in path.split("/") or len(revision) > 120:
            raise BadLink("The link names a file that no repository has.")
        return Link("huggingface", address.origin, repo=found["repo"], revision=revision, path=path, token=token)
    raise BadLink(f"This address of {address.host} is not that of a model, a version or a file.")


def _checked(link: Link) -> Link:
    if max(link.model, link.version) > LARGEST_ID or not (link.model or link.version or link.hash):
        raise BadLink("The link's number is that of no model.")
    return link


def shelf(text: str, server: str = "") -> Shelf:
    """The shelf that a link names: a creator's page, a tag, a collection. Raises `BadLink` or `BadAddress`."""
    text = text.strip()
    address = parsed(text if "://" in text else f"{server_of(server) or CIVITAI}/{text.lstrip('/')}")
    parts = urlsplit(address.target)
    query = dict(parse_qsl(parts.query))
    for pattern, what in _LISTS:
        if found := pattern.fullmatch(parts.path):
            return Shelf(address.origin, what, unquote(found["value"])[:100])
    if parts.path.rstrip("/") in {"/models", "/api/v1/models"}:
        for what in ("username", "tag", "query"):
            if query.get(what):
                return Shelf(address.origin, what, query[what][:100])
        if not query:
            return Shelf(address.origin, "all", "")
    if address.host in HUGGINGFACE_HOSTS and re.fullmatch(rf"/{_NAME}/?", parts.path):
        return Shelf(HUGGINGFACE, "username", parts.path.strip("/"), "huggingface")
    raise BadLink("Name a creator's page, a tag or a collection: /user/ada, /tag/ink, /collections/7.")


__all__ = ["CIVITAI", "HUGGINGFACE", "BadAddress", "BadLink", "Link", "Shelf", "parse", "server_of", "shelf"]
