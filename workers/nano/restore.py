"""Make a training folder out of the shipped weights, so that training goes on from them on another machine."""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import load_file

from workers.bases import layout
from workers.nano.assemble import read
from workers.nano.save import CONFIG, WEIGHTS
from workers.nano.xl import ENCODERS, PART, VOCABULARY, is_learnt


def restore(folder: Path, weights: Path = WEIGHTS / "nano-sd1.safetensors") -> None:
    """Write ``autoencoder.pt``, ``base.pt`` and ``xl.pt`` into ``folder``; optimisers begin anew.

    ``xl.pt`` only where its part lies beside ``weights``. Raises ``FileExistsError``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("autoencoder.pt", "base.pt", "xl.pt"):
        if (folder / name).exists():
            raise FileExistsError(f"{folder / name} is there; training goes on from it by itself.")
    tensors = {key: tensor.float() for key, tensor in load_file(weights).items()}
    unet, vae, text = layout.from_original(tensors)
    model = {f"unet.{key}": tensor for key, tensor in unet.items()} | {f"text.{k}": t for k, t in text.items()}
    scaling = json.loads(CONFIG.read_text())["vae"]["scaling_factor"]
    torch.save({"model": vae, "spent": 0.0, "step": 0}, folder / "autoencoder.pt")
    torch.save({"model": model, "average": model, "spent": 0.0, "step": 0, "scaling": scaling}, folder / "base.pt")
    if (part := weights.parent / PART).exists():
        learnt = {key: torch.from_numpy(tensor).float() for key, tensor in read(part)[0].items()}
        words = {f"{name}.{key}": t for name in ENCODERS for key, t in text.items() if VOCABULARY in key}
        average = {name: tensor for name, tensor in learnt.items() if is_learnt(name)}
        state = {"model": learnt | words, "average": average, "spent": 0.0, "step": 0, "scaling": scaling}
        torch.save(state, folder / "xl.pt")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    restore(parser.parse_args().folder)
