"""What drawing costs on this machine: ``python -m infra.bench.engine CHECKPOINT [LORA …]``.

Prints one JSON object: seconds of a 20-step picture, of one guided step, and of applying and undoing the stack, each
the median of several runs, with the number of threads and what else kept the machine busy.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from workers.bases import BASES
from workers.messages import Recipe


def median(runs: int, work: Callable[[], object]) -> float:
    """The median seconds of ``runs`` runs of ``work``, after one to warm up."""
    work()
    seconds = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return round(statistics.median(seconds), 5)


def main() -> None:
    import torch

    from workers.engine import cache
    from workers.engine.draw import draw
    from workers.engine.edits import applied

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("loras", type=Path, nargs="*")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    began = time.perf_counter()
    model = BASES["sd1"].open(options.checkpoint, torch.device("cpu"), torch.float32)
    opened = time.perf_counter() - began
    size = {"width": options.size, "height": options.size}
    recipe = Recipe(base="0" * 64, base_family="sd1", prompt="cat, blue background", **size)
    edits = [cache.adapter(path.name, "lora", path) for path in options.loras]

    def switch() -> None:
        with applied(model, edits):
            pass

    side = options.size // 8
    width = model.shapes["text_encoder.embeddings.token_embedding"][1]
    x, context = torch.randn(2, 4, side, side), torch.randn(2, 77, width)

    def step() -> None:
        with torch.inference_mode():
            model.unet(x, 500, encoder_hidden_states=context)

    picture = median(options.runs, lambda: draw(model, recipe, []))
    print(
        json.dumps(
            {
                "threads": torch.get_num_threads(),
                "cores": os.cpu_count(),
                "load": os.getloadavg()[0],
                "open_s": round(opened, 3),
                "picture_20_steps_s": picture,
                "step_s": median(options.runs * 3, step),
                "switch_s": median(options.runs * 3, switch) if edits else None,
                "stack": len(edits),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
