"""Which device draws, and with what numbers."""

import os
from functools import cache

import torch

from workers import settings
from workers.errors import Refusal


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
    torch.set_num_threads(settings.THREADS or os.cpu_count() or 1)
    return device, torch.float32
