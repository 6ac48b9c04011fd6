"""Models and versions read whole, each by one statement: what programs ask most, so the database builds the tree.

The rows come as JSON arrays in the order of the fields below. What a person may not see is not in them; the rules are
those of `catalog.queries` and `gallery.queries`, and a test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from hub.accounts.models import User
from hub.accounts.queries import groups_of
from hub.catalog import links
from hub.catalog.hashes import Range, hash_ranges
from hub.catalog.models import Model, Version
from hub.catalog.queries import Person, moderates
from hub.prepared import Prepared


class FileRow(msgspec.Struct, array_like=True):
    """An accepted file."""

    id: int
    sha256: str
    size: int
    name: str
    kind: str
    adapter: str
    format: str
    precision: str
    size_kind: str
    primary: bool
    findings: list[dict[str, Any]]
    scanned_at: datetime
    digests: list[tuple[int, str]]  # Digest.Kind and hex


class PictureRow(msgspec.Struct, array_like=True):
    """``recipe`` is empty in lists, which only say whether there is one, and words in it."""

    pk: int
    sha256: str
    width: int
    height: int
    level: int
    blurhash: str
    has_recipe: bool
    has_prompt: bool
    recipe: dict[str, Any]


class VersionRow(msgspec.Struct, array_like=True):
    id: int
    index: int
    name: str
    base: str
    family: str
    ecosystem: str
    variant: str
    created_at: datetime
    updated_at: datetime
    published_at: datetime | None
    status: str
    description: str
    trigger_words: list[str]
    downloads: int
    files: list[FileRow]
    pictures: list[PictureRow]


class ModelRow(msgspec.Struct, array_like=True):
    id: int
    name: str
    type: str
    status: str
    level: int
    allow_no_credit: bool
    allow_commercial_use: list[str]
    allow_derivatives: bool
    allow_different_licence: bool
    owner_id: int
    sign_in_to_download: bool
    description: str = ""
    owner: str = ""
    downloads: int = 0
    likes: int = 0
    dislikes: int = 0
    comments: int = 0
    tags: list[str] = []
    versions: list[VersionRow] = []


class Alone(msgspec.Struct, array_like=True):
    """A version on its own: what it is of, and version ids of the files in its pictures' recipes, by SHA-256."""

    version: VersionRow
    model: ModelRow
    training: dict[str, Any] | None
    version_ids: dict[str, int]
    origin: tuple[str, str, str] | None = None  # server, model and version there, of what was imported


_MODEL, _ALONE = msgspec.json.Decoder(ModelRow), msgspec.json.Decoder(Alone)

# Put together of the constants below and nothing else; values are parameters.
# `m` and `v` are the model and version at hand. A version that is seen shows its accepted files, unless the model as a
# whole was taken down.
_SEEN_VERSION = """v.status <> 'deleted' AND m.status <> 'deleted' AND (
    (v.status = 'published' AND (m.status = 'published'
        OR m.status = 'unlisted' AND m.link_key = ANY(%(keys)s))) OR m.owner_id = ANY(%(owners)s) OR %(moderates)s)"""
_SEEN_MODEL = """m.status <> 'deleted' AND (
    m.status IN ('published', 'taken-down')
    OR m.status = 'unlisted' AND m.link_key = ANY(%(keys)s) OR m.owner_id = ANY(%(owners)s) OR %(moderates)s)"""
_FILES = """(SELECT coalesce(json_agg(json_build_array(
        f.id, f.blob_id, b.size, f.name, f.kind, f.adapter, f.format, f.precision, f.size_kind, f."primary",
        f.findings, coalesce(f.inspected_at, f.created_at),
        (SELECT coalesce(json_agg(json_build_array(d.kind, encode(d.digest, 'hex'))), '[]')
         FROM catalog_digest d WHERE d.file_id = f.id)
    ) ORDER BY f."primary" DESC, f.id), '[]')
    FROM catalog_file f JOIN catalog_blob b ON b.sha256 = f.blob_id
    WHERE f.version_id = v.id AND f.verdict = 'accepted' AND m.status <> 'taken-down'
    AND NOT (f.format = 'Diffusers' AND f.source_id IS NOT NULL))"""
