"""Everything the hub and the workers say to each other, and nothing else passes between them.

A message travels as plain JSON (`pack`), and is checked against its type when it arrives (`unpack`).
The keys under which both sides find bytes in the object store and news in the cache are named here too.
"""

from typing import Any, Literal

import msgspec

from workers.keys import RULES as RULES
from workers.keys import SANDBOX_STATE as SANDBOX_STATE
from workers.keys import WORKER_ALIVE as WORKER_ALIVE
from workers.keys import WORKER_HOLDS as WORKER_HOLDS
from workers.keys import blob_key as blob_key
from workers.keys import cancel_key as cancel_key
from workers.keys import converted_key as converted_key
from workers.keys import held_key as held_key
from workers.keys import meaning_key as meaning_key
from workers.keys import own_queue as own_queue
from workers.keys import picture_key as picture_key
from workers.keys import progress_key as progress_key
from workers.keys import small_picture_key as small_picture_key
from workers.keys import xorb_key as xorb_key
from workers.recipe_messages import Axis as Axis
from workers.recipe_messages import PictureRecipe as PictureRecipe
from workers.recipe_messages import Recipe as Recipe
from workers.recipe_messages import Resource as Resource
from workers.recipe_messages import Use as Use

Verdict = Literal["accepted", "refused", "unknown"]


class Message(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True):
    """Base of all messages; the type's name travels as ``type``."""


class Finding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a check noticed: ``danger`` refuses the file, ``warning`` and ``note`` are for its owner to read.

    ``public``: shown to everyone who may download the file, as when it attacks other tools than this hub.
    """

    severity: Literal["danger", "warning", "note"]
    sentence: str
    evidence: str = ""
    public: bool = False


class Scan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A second opinion on a file, by a scanner of somebody else's; ``failed`` is never taken for clean."""

    tool: str
    version: str
    verdict: Literal["clean", "flagged", "failed"]
    findings: tuple[str, ...] = ()


