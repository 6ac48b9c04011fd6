"""What the gallery can be asked: which pictures a person may see, a version's strip, what a picture was made of."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from hub.accounts.levels import LEVELS, levels_of
from hub.accounts.queries import groups_of
from hub.catalog.bases import NANO
from hub.catalog.listings import DRAWN_FAMILIES, STACKED, STEERING
from hub.catalog.models import File, Version
from hub.catalog.queries import files_by_sha256, linked, moderates
from hub.errors import NotFound, Refused
from hub.gallery import placeholders, recipes
from hub.gallery.models import UNKNOWN, BoardPrompt, Frame, Picture, PictureUse, SentPicture, Strip
from hub.gallery.rules import Rule, rule_of
from hub.templatetags import weightroom
from workers import blocks
from workers.messages import Use

if TYPE_CHECKING:
    from hub.accounts.models import User

PAGE = 30
WEIGHTS = (0.0, 0.5, 0.8, 1.0)  # of an effect strip; 0 is the base alone
OFFERED = (0.65, 0.9, 0.35, 1.2, 0.2, 1.5, -0.5, *(n / 20 for n in range(-200, 201)))  # to be drawn besides
TOLD_APART = 0.005  # weights nearer than this are one


class BadCursor(Refused):
    """The address of a next page was changed by hand."""

    code = "bad-cursor"


def pictures_for(user: User | AnonymousUser, *, by_link: bool = False) -> QuerySet[Picture]:
    """Pictures that ``user`` may see: their own, and those kept or drawn as previews, unless a version that had a
    part in one is not published; then only its owner sees them. Those that are not scored yet are their owners' alone,
    the hub's own previews apart: these stand in strips, on pages that the model's level guards. by_link: also those of
    unlisted models whose link the request holds, which belong in no list."""
    hidden = PictureUse.objects.filter(picture=OuterRef("pk")).exclude(
        version__status=Version.Status.PUBLISHED, version__model__status="published"
    )
    if by_link:
        hidden = hidden.exclude(linked("version__model__"), version__status=Version.Status.PUBLISHED)
    shown = Q(Q(level__gt=UNKNOWN) | Q(owner=None), visible=True, held=False)
    if user.is_authenticated:
        hidden = hidden.exclude(version__model__owner=user.pk).exclude(version__model__owner__in=groups_of(user))
        return Picture.objects.filter(Q(owner=user.pk) | Q(shown, ~Exists(hidden)))
    return Picture.objects.filter(shown, ~Exists(hidden))


def shown_levels(user: User | AnonymousUser) -> list[int]:
    """The levels of pictures that ``user`` is shown without asking."""
    return [bit for bit in LEVELS if bit & levels_of(user)]


def listed_for(user: User | AnonymousUser) -> Q:
    """Pictures of these levels, and one's own that nobody knows the level of yet."""
    known = Q(level__in=shown_levels(user))
    return known | Q(level=UNKNOWN, owner=user.pk) if user.is_authenticated else known


def picture_list(
    user: User | AnonymousUser, *, after: str = "", version: Version | None = None, limit: int = PAGE
) -> tuple[list[Picture], str]:
    """Pictures in the gallery, newest first, and the cursor of the next page ("" at the end). Raises `BadCursor`."""
    pictures = pictures_for(user).filter(listed_for(user), visible=True).order_by("-id")
    if version is not None:
        pictures = pictures.filter(uses__version=version)
    if after:
        pictures = pictures.filter(id__lt=_read_cursor(after))
    page = list(pictures[: limit + 1])
    more = len(page) > limit
    page = page[:limit]
    return page, _cursor(page[-1].pk) if more else ""


def _cursor(number: int) -> str:
    return base64.urlsafe_b64encode(f"p{number}".encode()).decode().rstrip("=")


def _read_cursor(text: str) -> int:
    try:
        plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        number = int(plain.removeprefix("p"))
    except (ValueError, binascii.Error, UnicodeError) as error:
        raise BadCursor(_("This address of a next page does not exist. Start again at the first page.")) from error
    if not plain.startswith("p") or not 0 < number < 2**63:
        raise BadCursor(_("This address of a next page does not exist. Start again at the first page."))
    return number


