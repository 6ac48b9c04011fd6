"""The picture on a version's card: of its strip, or else the first that its owner put into its gallery.

The hub's own comes first, so that cards compare; what is not drawn here (a ControlNet, a VAE, a family without a base)
would have none at all without its owner's.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Exists, F, OuterRef, Q

from hub.accounts.models import Membership
from hub.catalog.actions import cover_set
from hub.catalog.models import Version
from hub.gallery.models import UNKNOWN, Frame, Picture, PictureUse


def cover_choose(version: Version) -> None:
    """Put on a version's card what belongs there now; nothing where nobody drew it and nobody showed a picture."""
    picture = _of_strip(version) or _of_gallery(version)
    if picture is None:
        cover_set(version=version, sha256="", width=None, height=None)
    else:
        cover_set(version=version, sha256=picture.sha256, width=picture.width, height=picture.height)


def covers_follow(pictures: Iterable[int]) -> None:
    """Pictures (ids) were shown, hidden or rated: the cards that show one of them, or none yet, choose anew."""
    # By keys at hand: a catalogue of millions of versions is never walked for it.
    shas = dict(Picture.objects.filter(pk__in=list(pictures)).values_list("pk", "sha256"))
    used = set(PictureUse.objects.filter(picture__in=shas).values_list("version", flat=True))
    lacking = Q(cover_sha256="") | Q(cover_sha256__in=set(shas.values()))
    for version in Version.objects.filter(lacking, pk__in=used).select_related("model"):
        cover_choose(version)


def _of_strip(version: Version) -> Picture | None:
    """The first board prompt at the recommended weight, or the nearest that is drawn."""
    frames = Frame.objects.filter(strip__version=version, strip__board=True, position=0)
    frames = frames.filter(picture__visible=True, picture__held=False, picture__level__gt=UNKNOWN)
    frames = frames.select_related("picture", "strip")
    # The base alone says nothing of an adapter. Of two that are equally near the smaller: the milder is the safer card.
    drawn = [frame for frame in frames if frame.weight or frame.strip.base_version_id == version.pk]
    best = min(drawn, key=lambda frame: (abs(frame.weight - version.weight), frame.weight), default=None)
    return best.picture if best else None


def _of_gallery(version: Version) -> Picture | None:
    """The first of its owner's pictures, or of those who are the group that owns it, that everybody may see wherever
    the model is shown: no worse than the model's level says, and made with nothing that is not public."""
    model = version.model
    owners = Membership.objects.filter(group=model.owner_id).exclude(accepted_at=None).exclude(role="viewer")
    secret = PictureUse.objects.filter(picture=OuterRef("pk")).exclude(version=version)
    secret = secret.exclude(version__status=Version.Status.PUBLISHED, version__model__status="published")
    shown = Picture.objects.filter(~Exists(secret), uses__version=version, visible=True, held=False, level__gt=UNKNOWN)
    shown = shown.filter(Q(owner=model.owner_id) | Q(owner__in=owners.values("person")))
    return shown.filter(level=F("level").bitand(model.level)).order_by("pk").first()
