"""How many prompts each choice of a filter has beside the others; of a broad list the choices without numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db.models import Count
from django.utils.translation import gettext_lazy as _

from hub.catalog.facets import Facet
from hub.catalog.models import Tag
from hub.catalog.wishes import Each
from hub.prompts.models import LICENCES, Prompt
from hub.prompts.queries import HIT, Found, Hit, Person, Wish, narrowed, searched, visible

COUNTED, SAMPLE, TAGS = 5000, 500, 10  # more rows are not counted while somebody waits: the newest tell what there is
FAMILIES = {"sd1": "SD 1.x", "sd2": "SD 2.x", "sdxl": "SDXL"}


@dataclass
class Facets:
    tags: list[Facet] = field(default_factory=list)
    families: list[Facet] = field(default_factory=list)
    kinds: list[Facet] = field(default_factory=list)
    licences: list[Facet] = field(default_factory=list)
    total: int | None = None

    @property
    def on(self) -> list[tuple[str, Facet]]:
        """What is chosen: the parameter's name and the choice."""
        named = (("tag", self.tags), ("family", self.families), ("kind", self.kinds), ("licence", self.licences))
        return [(name, facet) for name, facets in named for facet in facets if facet.on]


def facets(user: Person, wish: Wish, found: Found) -> Facets:
    """found: what `searched` answered to the same wish."""
    plain = replace(wish, licence="", family="", template=False, stacked=False)
    if found.hits is not None and plain != wish:
        found = searched(user, plain)
    broad = found.hits is None and Prompt.objects.order_by().values("pk")[: COUNTED + 1].count() > COUNTED
    known = not (broad or found.capped or (found.hits is None and found.asked))
    most = COUNTED if known else SAMPLE
    if found.rows is not None:
        seen = sorted(found.rows, key=lambda row: row.pk, reverse=True)[:most]
    else:
        rows = narrowed(visible(user), plain)
        rows = rows if found.ranked is None else rows.filter(pk__in=Each.of(found.ranked))
        seen = [Hit(*row) for row in rows.order_by("-pk").values_list(*HIT)[:most]]
    shown = _passing(seen, wish)
    licences = Counter(row.licence for row in _passing(seen, replace(wish, licence="")))
    families = Counter(row.family for row in _passing(seen, replace(wish, family="")) if row.family)

    def number(n: int) -> int | None:
        return n if known else None

    return Facets(
        tags=_tags([row.pk for row in shown], wish.tag, known),
        families=[
            Facet(value, FAMILIES.get(value, value), number(families[value]), value == wish.family)
            for value in dict.fromkeys([*families, *filter(None, [wish.family])])
        ],
        kinds=[
            Facet("template", str(_("Templates")), number(sum(row.template for row in shown)), wish.template),
            Facet("stacked", str(_("With adapters")), number(sum(row.stacked for row in shown)), wish.stacked),
        ],
        licences=[
            Facet(value, str(words).partition(":")[0], number(licences[value]), value == wish.licence)
            for value, words in LICENCES.items()
            if licences[value] or value == wish.licence or not known
        ],
        total=number(len(shown)),
    )


def _passing(rows: list[Hit], wish: Wish) -> list[Hit]:
    if wish.licence:
        rows = [row for row in rows if row.licence == wish.licence]
    if wish.family:
        rows = [row for row in rows if row.family == wish.family]
    if wish.template:
        rows = [row for row in rows if row.template]
    return [row for row in rows if row.stacked] if wish.stacked else rows


def _tags(shown: Sequence[int], chosen: str, known: bool) -> list[Facet]:
    """The most frequent tags of those shown (of the newest of a broad list), and the one that is on."""
    through: Any = (
        Prompt.tags.through.objects.filter(prompt_id__in=Each.of(shown)).values("tag_id").annotate(n=Count("id"))
    )
    counts = dict(through.order_by("-n", "tag_id").values_list("tag_id", "n")[:TAGS])
    names = dict(Tag.objects.filter(pk__in=counts).values_list("pk", "name"))
    found = [Facet(names[pk], names[pk], n if known else None, names[pk] == chosen) for pk, n in counts.items()]
    if chosen and not any(facet.on for facet in found):
        found.append(Facet(chosen, chosen, 0 if known else None, True))
    return found
