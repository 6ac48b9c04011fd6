"""Servers that speak Civitai's API v1, another hub of this kind among them."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit

from workers import web
from workers.addresses import parsed
from workers.errors import Refusal
from workers.fetch_messages import ListShelf, LookUp, ShelfListed, ToldFile, ToldModel, ToldPicture, ToldVersion
from workers.messages import PictureRecipe, Resource
from workers.sources.values import hexes, items, level, line, mapping, mask, number, text, texts, whole

MOST_VERSIONS, MOST_FILES, PAGE = 200, 60, 100
DIGESTS = {
    "SHA256": ("sha256", 64), "AutoV1": ("autov1", 8), "AutoV2": ("autov2", 10), "AutoV3": ("autov3", 12),
    "BLAKE3": ("blake3", 64),
}  # fmt: skip
COMMERCIAL = ("Image", "RentCivit", "Rent", "Sell")
# Files that are none of the weights: a dataset is not what one imports a model for.
LEFT_OUT = {"Training Data": "training data", "Workflow": "a workflow"}
RESOURCES = {
    "model": "base", "checkpoint": "base", "lora": "lora", "locon": "lora", "dora": "lora", "lycoris": "lora",
    "embed": "textual_inversion", "embedding": "textual_inversion", "textualinversion": "textual_inversion",
    "textual_inversion": "textual_inversion", "hypernet": "hypernetwork", "hypernetwork": "hypernetwork", "vae": "vae",
}  # fmt: skip
_WIDTH = re.compile(
    r"/(?:anim=\w+,)?width=\d+(?:,[\w=,]*)?/"
)  # a smaller copy; the original carries what it was made by
TOLD_APART = {"prompt", "negativePrompt", "steps", "sampler", "cfgScale", "seed", "Size", "clipSkip", "hashes"}
TOLD_APART |= {"resources", "civitaiResources", "additionalResources", "comfy", "workflow", "Model", "Model hash"}


def look_up(asked: LookUp, token: str) -> ToldModel:
    """The model under a link of such a server. Raises ``Refusal``."""
    api = Api(asked.server, token)
    only, model_id = 0, asked.model
    if asked.hash:
        found = api.version_by_hash(asked.hash)
        only, model_id = whole(found.get("id")), whole(found.get("modelId"))
    elif asked.version:
        only = asked.version
        model_id = model_id or whole(api.version(only).get("modelId"))
    if not model_id:
        raise Refusal("not-there", f"{parsed(asked.server).host} does not say which model that version is of.")
    return model_told(
        api.model(model_id), asked.server, only=only, pictures=asked.pictures, version=api.version_in_full
    )


class Api:
    """Asks one server; its token goes to it and nowhere else."""

    def __init__(self, server: str, token: str = "") -> None:
        self.server, self.token = server, token

    def get(self, path: str) -> dict[str, Any]:
        told = web.json(f"{self.server}/api/v1/{path}", token=self.token, server=self.server)
        if not isinstance(told, dict):
            raise web.Elsewhere("not-json", f"{parsed(self.server).host} does not answer as Civitai's API does.")
        return told

    def model(self, id: int) -> dict[str, Any]:
        return self.get(f"models/{id}")

    def version(self, id: int) -> dict[str, Any]:
        return self.get(f"model-versions/{id}")

    def version_by_hash(self, hash: str) -> dict[str, Any]:
        return self.get(f"model-versions/by-hash/{quote(hash)}")

    def version_in_full(self, id: int) -> dict[str, Any]:
        """A version with its pictures' recipes; empty where the server has it inside its model only."""
        try:
            return self.version(id)
        except web.Elsewhere as error:
            if error.retry:
                raise
            return {}


