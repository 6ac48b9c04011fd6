"""A checkpoint as a folder of diffusers: the same tensors under diffusers' names, with the configurations they need."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import diffusers
from safetensors.torch import load_file, save_file
from torch import Tensor

from workers import tokens
from workers.bases import layout
from workers.engine.opening import config_for
from workers.errors import Refusal
from workers.messages import LAYOUT_PIECES

# How SD1 was trained, as every published folder of it says.
SCHEDULER = {
    "_class_name": "PNDMScheduler",
    "_diffusers_version": diffusers.__version__,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "clip_sample": False,
}
WORDS = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>"}
WORDS |= {"unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}


def write(path: Path, folder: Path) -> dict[str, str]:
    """Write the weights of the SD1 checkpoint at ``path`` below ``folder``, in the precision that they have; returns
    the configurations by their paths. Raises ``Refusal`` for a checkpoint whose architecture is not known."""
    tensors = load_file(path)
    config = config_for(lambda key: tensors[key].shape)
    try:
        unet, vae, text = layout.from_original(tensors)
    except KeyError as error:
        raise Refusal("base-unknown", f"This checkpoint holds a tensor that has no place there: {error}.") from error
    text = {key if key.startswith("text_model.") else f"text_model.{key}": tensor for key, tensor in text.items()}
    for name, part in zip(LAYOUT_PIECES, (text, unet, vae), strict=True):
        _save(part, folder / name)
    return _texts(config)


def _save(part: dict[str, Tensor], path: Path) -> None:
    path.parent.mkdir(parents=True)
    save_file({key: tensor.contiguous() for key, tensor in part.items()}, path, metadata={"format": "pt"})


def _texts(config: dict[str, Any]) -> dict[str, str]:
    version = {"_diffusers_version": diffusers.__version__}
    model = json.loads(tokens.tokenizer().to_str())["model"]
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    parts: dict[str, Any] = {
        "model_index.json": {
            "_class_name": "StableDiffusionPipeline",
            **version,
            "feature_extractor": [None, None],
            "image_encoder": [None, None],
            "requires_safety_checker": False,
            "safety_checker": [None, None],
            "scheduler": ["diffusers", "PNDMScheduler"],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "tokenizer": ["transformers", "CLIPTokenizer"],
            "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"],
        },
        "scheduler/scheduler_config.json": SCHEDULER,
        # Without a word on precision transformers keeps the file's, while diffusers opens everything in fp32.
        "text_encoder/config.json": {
            "architectures": ["CLIPTextModel"], "model_type": "clip_text_model",
            "dtype": "float32", "torch_dtype": "float32", **config["text_encoder"],
        },
        "tokenizer/special_tokens_map.json": WORDS,
        "tokenizer/tokenizer_config.json": {
            "tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "do_lower_case": True, **WORDS,
        },
        "tokenizer/vocab.json": model["vocab"],
        "unet/config.json": {"_class_name": "UNet2DConditionModel", **version, **config["unet"]},
        "vae/config.json": {"_class_name": "AutoencoderKL", **version, **config["vae"]},
    }  # fmt: skip
    texts = {path: json.dumps(part, indent=2 if len(part) < 100 else None) for path, part in parts.items()}
    return texts | {"tokenizer/merges.txt": "#version: 0.2\n" + "\n".join(merges) + "\n"}
