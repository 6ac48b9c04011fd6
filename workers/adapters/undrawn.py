"""Types that are recognised and kept, and not drawn with yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, NoReturn

from workers.bases import widths
from workers.errors import Refusal
from workers.plugins import Header, Slider

if TYPE_CHECKING:
    from torch import Tensor


class Undrawn:
    label: ClassVar[str]
    controls: ClassVar[tuple[Slider, ...]] = ()
    drawn: ClassVar[bool] = False
    steers: ClassVar[bool] = False

    def read(self, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> NoReturn:
        """Raises ``Refusal``: this type is not drawn with."""
        raise Refusal("adapter-not-drawn", f"A {self.label} can be kept here, but not drawn with yet.")


def starting(header: Header, *starts: str) -> frozenset[str]:
    """The header's keys that begin with one of ``starts``."""
    return frozenset(key for key in header if key.startswith(starts))


def family_by_cross_attention(header: Header, ending: str = "to_k.weight") -> tuple[str, str]:
    """(family, variant) by what the first cross-attention reads, whose keys end with ``ending``."""
    for key in header.endings.get(ending, ()):
        shape = header.shape(key) or ()
        if ("attn2." in key or ending != "to_k.weight") and len(shape) == 2:
            return widths.family(shape[1])
    return "", ""
