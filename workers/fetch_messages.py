"""What the hub and the workers that fetch from other servers say to each other; a chapter of `workers.messages`.

Everything told of another server is hostile text: bounded and cleaned where it is read (`workers.sources`).
"""

from typing import Any, Literal

import msgspec

from workers.messages import Failed, Message, PictureRecipe

FETCH = "fetch"  # the queue; its workers reach other servers, and neither the database nor the store's keys
KINDS = Literal["civitai", "huggingface"]


class ToldFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file as its source announces it. ``size``: bytes, 0 where it is not told. ``digests``: lower-case hex by kind,
    as in `Inspected`; what arrives is held against them."""

    url: str
    name: str
    size: int = 0
    kind: str = "Model"
    primary: bool = False
    digests: dict[str, str] = {}


class ToldPicture(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``key``: by which the source knows it. ``level``: one of 1, 2, 4, 8, 16. ``recipe``: where the source tells it
    apart from the picture."""

    key: str
    url: str
    level: int = 1
    recipe: PictureRecipe | None = None


class ToldVersion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``remote``: the source's name of it. ``base``: as the source spells it. ``published_at``: ISO 8601, or empty."""

    remote: str
    name: str
    link: str
    base: str = ""
    description: str = ""
    trigger_words: tuple[str, ...] = ()
    published_at: str = ""
    files: tuple[ToldFile, ...] = ()
    pictures: tuple[ToldPicture, ...] = ()


class ToldModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model as its source tells it, newest version first. ``type``: Civitai's word, empty where it is not told.

    ``creator`` is a name and no account of this hub. ``licence``: the source's word for it. ``left_out``: sentences on
    what is there and was not taken.
    """

    remote: str
    name: str
    link: str
    type: str = ""
    description: str = ""
    creator: str = ""
    tags: tuple[str, ...] = ()
    level: int = 1
    licence: str = ""
    allow_no_credit: bool = False
    allow_commercial_use: tuple[str, ...] = ()
    allow_derivatives: bool = True
    allow_different_licence: bool = False
    versions: tuple[ToldVersion, ...] = ()
    left_out: tuple[str, ...] = ()


class LookUp(Message, frozen=True):
    """Ask ``server`` what is under a link. One of ``model``, ``version``, ``hash``, ``repo`` is given; with ``version``
    or ``hash`` only that version is wanted. ``secret``: a token, sealed for the fetching workers (`workers.sealing`).
    """

    id: str
    attempt: int
    kind: KINDS
    server: str
    model: int = 0
    version: int = 0
    hash: str = ""
    repo: str = ""
    revision: str = ""
    path: str = ""
    pictures: int = 10
    secret: str = ""


class LookedUp(Message, frozen=True):
    id: str
    attempt: int
    model: ToldModel


class ListShelf(Message, frozen=True):
    """Ask ``server`` which models are on a shelf: of a creator, a tag, a collection, or all. ``cursor``: where the last
    answer ended."""

    id: str
    attempt: int
    kind: KINDS
    server: str
    what: str
    value: str
    cursor: str = ""
    secret: str = ""


class ShelfListed(Message, frozen=True):
    """``links``: to one model each. ``cursor``: empty at the end."""

    id: str
    attempt: int
    links: tuple[str, ...]
    cursor: str = ""


class Measure(Message, frozen=True):
    """Ask how many bytes are at ``url``; more than ``most`` is refused."""

    id: str
    attempt: int
    server: str
    url: str
    most: int
    secret: str = ""


class Measured(Message, frozen=True):
    """``validator``: the source's ETag, by which a changed file is noticed; may be empty."""

    id: str
    attempt: int
    size: int
    validator: str = ""


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bytes from ``start``, ``size`` of them, are PUT to ``url``."""

    start: int
    size: int
    url: str


class FetchFile(Message, frozen=True):
    """Carry parts of the file at ``url``, which has ``size`` bytes, to the store. The parts' addresses are all that the
    worker may write to; parts that are there already are not among them."""

    id: str
    attempt: int
    server: str
    url: str
    size: int
    parts: tuple[Part, ...]
    validator: str = ""
    secret: str = ""


class Fetched(Message, frozen=True):
    """Every part that was asked for is in the store."""

    id: str
    attempt: int


class Fetching(Message, frozen=True):
    """News of a running fetch, kept in the cache for those who watch: ``done`` of ``total`` bytes of the whole file.

    ``at`` is seconds since 1970: a heartbeat.
    """

    id: str
    attempt: int
    done: int = 0
    total: int = 0
    at: float = 0.0


Asked = LookUp | ListShelf | Measure | FetchFile
Answered = LookedUp | ShelfListed | Measured | Fetched | Failed
Anything = Asked | Answered | Fetching


def unpack(data: object) -> Any:
    """The message in ``data``. Raises ``msgspec.ValidationError`` for anything that is not exactly one."""
    return msgspec.convert(data, Anything)


def attempt_key(id: str) -> str:
    """Under it the cache holds the attempt that counts, -1 where nobody wants it any more: a worker with another one
    stops."""
    return f"weightroom:fetch-attempt:{id}"
