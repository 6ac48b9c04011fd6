"""Families of base models, one file each. `BASES` finds them; none imports torch until a file is opened."""

import sys
from typing import TYPE_CHECKING

from workers.plugins import Base, Header, Match, found_in

if TYPE_CHECKING:
    from collections.abc import Mapping

BASES: "Mapping[str, Base]" = {plug.family: plug for plug in found_in(sys.modules[__name__], "base")}


def recognised(header: Header) -> tuple[Base, Match] | None:
    """The family whose file this is, with its claim; None where no family knows it."""
    for base in BASES.values():
        if match := base.recognise(header):
            return base, match
    return None