class Sandbox(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The walls behind which a worker converts pickles, as its self-test found them: ``bubblewrap``, ``landlock``, or
    none, and then it converts nothing. ``problem``: what does not hold, for operators. Kept under `SANDBOX_STATE`."""

    walls: Literal["bubblewrap", "landlock", ""]
    problem: str = ""


class Converted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The safetensors made of a pickle or of a PNG with vectors in it, at ``key`` of the incoming bucket; digests as in
    `Inspected`."""

    key: str
    sha256: str
    size: int
    digests: dict[str, str] = {}


class InspectModel(Message, frozen=True):
    """Read the object at ``key`` of the incoming bucket and say what it is."""

    upload_id: str
    attempt: int
    key: str
    name: str
    size: int


class Inspected(Message, frozen=True):
    """What inspection found. Digests are lower-case hex: sha256, autov1, autov2, autov3, crc32 (IEEE), blake3, sshs.

    ``rules`` names those that judged it, and changes with them. ``tier`` of a pickle: A plain tensors, B with known
    inert extras, C contains code. ``converted``: the safetensors made of a pickle, or of a PNG
    with vectors in it.
    """

    upload_id: str
    attempt: int
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    digests: dict[str, str] = {}
    size: int = 0
    kind: str = ""
    base_family: str = ""
    base_variant: str = ""
    format: str = ""
    precision: str = ""
    metadata: dict[str, str] = {}
    trigger_words: tuple[str, ...] = ()
    summary: dict[str, Any] = {}
    rules: str = ""
    tier: str = ""
    scans: tuple[Scan, ...] = ()
    converted: Converted | None = None


class InspectImage(Message, frozen=True):
    """Read the picture at ``key`` of the incoming bucket and make it anew from its pixels.

    ``keep``: put it among the pictures; else only what it says is wanted.
    """

    upload_id: str
    attempt: int
    key: str
    name: str
    size: int
    keep: bool = True


class ImageInspected(Message, frozen=True):
    """What became of a picture. Accepted and kept, it lies under ``picture_key(sha256)``; ``recipe`` is what it said.

    ``blurhash``: a blur of it in thirty letters.
    """

    upload_id: str
    attempt: int
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    format: str = ""
    sha256: str = ""
    width: int = 0
    height: int = 0
    bytes: int = 0
    blurhash: str = ""
    recipe: PictureRecipe | None = None


class ReadHeader(Message, frozen=True):
    """Read the first bytes of a file that is still on its way: they lie at ``key``, the file will have ``size``."""

    upload_id: str
    key: str
    name: str
    size: int


class HeaderRead(Message, frozen=True):
    """What a file's first bytes tell, as in `Inspected`. A hint: the whole file is judged apart from it.

    ``read``: whether they could be read at all. ``title``: its name in its own words.
    """

    upload_id: str
    read: bool
    findings: tuple[Finding, ...] = ()
    kind: str = ""
    base_family: str = ""
    base_variant: str = ""
    format: str = ""
    precision: str = ""
    title: str = ""
    trigger_words: tuple[str, ...] = ()
    summary: dict[str, Any] = {}


class Term(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A run of chunks of a block: from ``first`` to before ``end``, ``size`` bytes once they are unpacked."""

    key: str
    first: int
    end: int
    size: int


class AssembleFile(Message, frozen=True):
    """Join chunks of blocks in the incoming bucket to one file and send its parts to ``urls``, which take ``part_size``
    bytes each, the last one what is left. The urls are all that the worker may write to."""

    upload_id: str
    attempt: int
    size: int
    sha256: str
    terms: tuple[Term, ...]
    part_size: int
    urls: tuple[str, ...]


class Assembled(Message, frozen=True):
    """The parts are in the store; the file that they make has the promised size and SHA-256."""

    upload_id: str
    attempt: int


class Inspecting(Message, frozen=True):
    """News of a running inspection, kept in the cache for the owner who watches; losing it loses nothing.

    ``what`` names the check or the tool at work. ``done`` of ``total``: bytes, or checks; 0 of 0: not known.
    ``at`` is seconds since 1970: a heartbeat.
    """

    upload_id: str
    attempt: int
    stage: Literal["fetching", "digests", "header", "checks", "conversion", "scans", "storing"]
    what: str = ""
    done: int = 0
    total: int = 0
    at: float = 0.0


class MakeLayout(Message, frozen=True):
    """Write an accepted checkpoint, ControlNet or VAE as a folder of diffusers: its weights go to these addresses, by
    their paths (`folders.pieces`), which are all that the worker may write to."""

    file_id: str
    attempt: int
    sha256: str
    family: str
    urls: dict[str, str]
    kind: str = "base"


class LayoutPiece(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: str
    sha256: str
    size: int


class LayoutMade(Message, frozen=True):
    """The weights are in the store; ``texts``: by path, the configurations that belong to them. A piece with the
    digest of the file itself was not sent: its bytes are right as they are, under that path."""

    file_id: str
    attempt: int
    pieces: tuple[LayoutPiece, ...]
    texts: dict[str, str]


class Generate(Message, frozen=True):
    """Draw ``count`` pictures of one recipe, seeds counting up from the recipe's.

    ``plot``: one to three axes; then the pictures are its cells (`workers.plots.cells`), and ``count`` is left alone.
    """

    generation_id: str
    attempt: int
    recipe: Recipe
    count: int = 1
    plot: tuple[Axis, ...] = ()


class Shrink(Message, frozen=True):
    """Make a copy of a drawn picture ``width`` pixels wide, under `small_picture_key`. Nobody waits for an answer."""

    sha256: str
    width: int


class Trace(Message, frozen=True):
    """Put a picture as a preprocessor turns it under ``key``. Nobody waits for an answer."""

    sha256: str
    preprocessor: str
    low: float
    high: float

    @property
    def key(self) -> str:
        return f"{self.sha256[:2]}/{self.sha256}.{self.preprocessor}-{self.low:g}-{self.high:g}.png"


class Score(Message, frozen=True):
    """Say how much a picture looks like pornography; ``blur_only``: its blur, which pictures once came without."""

    sha256: str
    blur_only: bool = False


class Scored(Message, frozen=True):
    """``score`` from 0 to 1; a suggestion, for the classifier learnt from photographs. None: it was not asked for."""

    sha256: str
    score: float | None
    blurhash: str = ""


class Embed(Message, frozen=True):
    """Read what ``texts`` mean, of rows ``ids`` of ``what``; of a ``query`` into the cache, under `meaning_key`."""

    texts: tuple[str, ...]
    query: bool = False
    what: str = ""
    ids: tuple[int, ...] = ()


class Embedded(Message, frozen=True):
    """``vectors``: 384 halves each, little-endian, base64."""

    what: str
    ids: tuple[int, ...]
    vectors: tuple[str, ...]


class Drawn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A picture in the object store under ``picture_key(sha256)``."""

    sha256: str
    width: int
    height: int
    seed: int
    bytes: int
    blurhash: str = ""


class Generated(Message, frozen=True):
    """``sheet``: a plot's contact sheet; its pictures are its cells', in the order of `workers.plots.cells`."""

    generation_id: str
    attempt: int
    pictures: tuple[Drawn, ...]
    seconds: float
    sheet: Drawn | None = None


class Failed(Message, frozen=True):
    """The work could not be done. ``retry``: trying again may help (out of memory, a store that does not answer)."""

    id: str
    attempt: int
    code: str
    sentence: str
    retry: bool = False


class Progress(Message, frozen=True):
    """News of a running job, kept in the cache for those who watch; losing it loses nothing.

    A worker's first job finds it ``starting``. One that has it at hand may still be ``waiting`` for those that it draws
    before. ``preview`` is a small PNG of the latents, base64, or empty. ``at`` is seconds since 1970: a heartbeat.
    """

    generation_id: str
    attempt: int
    stage: Literal["starting", "fetching", "loading", "waiting", "drawing", "storing"]
    step: int = 0
    steps: int = 0
    picture: int = 0
    preview: str = ""
    at: float = 0.0


Anything = (
    Embed
    | Embedded
    | AssembleFile
    | Assembled
    | InspectModel
    | Inspected
    | InspectImage
    | ImageInspected
    | ReadHeader
    | HeaderRead
    | Inspecting
    | MakeLayout
    | LayoutMade
    | Generate
    | Shrink
    | Trace
    | Generated
    | Score
    | Scored
    | Failed
    | Progress
)


def pack(message: Anything) -> dict[str, Any]:
    return msgspec.to_builtins(message)


def unpack(data: object) -> Any:
    """The message in ``data``. Raises ``msgspec.ValidationError`` for anything that is not exactly one."""
    return msgspec.convert(data, Anything)


# Queue names; ``hub`` is the hub's own worker. ``header``: questions that large files should not hold up; nor should
# they hold up small ones, so theirs is a line of its own, ``inspect-large``.
INSPECT, HEADER, GENERATE, HUB, INSPECT_LARGE = "inspect", "header", "generate", "hub", "inspect-large"
