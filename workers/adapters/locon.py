"""LoCon: a LoRA that changes convolutions of more than one pixel as well, whole or with a core of their own (Tucker).

Whole: up [out, r, 1, 1] · down [r, in, h, w]. With ``lora_mid`` [r, r, h, w]: ΔW = Σ up · mid · down over both ranks.
Source: LyCORIS, ``modules/locon.py``.
"""

from __future__ import annotations

from math import prod

from workers.adapters.factors import Pairs
from workers.adapters.survey import Shapes


class Locon(Pairs):
    slug = "locon"
    label = "LoCon"
    rank = 2
    endings = {".lora_mid.weight": "mid"}

    def owns(self, shapes: Shapes) -> bool:
        return super().owns(shapes) and ("mid" in shapes or prod(shapes["down"][2:]) > 1)


adapter = Locon()
