"""How quick inspection is, each figure beside its bar: ``python infra/bench/inspection.py``. Exits 1 where one misses.

Digests are measured against ``openssl dgst -sha256`` on the same file and cores, so that the ratio means the same on
every machine: all six in one read cost two SHA-256 streams and some. Other work on the machine spoils the figures.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from blake3 import blake3

from infra.bench import fetching, pickles
from workers import inspection
from workers.digests import digests_of, digests_of_path
from workers.files import safetensors

RESULTS = Path(".weightroom/bench/inspection.json")
LAYOUT = Path(__file__).resolve().parents[2] / "tests/workers/layouts/sdxl.json.gz"
RANDOM_FILES = 1000
FILE_MIB = 256
BARS = {1: 0.40, 2: 0.60, 3: 0.90}


def best(work: Callable[[], object], times: int) -> float:
    """The shortest of ``times`` runs, in seconds."""
    shortest = float("inf")
    for _ in range(times):
        begun = time.perf_counter()
        work()
        shortest = min(shortest, time.perf_counter() - begun)
    return shortest


def shapes() -> dict[str, list[int]]:
    """The tensors of a real SDXL checkpoint, 2,514 of them."""
    return json.loads(gzip.decompress(LAYOUT.read_bytes()))["tensors"]


def lora_shapes() -> dict[str, list[int]]:
    """Those of a LoRA of rank 32 over every matrix of its UNet, as kohya's scripts name them."""
    made = {}
    for name, shape in shapes().items():
        if name.startswith("model.diffusion_model.") and name.endswith(".weight") and len(shape) == 2:
            module = "lora_unet_" + name.removeprefix("model.diffusion_model.").removesuffix(".weight").replace(
                ".", "_"
            )
            made |= {f"{module}.alpha": [], f"{module}.lora_down.weight": [32, shape[1]]}
            made[f"{module}.lora_up.weight"] = [shape[0], 32]
    return made


def header(shapes: dict[str, list[int]], metadata: dict[str, str]) -> tuple[bytes, int]:
    """The header of a file of these tensors, as the reference writes it; and the size of the file."""
    entries: dict[str, object] = {"__metadata__": metadata}
    end = 0
    for name, shape in shapes.items():
        start, end = end, end + 2 * math.prod(shape)
        entries[name] = {"dtype": "F16", "shape": shape, "data_offsets": [start, end]}
    raw = json.dumps(entries, separators=(",", ":")).encode()
    return raw, 8 + len(raw) + end


def wrong_digests(files: int) -> int:
    """How many of ``files`` random files, cut at random, have another digest than one-shot tools give."""
    chance, wrong = random.Random(0), 0
    for _ in range(files):
        data = chance.randbytes(chance.choice((0, 1, 7, 9, 100, 5000, 70_000, 1_100_000, 2_097_152, 2_200_000)))
        raw = json.dumps({"w": {"dtype": "U8", "shape": [len(data)], "data_offsets": [0, len(data)]}}).encode()
        head = len(raw).to_bytes(8, "little") + raw if chance.random() < 0.5 else b""
        file = head + data
        cuts = sorted(chance.randrange(len(file) + 1) for _ in range(chance.randrange(9)))
        chunks = [file[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(file)], strict=True)]
        wanted = {
            "sha256": hashlib.sha256(file).hexdigest(),
            "crc32": f"{zlib.crc32(file):08x}",
            "blake3": blake3(file).hexdigest(),
        }
        if len(file) >= 2 * 1024**2:
            wanted["autov1"] = hashlib.sha256(file[0x100000:0x110000]).hexdigest()[:8]
        if head:
            wanted["autov3"] = hashlib.sha256(data).hexdigest()
        wrong += digests_of(chunks, len(file)) != wanted
    return wrong


def write_file(path: Path) -> None:
    size = FILE_MIB * 1024**2
    raw = json.dumps({"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    with path.open("wb") as file:
        file.write(len(raw).to_bytes(8, "little") + raw)
        for _ in range(FILE_MIB):
            file.write(os.urandom(1024**2))


def digest_ratios(path: Path) -> list[tuple[str, float, float, bool]]:
    cores = sorted(os.sched_getaffinity(0))
    figures = []
    size = path.stat().st_size / 1e6
    for count in sorted({1, min(2, len(cores)), min(3, len(cores))}):
        os.sched_setaffinity(0, cores[:count])
        command = ["openssl", "dgst", "-sha256", str(path)]
        openssl = size / best(partial(subprocess.run, command, check=True, capture_output=True), 3)
        ours = size / best(lambda: digests_of_path(path), 3)
        print(f"  {count} core(s): six digests {ours:,.0f} MB/s, openssl's one {openssl:,.0f} MB/s", file=sys.stderr)
        figures.append(
            (f"digests_to_openssl_{count}_cores", round(ours / openssl, 3), BARS[count], ours / openssl >= BARS[count])
        )
    os.sched_setaffinity(0, cores)
    return figures


def header_milliseconds() -> list[fetching.Figure]:
    """Headers of two thousand tensors and more, parsed and shown to every recogniser. The bar is for tensors; what a
    megabyte of tags adds is told beside it."""
    tags = json.dumps({"10_linocut": {f"a tag of a picture, {n}": n for n in range(20_000)}})
    files = {
        "checkpoint": header(shapes(), {"format": "pt"}),
        "lora": header(lora_shapes(), {"ss_network_dim": "32"}),
        "lora_with_a_megabyte_of_tags": header(lora_shapes(), {"ss_tag_frequency": tags}),
    }
    figures: list[fetching.Figure] = []
    for name, (raw, size) in files.items():
        found = 1000 * best(partial(_read_and_recognised, raw, size), 100)
        bar = None if "tags" in name else 5.0
        figures.append((f"header_ms_of_a_{name}", round(found, 2), bar, bar is None or found <= bar))
    return figures


def _read_and_recognised(raw: bytes, size: int) -> object:
    return inspection.recognise(safetensors.parse(raw, size))


def main() -> int:
    figures: list[fetching.Figure] = [*header_milliseconds()]
    wrong = wrong_digests(RANDOM_FILES)
    figures.append(("wrong_digests_of_1000_random_files", wrong, 0, wrong == 0))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        write_file(path)
        figures += digest_ratios(path)
        figures += fetching.figures(path)
        grown = fetching.peak_growth(path)
    figures.append(("reading_and_digesting_adds_mib", round(grown, 1), 64.0, grown < 64))
    whole = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures.append(("process_memory_mib", round(whole, 1), 256.0, whole < 256))
    figures += pickles.figures()
    report = [{"figure": name, "value": value, "bar": bar, "met": bool(met)} for name, value, bar, met in figures]
    for line in report:
        bar = "" if line["bar"] is None else f"  (bar {line['bar']:g})" + ("" if line["met"] else "  MISSED")
        print(f"{line['figure']:45} {line['value']:>9}{bar}")
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps({"cores": os.cpu_count(), "load": os.getloadavg()[0], "figures": report}, indent=1))
    return 0 if all(line["met"] for line in report) else 1


if __name__ == "__main__":
    sys.exit(main())