# A folder of diffusers that was made here is no download of its own: strict clients ask for all six digests of each.
# A picture that a hidden version had a part in is its owner's alone, and that version's owner's; one that is not scored
# yet is in no list but its owner's.
_SHOWN_PICTURES = """SELECT p.* FROM gallery_pictureuse u JOIN gallery_picture p ON p.id = u.picture_id
    WHERE u.version_id = v.id AND p.visible AND (p.owner_id = %(viewer)s OR NOT p.held AND p.level > 0 AND NOT EXISTS (
        SELECT 1 FROM gallery_pictureuse u2 JOIN catalog_version v2 ON v2.id = u2.version_id
        JOIN catalog_model m2 ON m2.id = v2.model_id
        WHERE u2.picture_id = p.id AND m2.owner_id <> ALL(%(owners)s)
        AND (v2.status <> 'published' OR m2.status <> 'published')))
    ORDER BY u.picture_id LIMIT %(pictures)s"""
_PICTURES = f"""(SELECT coalesce(json_agg(json_build_array(
        p.id, p.sha256, p.width, p.height, p.level, p.blurhash, p.recipe <> '{{}}',
        coalesce(p.recipe->>'prompt', '') <> '', RECIPE
    ) ORDER BY p.sha256 <> v.cover_sha256, p.id), '[]') FROM ({_SHOWN_PICTURES}) p)"""  # noqa: S608
_VERSION = f"""json_build_array(
    v.id, v.index, v.name, ba.name, ba.family, ba.ecosystem, v.base_variant, v.created_at, v.updated_at,
    v.published_at, v.status, v.description, v.trigger_words, coalesce(vs.downloads, 0), {_FILES}, {_PICTURES})"""
_LICENCE = """m.id, m.name, m.type, m.status, m.level, m.allow_no_credit, m.allow_commercial_use, m.allow_derivatives,
    m.allow_different_licence, m.owner_id, m.sign_in_to_download"""
_MODELS = f"""
SELECT json_build_array({_LICENCE}, m.description, o.username, coalesce(ms.downloads, 0),
    coalesce(ms.likes, 0),
    (SELECT count(*) FROM community_review r WHERE r.model_id = m.id AND NOT r.recommends),
    (SELECT count(*) FROM community_comment c WHERE c.model_id = m.id AND c.removed_at IS NULL),
    (SELECT coalesce(json_agg(t.name ORDER BY t.name), '[]') FROM catalog_model_tags mt
     JOIN catalog_tag t ON t.id = mt.tag_id WHERE mt.model_id = m.id),
    (SELECT coalesce(json_agg({_VERSION.replace("RECIPE", "'{}'::json")} ORDER BY v.index, v.id DESC), '[]')
     FROM catalog_version v JOIN catalog_base ba ON ba.id = v.base_id
     LEFT JOIN catalog_versionstat vs ON vs.version_id = v.id WHERE v.model_id = m.id AND {_SEEN_VERSION})
)::text
FROM catalog_model m JOIN accounts_user o ON o.id = m.owner_id LEFT JOIN catalog_modelstat ms ON ms.model_id = m.id
WHERE m.id = ANY(%(ids)s) AND {_SEEN_MODEL}"""  # noqa: S608
# Files in the recipes of a version's pictures, each at the version that published it first.
_VERSION_IDS = f"""(SELECT coalesce(json_object_agg(sha256, version_id), '{{}}') FROM (
    SELECT DISTINCT ON (f.blob_id) f.blob_id AS sha256, f.version_id
    FROM ({_SHOWN_PICTURES}) p
    CROSS JOIN LATERAL (SELECT p.recipe->>'base' AS sha UNION
        SELECT jsonb_path_query(p.recipe, '$.uses[*].sha256') #>> '{{}}') named
    JOIN catalog_file f ON f.blob_id = named.sha AND f.verdict = 'accepted'
    JOIN catalog_version fv ON fv.id = f.version_id JOIN catalog_model fm ON fm.id = fv.model_id
    WHERE fv.status <> 'deleted' AND fm.status NOT IN ('deleted', 'taken-down') AND (
        (fv.status = 'published' AND (fm.status = 'published'
        OR fm.status = 'unlisted' AND fm.link_key = ANY(%(keys)s))) OR fm.owner_id = ANY(%(owners)s) OR %(moderates)s)
    ORDER BY f.blob_id, fv.published_at NULLS LAST, f.id) found)"""  # noqa: S608
