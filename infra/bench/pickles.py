"""Figures about pickles, asked for by `infra.bench.inspection`: what reading and converting takes, what gets out of it.

The files are those of the tests: 800 ways to hide code, in every layout and under every extension; 54 live payloads
and their canaries.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from tests.workers import hostile, live
from workers import inspection, pickled, sandbox
from workers.files import torch_file
from workers.files.pickle_values import BadPickle
from workers.news import nobody

LIVE_RUNS = 1000
TENSORS = 20_000
EXTENSIONS = (".ckpt", ".pt", ".pth", ".bin", ".zip", ".safetensors", ".gguf")
FULL_INSPECTIONS = 60  # of the hostile files, scanners and all

Figure = tuple[str, float, float, bool]


def hostile_accepted(folder: Path) -> Figure:
    """How many hostile files the gate lets pass in all layouts, and a sample of them under every extension."""
    pickles = (*hostile.GADGETS.values(), *hostile.GADGETS_LATER.values(), *hostile.SHAPES.values())
    files = [wrap(raw) for raw in pickles for wrap in _layouts()]
    files += hostile.CONTAINERS.values()
    accepted = 0
    for number, raw in enumerate(files):
        path = folder / f"model{EXTENSIONS[number % len(EXTENSIONS)]}"
        path.write_bytes(raw)
        try:
            torch_file.read(path)
            accepted += raw != hostile.SHAPES["nothing but a stop"]
        except BadPickle:
            pass
        if number % (len(files) // FULL_INSPECTIONS) == 0:
            accepted += inspection.inspect(path, path.name, len(raw)).verdict == "accepted"
            inspection.converted_path(path).unlink(missing_ok=True)
        path.unlink()
    return f"hostile_accepted_of_{len(files)}", accepted, 0, accepted == 0


def _layouts() -> tuple:
    return tuple(hostile.LAYOUTS.values())


def payloads_fired(folder: Path) -> Figure:
    """How many canaries fire in `LIVE_RUNS` openings by Python's own unpickler in the room, and by the converter; half
    of them where bubblewrap is missing, behind the other walls alone."""
    fired = runs = 0
    with live.canaries(folder) as cage:
        payloads = [payload for _, payload in live.payloads(folder, cage.port)]
        while runs < LIVE_RUNS:
            payload = payloads[runs % len(payloads)]
            module = "pickle" if runs % 4 else "workers.sandboxed.convert"
            walls = "landlock" if runs // len(payloads) % 2 else sandbox.state().walls
            found, in_time = live.run(cage, payload, module, walls)
            fired += bool(found) or not in_time
            runs += 1
    return f"canaries_fired_in_{runs}_runs", fired, 0, fired == 0


def gate_seconds(folder: Path) -> Figure:
    import torch

    path = folder / "many.pt"
    torch.save({f"layer.{number}.weight": torch.zeros(2) for number in range(TENSORS)}, path)
    begun = time.process_time()
    torch_file.read(path)
    seconds = time.process_time() - begun
    return f"gate_cpu_seconds_of_{TENSORS}_tensors", round(seconds, 2), 5.0, seconds <= 5


def conversion_rate(folder: Path) -> Figure:
    """MB of a checkpoint a second: gate, conversion and both scanners. An upload must end within size / 50 MB/s."""
    import torch

    path, target = folder / "model.ckpt", folder / "model.safetensors"
    tensors = {f"model.{number}.weight": torch.randn(8 * 1024**2, dtype=torch.float32) for number in range(16)}
    torch.save({"state_dict": tensors, "epoch": 1}, path)
    begun = time.perf_counter()
    judged = pickled.judge(path, "torch-zip", target, nobody)
    rate = path.stat().st_size / 1e6 / (time.perf_counter() - begun)
    return "conversion_mb_a_second", round(rate), 50, rate >= 50 and judged.verdict == "accepted"


def figures() -> list[Figure]:
    """Every figure: name, value, bar, whether it is met."""
    walls = sandbox.state().walls
    found: list[Figure] = [("sandbox_stands", float(bool(walls)), 1, bool(walls))]
    for measure in (hostile_accepted, payloads_fired, gate_seconds, conversion_rate):
        with tempfile.TemporaryDirectory() as name:
            found.append(measure(Path(name)))
    return found