def picture_for(user: User | AnonymousUser, picture_id: int) -> Picture:
    """Raises `NotFound` where there is none, or none that ``user`` may see."""
    picture = pictures_for(user, by_link=True).select_related("owner").filter(pk=picture_id).first()
    if picture is None and moderates(user):
        unscored = Picture.objects.filter(level=UNKNOWN, visible=True)
        picture = unscored.select_related("owner").filter(pk=picture_id).first()
    if picture is None:
        raise NotFound(_("There is no such picture."))
    return picture


def neighbours(user: User | AnonymousUser, picture: Picture) -> tuple[int | None, int | None]:
    """The pictures before and after one in the gallery, newest first: their numbers, None at an end."""
    gallery = pictures_for(user).filter(listed_for(user), visible=True).values_list("pk", flat=True)
    newer = gallery.filter(pk__gt=picture.pk).order_by("pk").first()
    return newer, gallery.filter(pk__lt=picture.pk).order_by("-pk").first()


def picture_access(user: User | AnonymousUser, sha256: str) -> bool:
    """Whether everyone may see the bytes (True) or only ``user`` and their like (False). Raises `NotFound`."""
    if pictures_for(AnonymousUser()).filter(sha256=sha256).exists():
        return True
    if pictures_for(user, by_link=True).filter(sha256=sha256).exists():
        return False
    if user.is_authenticated and SentPicture.objects.filter(owner=user.pk, sha256=sha256).exists():
        return False
    # Whoever looks at a decision again has to see what it was about; what was nobody else's to see stays so.
    if moderates(user) and Picture.objects.filter(Q(held=True) | Q(visible=True), sha256=sha256).exists():
        return False
    raise NotFound(_("There is no such picture."))


def is_held(sha256: str) -> bool:
    """Whether a moderator hid every picture of these bytes."""
    held = list(Picture.objects.filter(sha256=sha256).values_list("held", flat=True))
    return bool(held) and all(held)


@dataclass(frozen=True)
class Part:
    """A file that had a part in a picture; ``version`` is None where it is gone, or not for this person to see.
    ``apart``: what of it had another weight, in words."""

    kind: str
    name: str
    sha256: str
    weight: float | None
    version: Version | None
    apart: str = ""


def parts_of(user: User | AnonymousUser, picture: Picture) -> list[Part]:
    """The base and the stack of a picture, each with its version where ``user`` may see that."""
    recipe = recipes.read(picture.recipe)
    named = [recipe.base, recipe.refiner, *(use.sha256 for use in recipe.uses)]
    versions = versions_by_sha256(user, list(filter(None, named)))
    bases = [Part("base", recipe.base_name or "base", recipe.base, None, versions.get(recipe.base))]
    if recipe.refiner:
        since = _("draws on from %s of the way") % f"{recipe.refiner_switch_at:g}"
        name = recipe.refiner_name or "base"
        bases.append(Part("base", name, recipe.refiner, None, versions.get(recipe.refiner), since))
    return bases + [
        Part(use.kind, use.name or use.kind, use.sha256, use.weight, versions.get(use.sha256), _apart(use))
        for use in recipe.uses
    ]


def _apart(use: Use) -> str:
    said = []
    if use.text_weight not in (None, use.weight):
        said.append(_("text encoder %s") % f"{use.text_weight:g}")
    if use.blocks:
        said.append(_("blocks %s") % blocks.written(use.blocks))
    return " · ".join(said)


def versions_by_sha256(user: User | AnonymousUser, shas: Sequence[str]) -> dict[str, Version]:
    return {sha: file.version for sha, file in files_by_sha256(user, list(shas)).items()}


# Boards and strips


def variant_of(file: File) -> str:
    """``nano`` for what belongs to the hub's own small bases: of SD 1.5's and SDXL's family, at widths of their own."""
    nano = file.version.base.name in NANO or str(file.summary.get("variant", "")).lower().startswith("nano")
    return "nano" if nano else ""


def board_of(base: File) -> list[BoardPrompt]:
    """The board that strips on ``base`` are drawn on; empty where its family has none."""
    family = variant_of(base) or base.version.base.family
    return list(BoardPrompt.objects.filter(family=family, active=True))


@dataclass(frozen=True)
class FrameView:
    """One drawing of a strip as it is shown. ``state``: drawn, waiting, or failed with ``error`` in words."""

    weight: float
    state: str
    name: str
    url: str = ""
    width: int = 1
    height: int = 1
    picture_id: int | None = None
    error: str = ""
    chosen: bool = False

    @property
    def at(self) -> int:
        return round(self.weight * 100)


