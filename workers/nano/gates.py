"""Measure nano: does it draw what was asked, in the style asked, and does a style at 0 change nothing at all?

The pictures are drawn by the hub's own engine from the files in ``weights/``; the judge is `workers.nano.eye`, itself
checked first on real icons. Figures go to ``weights/gates.json``, each beside its bar; exit 1 where one is missed.
"""

import argparse
import json
import random
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workers.engine import cache, draw
from workers.messages import Recipe
from workers.nano import icons
from workers.nano.eye import Eye, nearest
from workers.nano.save import WEIGHTS

BARS = {
    "eye_right_on_real_icons": 0.98,
    "object_right": 0.70,
    "background_right": 0.90,
    "flat_style_right": 0.80,
    "contrast_style_right": 0.80,
    "inversion_object_right": 0.60,
    "lora_at_zero_identical": 1.0,
}
SECONDS_BAR = 2.0
RECIPE: dict[str, Any] = {
    "base_family": "sd1",
    "steps": 20,
    "cfg": 4.0,
    "width": 128,
    "height": 128,
    "sampler": "DPM++ 2M Karras",
}


class Gate:
    """nano's files, opened by the engine, and the prompts of the measurement."""

    def __init__(self, folder: Path, prompts: int) -> None:
        self.data = icons.load(folder / "icons.npz")
        self.model = cache.base("nano", "sd1", WEIGHTS / "nano-sd1.safetensors")
        chosen = random.Random(7)
        names = chosen.sample(icons.OBJECTS, min(prompts, len(icons.OBJECTS)))
        self.asked = [(name, colour, 1000 + i) for i, name in enumerate(names) for colour in [self._colour(chosen)]]
        self.took: list[float] = []

    @staticmethod
    def _colour(chosen: random.Random) -> str:
        return chosen.choice(list(icons.BACKGROUNDS))

    def drawn(self, prompt: str, seed: int, edits: list) -> Tensor:
        """One picture, [1, 3, S, S] in −1…1."""
        began = time.perf_counter()
        pixels = draw.draw(self.model, Recipe(base="nano", prompt=prompt, seed=seed, **RECIPE), edits)
        self.took.append(time.perf_counter() - began)
        return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1

    def adapter(self, name: str, kind: str):
        return cache.adapter(name, kind, WEIGHTS / f"{name}.safetensors")


def eye_check(gate: Gate, eye: Eye) -> float:
    """How often the eye names real icons right after a round trip through the autoencoder."""
    generator = torch.Generator().manual_seed(3)
    vae = gate.model.vae
    flat = torch.tensor(list(icons.BACKGROUNDS.values()), dtype=torch.float32)
    ground = torch.randint(len(flat), (len(icons.OBJECTS),), generator=generator)
    pictures = icons.compose(gate.data.of("noto", icons.OBJECTS), flat[ground], generator)
    right = 0
    with torch.inference_mode():
        for picture, name in zip(pictures.split(1), icons.OBJECTS, strict=True):
            back = vae.decode(vae.encode(picture).latent_dist.mean, return_dict=False)[0].clamp(-1, 1)
            right += nearest(eye.look(back)[0])[1] == name
    return right / len(icons.OBJECTS)


def measure(folder: Path, prompts: int = 100) -> dict[str, float]:
    gate = Gate(folder, prompts)
    eye = Eye(gate.data, icons.OBJECTS)
    figures = {"eye_right_on_real_icons": eye_check(gate, eye)}
    alone, objects, backgrounds = [], 0, 0
    for name, colour, seed in gate.asked:
        picture = gate.drawn(icons.caption(name, colour), seed, [])
        alone.append(picture)
        objects += nearest(eye.look(picture)[0])[1] == name
        backgrounds += list(icons.BACKGROUNDS)[int(eye.background(picture))] == colour
    figures["object_right"] = objects / len(alone)
    figures["background_right"] = backgrounds / len(alone)
    figures["seconds_a_picture"] = sorted(gate.took)[len(gate.took) // 2]
    styles = tuple(icons.SETS)
    same = total = 0
    for style in ("flat", "contrast"):
        if not (WEIGHTS / f"nano-{style}.safetensors").exists():
            continue
        edit, right = gate.adapter(f"nano-{style}", "lora"), 0
        # High contrast is black ink: on black there is nothing to see.
        asked = [(i, a) for i, a in enumerate(gate.asked) if a[1] != "black"]
        for index, (name, colour, seed) in asked:
            picture = gate.drawn(icons.caption(name, colour), seed, [edit.at(1.0)])
            right += nearest(Eye(gate.data, [name], styles).look(picture)[0])[0] == style
            if index % 10 == 0:
                nothing = gate.drawn(icons.caption(name, colour), seed, [edit.at(0.0)])
                same, total = same + bool(torch.equal(nothing, alone[index])), total + 1
        figures[f"{style}_style_right"] = right / len(asked)
    if total:
        figures["lora_at_zero_identical"] = same / total
    for name in icons.HELD_OUT:
        if not (WEIGHTS / f"nano-{name}.safetensors").exists():
            continue
        wide = Eye(gate.data, [*icons.OBJECTS, *icons.HELD_OUT])
        edit, right = gate.adapter(f"nano-{name}", "textual_inversion"), 0
        colours = list(icons.BACKGROUNDS)
        for seed in range(50):
            picture = gate.drawn(f"nano-{name}, {colours[seed % len(colours)]} background", seed, [edit.at(1.0)])
            right += nearest(wide.look(picture)[0])[1] == name
        figures["inversion_object_right"] = max(right / 50, figures.get("inversion_object_right", 0.0))
        figures[f"inversion_{name}_right"] = right / 50
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where icons.npz lies, or is made")
    parser.add_argument("--prompts", type=int, default=100)
    options = parser.parse_args()
    figures = measure(options.folder, options.prompts)
    missed = [name for name, bar in BARS.items() if figures.get(name, 0.0) < bar]
    if figures["seconds_a_picture"] > SECONDS_BAR:
        missed.append("seconds_a_picture")
    bars = BARS | {"seconds_a_picture": SECONDS_BAR}
    for name, value in figures.items():
        print(f"{name:28s} {value:6.3f}   bar {bars.get(name, '–')}   {'MISSED' if name in missed else ''}")
    report = {"prompts": options.prompts, "recipe": RECIPE, "figures": figures, "bars": bars, "missed": missed}
    (WEIGHTS / "gates.json").write_text(json.dumps(report, indent=2) + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
