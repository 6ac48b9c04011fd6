"""How quick pictures' recipes and prompts are read, each figure beside its bar: ``make bench-recipes``.

Rows are measured in turns, round after round, and the median of the rounds counts. The last rows are the worst that a
stranger may send (256 kB of each): what is read must be read in bounded time. Figures are kept as JSON;
exits 1 where one misses.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workers import prompts, recipes, tokens
from workers.messages import Recipe, Use
from workers.recipes import a1111, comfyui

ROUNDS = 9
LONGEST = 256_000  # of what a picture carries, as inspection hands it on
TEXT = """masterpiece, best quality, (a red fox:1.2) in the snow, \
<lora:add_detail:0.6>, <lora:flat2:-0.4>, [oil:photo:0.4]
Negative prompt: easynegative, (worst quality, low quality:1.4), blurry, watermark, signature
Steps: 28, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 2436857723, Size: 512x768, Model hash: 4199bcdd14, \
Model: revAnimated_v122, VAE hash: c6a580b13a, VAE: vae-ft-mse.safetensors, Denoising strength: 0.5, Clip skip: 2, \
Hires upscale: 2, Hires steps: 12, Hires upscaler: 4x-UltraSharp, \
Lora hashes: "add_detail: 7c6bad76eb54, flat2: 1b0d3f8c9a41", TI hashes: "easynegative: c74b4e810b03", \
Version: v1.10.1"""
WORST = {
    "one long word": "a" * LONGEST,
    "blanks": " " * LONGEST,
    "open quotes": 'ab: "' * (LONGEST // 5),
    "open brackets": "[" * LONGEST,
    "open tags": "<lora:" * (LONGEST // 6),
    "half JSON": '{"a":' * (LONGEST // 5),
    "Hashes of nothing": ", Hashes: {" * (LONGEST // 11),
}


@dataclass(frozen=True)
class Row:
    name: str
    work: Callable[[], object]
    times: int  # in one round
    bar: float  # at least so many a second; below 1: at most so many seconds each
    unit: str = "/s"


def rows() -> list[Row]:
    graph = comfyui.write(_recipe())
    carried = {"prompt": graph, "workflow": "{}"}
    prompt = TEXT.split("\n")[0]
    tokens.encode("warm")
    return [
        Row("A1111 text taken apart", lambda: a1111.read(TEXT), 2000, 20_000),
        Row("A1111 text to a recipe", lambda: a1111.recipe(a1111.read(TEXT)), 1000, 10_000),
        Row("A1111 text there and back", lambda: a1111.joined(a1111.read(TEXT)), 1000, 15_000),
        Row("ComfyUI graph to a recipe", lambda: recipes.told(carried), 500, 4_000),
        Row("prompt taken apart", lambda: prompts.parse(prompt), 1000, 8_000),
        Row("prompt to chunks of tokens", lambda: _chunks(prompt), 200, 1_000),
        *[Row(f"worst: {name}", lambda text=text: _everywhere(text), 1, 2.0, "s") for name, text in WORST.items()],  # type: ignore[misc]
    ]


def _recipe() -> Recipe:
    uses = tuple(Use(kind="lora", sha256=f"{number:064x}", name=f"lora {number}") for number in range(3))
    return Recipe(base="ab" * 32, base_family="sd1", base_name="nano", prompt="a (red fox:1.2)", uses=uses)


def _chunks(prompt: str) -> object:
    return [
        prompts.chunks(prompts.segments(text)) for part in prompts.parse(prompt).parts for _, text in part.texts(28)
    ]


def _everywhere(text: str) -> object:
    keys = ("parameters", "UserComment", "prompt", "invokeai_metadata", "Dream", "Comment", "xmp", "stealth")
    return [recipes.told({key: value}) for key in keys for value in (text, f'"x" {text}\nSteps: 1, Seed: 1, {text}')]


def main() -> int:
    table = rows()
    measured: dict[str, list[float]] = {row.name: [] for row in table}
    for _ in range(ROUNDS):
        for row in table:
            begun = time.perf_counter()
            for _ in range(row.times):
                row.work()
            measured[row.name].append((time.perf_counter() - begun) / row.times)
    figures, missed = [], 0
    for row in table:
        seconds = statistics.median(measured[row.name])
        value = seconds if row.unit == "s" else 1 / seconds
        good = value <= row.bar if row.unit == "s" else value >= row.bar
        missed += not good
        bar = f"at most {row.bar:g} s" if row.unit == "s" else f"at least {row.bar:,.0f}/s"
        shown = f"{value:.3f} s" if row.unit == "s" else f"{value:,.0f}/s"
        print(f"{row.name:32} {shown:>14}   {bar:22} {'' if good else 'MISSED'}")
        figures.append({"name": row.name, "value": value, "unit": row.unit, "bar": row.bar, "good": good})
    kept = Path(".weightroom/bench/recipes.json")
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps({"at": time.time(), "figures": figures}, indent=2))
    print(f"kept in {kept}")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