@dataclass(frozen=True)
class StripView:
    """A version's strip as its page shows it."""

    version: Version
    strip: Strip | None
    base_alone: bool = False
    prompts: list[str] = field(default_factory=list)
    position: int = 0
    frames: list[FrameView] = field(default_factory=list)
    drawn: int = 0
    total: int = 0
    open: bool = False
    errors: list[str] = field(default_factory=list)
    recipe: dict | None = None
    awaited: float | None = None  # a weight that somebody asked for, while it is drawn
    why: str = ""  # there is no strip

    @property
    def rule(self) -> Rule:
        return rule_of([frame.weight for frame in self.frames])

    @property
    def offered(self) -> float:
        """A weight that could be drawn next."""
        drawn = {frame.at for frame in self.frames}
        return next(weight for weight in OFFERED if round(weight * 100) not in drawn)

    @property
    def following(self) -> int:
        """The board prompt after this one; after the last the first."""
        return (self.position + 1) % max(1, len(self.prompts))

    @property
    def chosen(self) -> FrameView | None:
        return next((frame for frame in self.frames if frame.chosen), None)


def strip_view(
    version: Version, *, position: int = 0, weight: float | None = None, awaited: float | None = None
) -> StripView:
    """The board strip of ``version`` at one board prompt, with the frame nearest to ``weight`` chosen.

    weight: by default what the version's creator recommends. awaited: chosen instead as soon as it is drawn.
    """
    strip = (
        Strip.objects.filter(version=version, board=True)
        .select_related("base_version__model")
        .order_by("-created_at")
        .first()
    )
    if strip is None:
        return StripView(version, None, why=_why_undrawn(version))
    frames = list(strip.frames.select_related("picture", "generation"))
    alone = strip.base_version_id == version.pk
    prompts = {frame.position: frame.prompt for frame in frames}
    position = position if position in prompts else min(prompts, default=0)
    shown = frames if alone else [frame for frame in frames if frame.position == position]
    wanted = version.weight if weight is None else weight
    asked = weight if awaited is None else awaited
    coming = next((frame for frame in shown if asked is not None and abs(frame.weight - asked) < TOLD_APART), None)
    if awaited is not None and coming is not None and coming.picture is not None:
        wanted = awaited
    drawn = [frame for frame in shown if frame.picture is not None] or shown
    chosen = min(drawn, key=lambda frame: abs(frame.weight - wanted), default=None)
    if alone:
        chosen = next((frame for frame in shown if frame.position == position), None)
    views = [_frame_view(version, strip, frame, alone=alone, chosen=frame is chosen) for frame in shown]
    waiting = [frame for frame in frames if frame.picture is None and _is_open(frame)]
    failed = [view.error for view in views if view.error]
    return StripView(
        version=version,
        strip=strip,
        base_alone=alone,
        prompts=[prompts[key] for key in sorted(prompts)],
        position=position,
        frames=views,
        drawn=sum(frame.picture is not None for frame in frames),
        total=len(frames),
        open=bool(waiting),
        errors=list(dict.fromkeys(failed)),
        recipe=next((frame.picture.recipe for frame in shown if frame.picture), None),
        awaited=coming.weight if coming is not None and not alone and coming in waiting else None,
    )


def frames_drawn(version: Version) -> list[FrameView]:
    """What is drawn of a version's board strip so far, small, prompt after prompt."""
    frames = Frame.objects.filter(strip__version=version, strip__board=True, picture__isnull=False)
    frames = frames.select_related("picture", "strip__base_version__model").order_by("position", "weight")
    return [
        replace(
            _frame_view(version, frame.strip, frame, alone=frame.strip.base_version_id == version.pk, chosen=False),
            url=tile_url(frame.picture),  # type: ignore[arg-type]
        )
        for frame in frames
    ]


def _why_undrawn(version: Version) -> str:
    """A sentence: why a version has no strip."""
    accepted = version.files.filter(verdict=File.Verdict.ACCEPTED).exclude(adapter="")
    kinds, base = set(accepted.values_list("adapter", flat=True)), version.base.name
    if kinds & set(STEERING):
        return _("It steers by a picture that it is given, so the hub draws no strip of it.")
    if kinds and not kinds & {"base", *STACKED}:
        return _("A part like this draws nothing by itself, so there is no strip of it.")
    if version.base.family not in DRAWN_FAMILIES:
        return _("This hub draws no pictures on %s; it keeps its files, finds them and serves them.") % base
    return _("Nothing is drawn yet: no base for %s is installed here, or it is not accepted yet.") % base


