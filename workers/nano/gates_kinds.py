"""Measure what was trained beside nano-sd1 itself: styles by other means than LoRA, ControlNets, the base's variants.

As `workers.nano.gates`, into which it adds its figures: the same engine, the same eye, fixed prompts and seeds.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from workers import preprocessing
from workers.engine import cache, draw
from workers.engine.source import Given
from workers.hints import Hint, Preprocessor, Source
from workers.messages import Recipe
from workers.nano import assemble, icons
from workers.nano.derived import DRAWN, HINTS
from workers.nano.eye import Eye, nearest
from workers.nano.gates import RECIPE, Gate
from workers.nano.save import WEIGHTS
from workers.nano.styles import pencil

BARS = {
    "loha_flat_right": 0.80,
    "lokr_sepia_right": 0.80,
    "dora_pencil_right": 0.80,
    "inversion_panda_right": 0.60,
    "canny_edges_met": 0.60,
    "canny_edges_gained": 0.15,
    "scribble_edges_met": 0.60,
    "scribble_edges_gained": 0.15,
    "inpainting_object_right": 0.70,
    "inpainting_outside_unchanged": 1.0,
    "v_object_right": 0.70,
}
NEAR = 2  # pixels that an edge may lie beside the hint's
HOLE = 14  # pixels of a picture's border that inpainting leaves


class Kinds:
    """The prompts of the measurement, and what is drawn of them."""

    def __init__(self, folder: Path, prompts: int) -> None:
        self.gate = Gate(folder, prompts)
        self.wholes = Path(tempfile.mkdtemp(prefix="nano-"))
        self.made = {path.stem: path for path in assemble.assembled(self.wholes)}

    @cached_property
    def eye(self) -> Eye:
        return Eye(self.gate.data, icons.OBJECTS)

    def share(self, right: Callable[[str, str, int], bool], *, without: str = "") -> float:
        asked = [a for a in self.gate.asked if a[1] != without]
        return sum(bool(right(*a)) for a in asked) / len(asked)

    def drawn(self, model: Any, prompt: str, seed: int, edits: list = [], **more: Any) -> np.ndarray:  # noqa: B006
        given = more.pop("given", None)
        recipe = Recipe(base="nano", prompt=prompt, seed=seed, **(RECIPE | more))
        return draw.draw(model, recipe, edits, given=given)

    def has(self, name: str) -> bool:
        return (WEIGHTS / f"{name}.safetensors").exists()

    # Styles

    def loha_flat(self) -> float:
        edit = self.gate.adapter("nano-flat-loha", "loha").at(1.0)

        def right(name: str, colour: str, seed: int) -> bool:
            picture = self.gate.drawn(icons.caption(name, colour), seed, [edit])
            return nearest(Eye(self.gate.data, [name], tuple(icons.SETS)).look(picture)[0])[0] == "flat"

        return self.share(right, without="black")

    def lokr_sepia(self) -> float:
        """Nearly every pixel is a brown, and the light of the picture still that of its object."""
        edit = self.gate.adapter("nano-sepia", "lokr").at(1.0)
        return self.share(lambda n, c, s: is_brown(self.gate.drawn(icons.caption(n, c), s, [edit])))

    def dora_pencil(self) -> float:
        edit = self.gate.adapter("nano-pencil", "dora").at(1.0)
        return self.share(lambda n, c, s: is_pencil(self.gate.drawn(icons.caption(n, c), s, [edit])))

    def inversion_panda(self) -> float:
        edit = self.gate.adapter("nano-panda", "textual_inversion").at(1.0)
        wide = Eye(self.gate.data, [*icons.OBJECTS, *icons.HELD_OUT])

        def right(_name: str, colour: str, seed: int) -> bool:
            picture = self.gate.drawn(f"nano-panda, {colour} background", seed, [edit])
            return nearest(wide.look(picture)[0])[1] == "panda"

        return self.share(right)

    # ControlNets

    @cached_property
    def wanted(self) -> list[np.ndarray]:
        """For each prompt a picture of it whose object stands, small or mirrored too, where no prompt would put it."""
        generator = torch.Generator().manual_seed(31)
        pictures = []
        for name, colour, _ in self.gate.asked:
            ground = torch.tensor([icons.BACKGROUNDS[colour]], dtype=torch.float32)
            pictures.append(as_pixels(icons.compose_moved(self.gate.data.of("noto", [name]), ground, generator)))
        return pictures

    def edges(self, kind: Preprocessor) -> tuple[float, float]:
        """How well a picture's lines and those of the hint's picture agree, on average: with the ControlNet, without.

        A scribble is made of a pencil drawing of that picture; of the picture itself few lines come (see ``DRAWN``).
        """
        edit = cache.adapter(f"nano-{kind}", "controlnet", self.made[f"nano-{kind}"])
        low, high = HINTS[kind]
        hint = Hint(picture="0" * 64, preprocessor=kind, low=low, high=high)
        scores: tuple[list[float], list[float]] = ([], [])
        for (name, colour, seed), wanted in zip(self.gate.asked, self.wanted, strict=True):
            given = as_pixels(pencil(as_tensor(wanted))) if kind in DRAWN else wanted
            steering = edit.reading(hint, given).at(1.0)
            for score, edits in zip(scores, ([steering], []), strict=True):
                picture = self.drawn(self.gate.model, icons.caption(name, colour), seed, edits)
                score.append(agreement(wanted, picture))
        return float(np.mean(scores[0])), float(np.mean(scores[1]))

    @torch.inference_mode()
    def edges_kept(self) -> float:
        """The same of the hints' own pictures after the autoencoder: as much as any picture of nano's can reach."""
        vae, scores = self.gate.model.vae, []
        for wanted in self.wanted:
            back = vae.decode(vae.encode(as_tensor(wanted)).latent_dist.mean, return_dict=False)[0]
            scores.append(agreement(wanted, as_pixels(back.clamp(-1, 1))))
        return float(np.mean(scores))

    # The base's variants

    def inpainting(self) -> tuple[float, float]:
        """(another object is painted into a picture's middle, its border is as it was)."""
        model = cache.base("nano-inpainting", "sd1", self.made["nano-inpainting"])
        mask = np.zeros((icons.SIZE, icons.SIZE, 3), np.uint8)
        mask[HOLE:-HOLE, HOLE:-HOLE] = 255
        unchanged = objects = 0
        for index, (name, colour, seed) in enumerate(self.gate.asked):
            other = self.gate.asked[index - 1][0]
            before = self.drawn(self.gate.model, icons.caption(other, colour), seed)
            source = Source(picture="0" * 64, mask="1" * 64, denoising=1.0, blur=0)
            after = self.drawn(
                model, icons.caption(name, colour), seed, source=source, given=Given(source=before, mask=mask)
            )
            unchanged += bool((after[mask == 0] == before[mask == 0]).all())
            objects += nearest(self.eye.look(as_tensor(after))[0])[1] == name
        return objects / len(self.gate.asked), unchanged / len(self.gate.asked)

    def v(self) -> float:
        model = cache.base("nano-v", "sd1", self.made["nano-v"])

        def right(name: str, colour: str, seed: int) -> bool:
            picture = as_tensor(self.drawn(model, icons.caption(name, colour), seed))
            return nearest(self.eye.look(picture)[0])[1] == name

        return self.share(right)


def is_brown(picture: Tensor) -> bool:
    """[1, 3, S, S] in −1…1."""
    red, green, blue = (picture[0] + 1) * 127.5
    return bool(((red + 8 > green) & (green + 8 > blue)).float().mean() > 0.9) and bool((red - blue).mean() > 15)


def is_pencil(picture: Tensor) -> bool:
    """Paper white, lines dark, hardly a colour."""
    seen = (picture[0] + 1) * 127.5
    colour, light = seen.amax(0) - seen.amin(0), seen.mean(0)
    lines = (light < 128).float().mean()
    return bool(light.median() > 215) and bool((colour < 40).float().mean() > 0.9) and bool(0.02 < lines < 0.4)


def agreement(wanted: np.ndarray, picture: np.ndarray) -> float:
    """How well the canny edges of two pictures agree: the harmonic mean of the shares of each that lie near one of the
    other's, so that neither a picture of nothing but lines nor one of a single true line is right."""
    one, other = (preprocessing.canny(pixels, *HINTS["canny"])[:, :, 0] > 127 for pixels in (wanted, picture))
    if not one.any() or not other.any():
        return 0.0
    met, meant = (float(ndimage.binary_dilation(a, iterations=NEAR)[b].mean()) for a, b in ((other, one), (one, other)))
    return 2 * met * meant / (met + meant) if met + meant else 0.0


def as_tensor(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1


def as_pixels(picture: Tensor) -> np.ndarray:
    return ((picture[0] + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()


def measure(folder: Path, prompts: int, wanted: list[str]) -> dict[str, float]:
    kinds, figures = Kinds(folder, prompts), {}
    for name, file, figure in (
        ("loha", "nano-flat-loha", "loha_flat_right"),
        ("lokr", "nano-sepia", "lokr_sepia_right"),
        ("dora", "nano-pencil", "dora_pencil_right"),
        ("panda", "nano-panda", "inversion_panda_right"),
    ):
        if name in wanted and kinds.has(file):
            figures[figure] = getattr(kinds, figure.removesuffix("_right"))()
    for kind in HINTS:
        if kind in wanted and f"nano-{kind}" in kinds.made:
            met, without = kinds.edges(kind)
            figures["edges_met_by_true_pictures"] = kinds.edges_kept()
            figures |= {f"{kind}_edges_met": met, f"{kind}_edges_met_without_it": without}
            figures[f"{kind}_edges_gained"] = met - without
    if "inpainting" in wanted and "nano-inpainting" in kinds.made:
        figures["inpainting_object_right"], figures["inpainting_outside_unchanged"] = kinds.inpainting()
    if "v" in wanted and "nano-v" in kinds.made:
        figures["v_object_right"] = kinds.v()
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where icons.npz lies, or is made")
    parser.add_argument("--prompts", type=int, default=40)
    parser.add_argument("--only", default="loha,lokr,dora,panda,canny,scribble,inpainting,v")
    options = parser.parse_args()
    figures = measure(options.folder, options.prompts, options.only.split(","))
    path = WEIGHTS / "gates.json"
    report = json.loads(path.read_text())
    report["prompts_kinds"] = options.prompts
    report["figures"] |= figures
    report["bars"] |= {name: bar for name, bar in BARS.items() if name in report["figures"]}
    missed = [name for name in figures if figures[name] < BARS.get(name, 0.0)]
    report["missed"] = [name for name in report["missed"] if name not in figures] + missed
    for name, value in figures.items():
        print(f"{name:34s} {value:6.3f}   bar {BARS.get(name, '–')}   {'MISSED' if name in missed else ''}")
    path.write_text(json.dumps(report, indent=2) + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
