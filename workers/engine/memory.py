"""What a picture and a base will take in memory, held against what is there: refused before, not killed in between.

Estimates are of the widest moments, rounded up; the formulas count the tensors that live at once in diffusers' modules.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from safetensors import safe_open

from workers.engine.model import Model
from workers.errors import Refusal
from workers.messages import Recipe

# So many tensors as wide as the widest live at once: in the autoencoder's last block (its input, what a norm and an
# activation make of it, what a convolution lays out, its output), and in the UNet with all that its second half waits
# for.
DECODING, UNET = 6, 48
SPARE = 256 * 1024**2  # for everything else that goes on here
GB = 1e9


def free(where: torch.device) -> int:
    """Bytes that may still be taken on a device: of its own memory, or of the machine's within this group's bound."""
    if where.type == "cuda":
        unused, _ = torch.cuda.mem_get_info(where)
        return int(unused + torch.cuda.memory_reserved(where) - torch.cuda.memory_allocated(where))
    told = [line.split() for line in _lines(Path("/proc/meminfo"))]
    found = [int(words[1]) * 1024 for words in told if words[0] == "MemAvailable:"]
    bound, used = (next(_lines(Path("/sys/fs/cgroup") / name), "") for name in ("memory.max", "memory.current"))
    if bound.isdigit() and used.isdigit():
        # Pages of files count as used, and are given back when they are wanted.
        stat = [line.split() for line in _lines(Path("/sys/fs/cgroup/memory.stat"))]
        files = sum(int(number) for name, number in stat if name == "file")
        found.append(int(bound) - int(used) + files)
    return min(found, default=2**62)


def _lines(path: Path) -> Iterator[str]:
    try:
        yield from path.read_text().splitlines()
    except OSError:
        return


def of_row(model: Model, height: int, width: int, lines: int) -> int:
    """Bytes that a picture's lines take in a call of the UNet."""
    size = torch.finfo(model.dtype).bits // 8
    return lines * UNET * model.unet.config.block_out_channels[0] * (height // 8) * (width // 8) * size


def of_decoding(model: Model, height: int, width: int) -> int:
    """Bytes that the autoencoder, which is in fp32, takes for one picture."""
    widths = model.vae.config.block_out_channels
    return DECODING * widths[min(1, len(widths) - 1)] * height * width * 4


def room_for(model: Model, recipe: Recipe, lines: int) -> None:
    """Raises ``Refusal`` where a picture does not fit beside what is kept."""
    height, width = recipe.height, recipe.width
    wanted = max(of_row(model, height, width, lines), of_decoding(model, height, width)) + SPARE
    if wanted > (there := free(model.device)):
        raise Refusal(
            "too-large",
            f"A picture of {width} × {height} takes about {wanted / GB:.1f} GB on this base, and this worker has "
            f"{there / GB:.1f} GB left. Draw it smaller.",
        )


def rows_for(model: Model, height: int, width: int, lines: int) -> int:
    """How many pictures of so many lines fit into one call; one in any case, for it was let in."""
    return max(1, int((free(model.device) - SPARE) // max(1, of_row(model, height, width, lines))))


def room_for_bases(paths: Sequence[Path], kind: torch.dtype, where: torch.device) -> None:
    """Raises ``Refusal`` where the checkpoints at ``paths`` do not fit beside each other, opened in ``kind``."""
    wanted = SPARE + sum(map(_numbers_in, paths)) * (torch.finfo(kind).bits // 8)
    if paths and wanted > (there := free(where)):
        these = "This checkpoint takes" if len(paths) == 1 else f"These {len(paths)} checkpoints take"
        raise Refusal(
            "base-too-large", f"{these} about {wanted / GB:.1f} GB, and this worker has {there / GB:.1f} GB left."
        )


def _numbers_in(path: Path) -> int:
    try:
        with safe_open(path, "pt") as file:
            return sum(int(torch.Size(file.get_slice(key).get_shape()).numel()) for key in file.keys())  # noqa: SIM118
    except Exception:  # whoever opens it says what is wrong with it
        return 0