def model_told(
    told: dict[str, Any], server: str, *, only: int = 0, pictures: int = 10, version: Any = lambda id: {}
) -> ToldModel:
    """A model of the API in this hub's words. only: one version of it. version: asked for each in full.

    Raises ``Refusal`` where it is none, or without the version that was asked for.
    """
    id, host = whole(told.get("id")), parsed(server).host
    if not id:
        raise web.Elsewhere("not-json", f"{host} does not answer as Civitai's API does.")
    if told.get("mode") in {"Archived", "TakenDown"}:
        raise Refusal("taken-down", f"{host} has taken this model out of service; there is nothing to fetch.")
    inside = [mapping(one) for one in items(told.get("modelVersions"), MOST_VERSIONS)]
    if only and not any(whole(one.get("id")) == only for one in inside):
        inside = [mapping(version(only))]
    wanted = [one for one in inside if whole(one.get("id")) and (not only or whole(one.get("id")) == only)]
    if not wanted:
        raise Refusal("not-there", f"{host} shows no version of this model that has files.")
    left_out: list[str] = []
    link = f"{server}/models/{id}"
    versions = []
    for one in wanted:
        if pictures:
            one = one | {name: value for name, value in version(whole(one["id"])).items() if value is not None}
        versions.append(version_told(one, link, server, pictures=pictures, left_out=left_out))
    commercial = told.get("allowCommercialUse")
    if isinstance(commercial, str):  # PostgreSQL's own way to write an array, as Civitai's list leaks it
        commercial = commercial.strip("{}").split(",")
    return ToldModel(
        remote=str(id),
        name=line(told.get("name"), 120) or f"Model {id}",
        link=link,
        type=line(told.get("type"), 30),
        description=text(told.get("description"), 100_000),
        creator=line(mapping(told.get("creator")).get("username"), 80),
        tags=texts(told.get("tags"), 60, 40),
        level=mask(told.get("nsfwLevel")),
        allow_no_credit=told.get("allowNoCredit") is True,
        allow_commercial_use=tuple(use for use in COMMERCIAL if use in items(commercial)),
        allow_derivatives=told.get("allowDerivatives") is not False,
        allow_different_licence=told.get("allowDifferentLicense") is True,
        versions=tuple(versions),
        left_out=tuple(left_out[:50]),
    )


def version_told(
    told: dict[str, Any], model_link: str, server: str, *, pictures: int, left_out: list[str]
) -> ToldVersion:
    """A version in this hub's words; ``left_out`` grows by a sentence for each thing that was not taken."""
    id = whole(told.get("id"))
    files, shown = [], []
    for one in map(mapping, items(told.get("files"), MOST_FILES)):
        name = line(one.get("name"), 250).replace("\\", "/").rsplit("/", 1)[-1]
        if what := LEFT_OUT.get(line(one.get("type"), 40)):
            left_out.append(f"{name or 'A file'} is {what}; it was left out.")
        elif name and (file := _file(one, name, server)):
            files.append(file)
    for number_, picture in enumerate(map(mapping, items(told.get("images"), pictures))):
        if line(picture.get("type"), 20) not in {"", "image"}:
            left_out.append("Videos among the pictures were left out.")
        elif (found := _picture(picture, server, f"{id}/{number_}")) is not None:
            shown.append(found)
    files.sort(key=lambda file: not file.primary)
    return ToldVersion(
        remote=str(id),
        name=line(told.get("name"), 80) or f"v{id}",
        link=f"{model_link}?modelVersionId={id}",
        base=line(told.get("baseModel"), 60),
        description=text(told.get("description"), 100_000),
        trigger_words=texts(told.get("trainedWords"), 200, 50),
        published_at=line(told.get("publishedAt"), 40),
        files=tuple(files),
        pictures=tuple(shown),
    )


def _file(one: dict[str, Any], name: str, server: str) -> ToldFile | None:
    url = line(one.get("downloadUrl"), 2000)
    if not url:
        return None
    hashes = {str(key).upper(): value for key, value in mapping(one.get("hashes")).items()}
    digests = {kind: hexes(hashes.get(key.upper()), length) for key, (kind, length) in DIGESTS.items()}
    kilobytes = number(one.get("sizeKB")) or 0
    return ToldFile(
        url=_without_token(urljoin(server, url)),
        name=name,
        size=max(0, round(kilobytes * 1024)),
        kind=line(one.get("type"), 40) or "Model",
        primary=one.get("primary") is True,
        digests={kind: digest for kind, digest in digests.items() if digest},
    )