def _is_open(frame: Frame) -> bool:
    return frame.generation is not None and frame.generation.is_open


def _frame_view(version: Version, strip: Strip, frame: Frame, *, alone: bool, chosen: bool) -> FrameView:
    if alone:
        name = frame.prompt
    elif frame.weight == 0:
        name = f"{frame.prompt}: " + _("%s alone") % strip.base_version.model.name
    else:
        said = {"prompt": frame.prompt, "name": version.model.name, "weight": weightroom.weight(frame.weight)}
        name = _("%(prompt)s, with %(name)s at %(weight)s") % said
    if frame.picture is not None:
        picture = frame.picture
        return FrameView(
            frame.weight, "drawn", name, picture_url(picture), picture.width, picture.height, picture.pk, chosen=chosen
        )
    if _is_open(frame):
        return FrameView(frame.weight, "waiting", name, chosen=chosen)
    error = frame.generation.error if frame.generation is not None else ""
    return FrameView(frame.weight, "failed", name, error=error or _("It was not drawn."), chosen=chosen)


def picture_url(picture: Picture) -> str:
    """Where a picture's bytes are served; the name is for people who save it."""
    return reverse("gallery:picture-file", args=[picture.sha256, "original=true", f"{picture.pk}.png"])


def tile_url(picture: Picture) -> str:
    """The same, no wider than a tile of a grid needs on a sharp screen."""
    return reverse("gallery:picture-file", args=[picture.sha256, "width=512", f"{picture.pk}.png"])


def board_places() -> list[dict[str, Any]]:
    """Places of the boards, each with the prompts that families have there, in words."""
    places: dict[int, list[str]] = {}
    rows = BoardPrompt.objects.filter(active=True).order_by("position", "family")
    for position, prompt in rows.values_list("position", "prompt"):
        places.setdefault(position, []).append(prompt)
    return [{"place": place, "label": " / ".join(dict.fromkeys(prompts))} for place, prompts in places.items()]


def blurhashes(shas: Iterable[str]) -> dict[str, str]:
    """Blurhashes of pictures, by SHA-256."""
    return dict(Picture.objects.filter(sha256__in=set(shas) - {""}).values_list("sha256", "blurhash"))


def drawn_with(user: User | AnonymousUser, cards: list[dict[str, Any]], place: int) -> list[dict[str, Any]]:
    """Cards (``version``) with ``picture_url`` and ``alone_url`` of a board's place, at the weight nearest to what each
    version recommends. One statement for all."""
    versions = {card["version"].pk: card["version"] for card in cards}
    frames = Frame.objects.filter(
        strip__version_id__in=versions, strip__board=True, position=place, picture__level__in=shown_levels(user)
    )
    drawn: dict[int, list[Frame]] = {}
    for frame in frames.select_related("picture", "strip"):
        drawn.setdefault(frame.strip.version_id, []).append(frame)
    out = []
    for card in cards:
        found = drawn.get(card["version"].pk, [])
        wanted = card["version"].weight
        chosen = min((f for f in found if f.weight), key=lambda f: abs(f.weight - wanted), default=None)
        alone = next((f for f in found if not f.weight), None)
        shown = chosen or alone  # a checkpoint's strip is the base alone
        changes = {
            "picture_url": tile_url(shown.picture) if shown and shown.picture else "",
            "alone_url": tile_url(alone.picture) if chosen and alone and alone.picture else "",
            "board": None,
            "blur": placeholders.svg(shown.picture.blurhash) if shown and shown.picture else "",
            "undrawn": shown is None,
        }
        out.append(card | changes)
    return out


def made_with(user: User | AnonymousUser, version: Version, limit: int = 12) -> tuple[list[Picture], bool]:
    """The newest pictures that people made with a version, its strips are shown elsewhere; and whether there are
    others, which ``user`` is not shown unasked."""
    made = pictures_for(user, by_link=True).filter(visible=True, uses__version=version, frames__isnull=True)
    shown = list(made.filter(listed_for(user)).order_by("-id")[:limit])
    return shown, len(shown) < limit and made.exclude(level__in=[UNKNOWN, *shown_levels(user)]).exists()
