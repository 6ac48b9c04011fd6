"""Which device draws, and with what numbers."""

import os
from functools import cache

import torch

from workers import settings
from workers.errors import Refusal

# Below this a layer's work is smaller than the cost of sharing it (nano has about 60 MB in fp32).
TINY_BYTES = 256 * 1024**2


@cache
def chosen() -> tuple[torch.device, torch.dtype]:
    """(device, the UNet's dtype) by ``WORKER_DEVICE``: CUDA where there is one, else the CPU in fp32.

    Raises ``Refusal`` where a device is asked for that is not there.
    """
    wanted = settings.DEVICE
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(wanted)
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise Refusal("no-device", f"This worker was told to draw on {wanted}, and there is none.")
        return device, torch.float16
    return device, torch.float32


def threads_for(bytes_of_weights: int) -> int:
    """As many threads as pay for a base of this size; ``WORKER_THREADS`` decides where it is set.

    A tiny base draws as fast on one, and does not crawl at OpenMP's barriers when the machine's other cores are busy.
    """
    return settings.THREADS or (1 if bytes_of_weights < TINY_BYTES else os.cpu_count() or 1)


def set_threads(bytes_of_weights: int) -> None:
    """Let this thread compute with `threads_for` a base of this size."""
    if torch.get_num_threads() != (count := threads_for(bytes_of_weights)):
        torch.set_num_threads(count)
