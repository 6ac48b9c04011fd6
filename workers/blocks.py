"""Block weights: how much of an adapter counts in each block of the UNet, and in the text encoders.

A list has 26 numbers, one a block of SD1's UNet, or fewer where the others are nought: 17 for the blocks that a plain
LoRA of SD1 changes, 20 for all blocks of SDXL's UNet, 12 for those that a plain LoRA of SDXL changes. The first is the
text encoders'. What lies in no block (time embedding, last convolution) counts in full. Source: the names, the order
and the presets of sd-webui-lora-block-weight (``<lora:name:1:lbw=…>``). Pure Python: the hub reads them too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import cache

BASE, MIDDLE = "BASE", "MID"


def _numbered(name: str, *numbers: int) -> tuple[str, ...]:
    return tuple(f"{name}{number:02}" for number in numbers)


# Every block in order; each shorter list by how many it has.
NAMES = (BASE, *_numbered("IN", *range(12)), MIDDLE, *_numbered("OUT", *range(12)))
FORMS = {
    12: (BASE, *_numbered("IN", 4, 5, 7, 8), MIDDLE, *_numbered("OUT", *range(6))),
    17: (BASE, *_numbered("IN", 1, 2, 4, 5, 7, 8), MIDDLE, *_numbered("OUT", *range(3, 12))),
    20: (BASE, *_numbered("IN", *range(9)), MIDDLE, *_numbered("OUT", *range(9))),
    26: NAMES,
}
# Lists that are written for a family's UNet; on another's, blocks of the same name are meant.
OF_FAMILY = {"sd1": (17, 26), "sd2": (17, 26), "sdxl": (12, 20)}


def _preset(*runs: tuple[int, float]) -> tuple[float, ...]:
    return tuple(value for count, value in runs for _ in range(count))


PRESETS = {
    "NONE": _preset((17, 0)),
    "ALL": _preset((17, 1)),
    "INS": _preset((4, 1), (13, 0)),
    "IND": _preset((1, 1), (3, 0), (3, 1), (10, 0)),
    "INALL": _preset((7, 1), (10, 0)),
    "MIDD": _preset((1, 1), (3, 0), (8, 1), (5, 0)),
    "OUTD": _preset((1, 1), (7, 0), (4, 1), (5, 0)),
    "OUTS": _preset((1, 1), (11, 0), (5, 1)),
    "OUTALL": _preset((1, 1), (7, 0), (9, 1)),
    "ALL0.5": _preset((17, 0.5)),
}
MOST = 10.0

_PLACE = re.compile(r"(?P<side>down|up)_blocks\.(?P<level>\d+)\.(?P<kind>[a-z]+)\.(?P<number>\d+)\.")
_LAYERS = 2  # blocks of a level, in every UNet here


def read(text: str) -> tuple[float, ...]:
    """A list as people write it: ``1,0,0.5,…``, or a preset's name. Raises ``ValueError`` with a sentence."""
    if (preset := PRESETS.get(text.strip().upper())) is not None:
        return preset
    parts = [part.strip() for part in text.split(",")]
    if len(parts) == 1:
        known = ", ".join(PRESETS)
        raise ValueError(f"There are no block weights called “{text.strip()[:20]}”; {known} are, or a list of numbers.")
    if any(part.upper() in {"R", "U", "X"} for part in parts):
        raise ValueError("Block weights at random (R, U) or left open (X) are not drawn here; write numbers.")
    try:
        values = tuple(float(part) for part in parts)
    except ValueError:
        raise ValueError("Block weights are numbers with commas between them, or a preset's name.") from None
    return checked(values)


def checked(values: Sequence[float]) -> tuple[float, ...]:
    """``values`` where they are block weights (or none at all). Raises ``ValueError`` with a sentence."""
    if values and len(values) not in FORMS:
        raise ValueError(
            f"{len(values)} block weights are of no known list: LoRAs of SD 1 and 2 have 17, those with convolutions "
            "26; LoRAs of SDXL have 12, those with convolutions 20."
        )
    if not all(math.isfinite(value) and abs(value) <= MOST for value in values):
        raise ValueError(f"A block weight is from −{MOST:g} to {MOST:g}.")
    return tuple(float(value) for value in values)


def whole(values: Sequence[float]) -> tuple[float, ...]:
    """A list of any known length as one of 26; nothing where every block counts in full."""
    if not values:
        return ()
    given = dict(zip(FORMS[len(values)], values, strict=True))
    full = tuple(given.get(name, 0.0) for name in NAMES)
    return () if all(value == 1 for value in full) else full


def written(values: Sequence[float]) -> str:
    """A list as people write it: a preset by its name, else its numbers."""
    found = next((name for name, preset in PRESETS.items() if preset == tuple(values)), "")
    return found or ",".join(f"{value:g}" for value in values)


@cache
def place_of(module: str) -> int | None:
    """Where in a list of 26 the weight of a live module stands (``unet.down_blocks.0.…``, ``text_encoder.…``); None
    for what lies in no block."""
    part, _dot, path = module.partition(".")
    if part != "unet":
        return 0
    if path.startswith("mid_block."):
        return NAMES.index(MIDDLE)
    if path.removesuffix(".bias") == "conv_in":
        return NAMES.index("IN00")
    found = _PLACE.match(f"{path}.")
    if found is None:
        return None
    # Each level is a run of resnets, with the attention that follows each, and the one that changes the size last.
    down = found["side"] == "down"
    inside = _LAYERS if found["kind"].endswith("samplers") else int(found["number"])
    number = int(found["level"]) * (_LAYERS + 1) + inside + down
    name = f"{'IN' if down else 'OUT'}{number:02}"
    return NAMES.index(name) if name in NAMES else None
