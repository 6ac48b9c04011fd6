"""LoRA: two thin matrices a module, whose product is added to its weight.

W += weight · alpha / rank · up @ down. Layouts: kohya-ss/sd-scripts (``lora_unet_….lora_down.weight``), PEFT and
diffusers (``….lora_A.weight``, ``….lora.down.weight``, ``….lora_linear_layer.down.weight``). A missing alpha means
scale 1; rank and alpha may differ from module to module.
"""

from __future__ import annotations

from workers.adapters.factors import Pairs
from workers.adapters.survey import Shapes


class Lora(Pairs):
    slug = "lora"
    label = "LoRA"
    rank = 1
    endings = {
        ".lora_down.weight": "down",
        ".lora_up.weight": "up",
        ".lora_A.weight": "down",
        ".lora_B.weight": "up",
        ".lora_A.default.weight": "down",
        ".lora_B.default.weight": "up",
        ".lora.down.weight": "down",
        ".lora.up.weight": "up",
        ".lora_linear_layer.down.weight": "down",
        ".lora_linear_layer.up.weight": "up",
        "_lora.down.weight": "down",
        "_lora.up.weight": "up",
        ".alpha": "alpha",
    }

    def owns(self, shapes: Shapes) -> bool:
        return super().owns(shapes) and "mid" not in shapes


adapter = Lora()