_VERSIONS = f"""
SELECT json_build_array({_VERSION.replace("RECIPE", "p.recipe")}, json_build_array({_LICENCE}),
    CASE WHEN NOT v.hide_training AND v.training <> '{{}}' THEN v.training END, {_VERSION_IDS},
    (SELECT json_build_array(io.server, io.remote, iv.remote) FROM imports_versionorigin iv
     JOIN imports_origin io ON io.model_id = iv.origin_id WHERE iv.version_id = v.id))::text
FROM catalog_version v JOIN catalog_model m ON m.id = v.model_id JOIN catalog_base ba ON ba.id = v.base_id
LEFT JOIN catalog_versionstat vs ON vs.version_id = v.id
WHERE {_SEEN_VERSION} AND v.id = """  # noqa: S608
_RANGE = "(d.kind = ANY(%(kinds{n})s) AND d.digest >= %(low{n})s AND d.digest <= %(high{n})s)"
RANGES = 2  # that a digest may lie in, at most
_HIT = f"""(SELECT d.version_id FROM catalog_digest d JOIN catalog_version hv ON hv.id = d.version_id
    JOIN catalog_model hm ON hm.id = d.model_id JOIN catalog_file hf ON hf.id = d.file_id
    WHERE hv.status = 'published' AND hm.status = 'published' AND hf.verdict = 'accepted'
    AND ({" OR ".join(_RANGE.format(n=n) for n in range(RANGES))})
    ORDER BY hv.published_at NULLS LAST, d.version_id, d.file_id LIMIT 1)"""  # noqa: S608
_COMMON = {"viewer": "bigint", "owners": "bigint[]", "keys": "text[]", "moderates": "boolean", "pictures": "int"}
_RANGE_TYPES = {"kinds": "smallint[]", "low": "bytea", "high": "bytea"}
_BY_IDS = Prepared("models", _MODELS, ids="bigint[]", **_COMMON)
_VERSIONS_BY_IDS = Prepared("versions", f"{_VERSIONS} ANY(%(ids)s) ORDER BY v.id", ids="bigint[]", **_COMMON)
_VERSION_BY_HASH = Prepared(
    "version_of_hash",
    _VERSIONS + _HIT,
    **_COMMON,
    **{f"{name}{n}": kind for n in range(RANGES) for name, kind in _RANGE_TYPES.items()},
)


def _asked(user: Person, statement: Prepared, **given: Any) -> list[str]:
    owners = [user.pk, *groups_of(user)] if isinstance(user, User) else []
    who = {"viewer": user.pk or 0, "owners": owners, "keys": sorted(links.held()), "moderates": moderates(user)}
    return [row[0] for row in statement.rows(**who, **given)]


def models(user: Person, ids: Sequence[int], *, pictures: int) -> dict[int, ModelRow]:
    """Models that ``user`` may see, by id, with at most ``pictures`` of each version, its cover first."""
    if not ids:
        return {}
    rows = [_MODEL.decode(row) for row in _asked(user, _BY_IDS, ids=list(ids), pictures=pictures)]
    return {row.id: row for row in rows}


def versions(user: Person, ids: Iterable[int], *, pictures: int) -> list[Alone]:
    """Versions that ``user`` may see, in the order of their ids."""
    wanted = sorted(set(ids))
    rows = _asked(user, _VERSIONS_BY_IDS, ids=wanted, pictures=pictures) if wanted else []
    return [_ALONE.decode(row) for row in rows]


def version_of_hash(user: Person, value: str, *, pictures: int) -> Alone | None:
    """The published version that ``value`` is a digest of, as `hash_matches` has it: the first published."""
    ranges = hash_ranges(value)
    if not ranges:
        return None
    given: dict[str, Any] = {}
    for n, one in enumerate([*ranges, *[Range((), b"", b"")] * (RANGES - len(ranges))]):
        given |= {f"kinds{n}": [int(kind) for kind in one.kinds], f"low{n}": one.low, f"high{n}": one.high}
    rows = _asked(user, _VERSION_BY_HASH, pictures=pictures, **given)
    return _ALONE.decode(rows[0]) if rows else None


def of_tombstone(version: Version) -> Alone:
    """A version with its words and licence only: files, pictures and texts are gone."""
    model: Model = version.model
    row = VersionRow(
        version.pk, version.index, version.name, version.base.name, version.base.family, version.base.ecosystem,
        version.base_variant, version.created_at, version.updated_at, version.published_at,
        Version.Status.TAKEN_DOWN, "", list(version.trigger_words), 0, [], [],
    )  # fmt: skip
    about = ModelRow(
        model.pk, model.name, model.type, Model.Status.TAKEN_DOWN, model.level, model.allow_no_credit,
        list(model.allow_commercial_use), model.allow_derivatives, model.allow_different_licence, model.owner_id,
        model.sign_in_to_download,
    )  # fmt: skip
    return Alone(row, about, None if version.hide_training else version.training or None, {})
