"""Adapter types, one file each. `ADAPTERS` finds them by slug; none imports torch until a file is read."""

import sys
from typing import TYPE_CHECKING

from workers.plugins import Adapter, Header, Match, found_in

if TYPE_CHECKING:
    from collections.abc import Mapping

ADAPTERS: "Mapping[str, Adapter]" = {plug.slug: plug for plug in found_in(sys.modules[__name__], "adapter")}


def recognised(header: Header) -> tuple[Adapter, Match] | None:
    """The type whose file this is, with its claim; the largest claim wins, None where no type knows it."""
    claims = [(plug, match) for plug in ADAPTERS.values() if (match := plug.recognise(header))]
    return max(claims, key=lambda claim: len(claim[1].claimed), default=None)