def _without_token(url: str) -> str:
    """A server that hands a token back in its addresses must not have it kept here."""
    parts = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != "token"]
    return parts._replace(query=urlencode(query), fragment="").geturl()


def _picture(one: dict[str, Any], server: str, key: str) -> ToldPicture | None:
    url, shown = line(one.get("url"), 2000), level(one.get("nsfwLevel"))
    if not url or shown > 16:
        return None
    meta = mapping(one.get("meta"))
    meta = mapping(meta.get("meta")) or meta
    address = urlsplit(urljoin(server, _WIDTH.sub("/original=true/", url)))
    return ToldPicture(key=address.path[:190] or key, url=address.geturl(), level=shown, recipe=recipe_told(meta))


def recipe_told(meta: dict[str, Any]) -> PictureRecipe | None:
    """A picture's recipe as the API tells it, apart from the picture; None where it tells none."""
    if not meta.get("prompt") and not meta.get("seed"):
        return None
    width, _, height = line(meta.get("Size"), 20).partition("x")
    resources = [_resource(mapping(one)) for one in items(meta.get("resources"), 50)]
    named = {one.kind for one in resources if one}
    if "base" not in named and (meta.get("Model") or meta.get("Model hash")):
        digest = hexes(meta.get("Model hash"), 8, 10, 12, 64)
        resources.insert(0, Resource(kind="base", name=line(meta.get("Model"), 200), digest=digest))
    others = {line(key, 80): line(str(value), 1000) for key, value in list(meta.items())[:60] if key not in TOLD_APART}
    return PictureRecipe(
        program="Civitai",
        prompt=text(meta.get("prompt"), 20_000),
        negative=text(meta.get("negativePrompt"), 20_000),
        resources=tuple(one for one in resources if one),
        sampler=line(meta.get("sampler"), 200),
        steps=_count(meta.get("steps"), 10_000),
        cfg=number(meta.get("cfgScale")),
        seed=_count(meta.get("seed"), 2**64 - 1),
        width=int(width) if width.isascii() and width.isdecimal() and len(width) < 6 else None,
        height=int(height) if height.isascii() and height.isdecimal() and len(height) < 6 else None,
        clip_skip=_count(meta.get("clipSkip"), 12),
        others={key: value for key, value in others.items() if key and value},
    )


def _count(value: Any, most: int) -> int | None:
    found = number(value)
    return int(value) if found is not None and 0 <= value <= most else None


def _resource(one: dict[str, Any]) -> Resource | None:
    kind = RESOURCES.get(line(one.get("type"), 40).lower())
    if kind is None:
        return None
    weight = number(one.get("weight"))
    digest = hexes(one.get("hash"), 8, 10, 12, 64)
    return Resource(kind=kind, name=line(one.get("name"), 200), digest=digest, weight=1.0 if weight is None else weight)


def list_shelf(asked: ListShelf, token: str) -> ShelfListed:
    """One page of a creator's, a tag's, a collection's models, or of all. Raises ``Refusal``."""
    api = Api(asked.server, token)
    if asked.what == "collection":
        raise Refusal("not-told", f"{parsed(asked.server).host} does not tell over its API what is in a collection.")
    query = {"limit": str(PAGE), "sort": "Newest", "nsfw": "true"}
    if asked.what != "all":
        query[asked.what] = asked.value
    if asked.cursor:
        query["cursor"] = asked.cursor
    told = api.get(f"models?{urlencode(query)}")
    ids = [whole(mapping(one).get("id")) for one in items(told.get("items"), PAGE)]
    cursor = mapping(told.get("metadata")).get("nextCursor")
    cursor = str(cursor) if isinstance(cursor, (str, int)) and len(str(cursor)) < 1000 else ""
    links = tuple(f"{asked.server}/models/{id}" for id in ids if id)
    return ShelfListed(id=asked.id, attempt=asked.attempt, links=links, cursor=cursor if links else "")
