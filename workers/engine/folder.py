"""A checkpoint, a ControlNet or a VAE as a folder of diffusers: the same tensors under diffusers' names, with the
configurations they need."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from workers import folders, tokens
from workers.adapters import ADAPTERS
from workers.bases import layout, shapes
from workers.engine import opening
from workers.errors import Refusal

VERSION = {"_diffusers_version": diffusers.__version__}
TRAINED = {
    "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000,
    "steps_offset": 1, "clip_sample": False,
}  # fmt: skip
WORDS = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
PIPELINES = {
    ("sd", 4): "StableDiffusionPipeline", ("sd", opening.INPAINTING): "StableDiffusionInpaintPipeline",
    ("sdxl", 4): "StableDiffusionXLPipeline", ("sdxl", opening.INPAINTING): "StableDiffusionXLInpaintPipeline",
}  # fmt: skip
SIDE = {"sd1": 64, "sd2": 64, "sdxl": 128}  # of the latents that a family draws when nobody says how large


@dataclass(frozen=True)
class Written:
    """``texts``: the configurations by their paths. ``same``: the path under which the file itself is right as it is;
    nothing was written there."""

    texts: dict[str, str]
    same: str = ""


def write(path: Path, folder: Path, family: str = "sd1", kind: str = "base") -> Written:
    """Write the weights of the file at ``path`` below ``folder``, in the precision that they have.

    Raises ``Refusal`` for a file that cannot be read, or whose architecture is not known.
    """
    try:
        with safe_open(path, "pt") as file:
            if kind == "base":
                return Written(_base(file, folder, family))
            return (_vae if kind == "vae" else _controlnet)(file, folder, family)
    except (SafetensorError, OSError) as error:
        raise Refusal("file-unreadable", "This file cannot be read as safetensors.") from error
    except (KeyError, StopIteration) as error:
        raise Refusal("base-unknown", f"This file holds a tensor that has no place there: {error}.") from error


def _save(part: Mapping[str, Tensor], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: tensor.contiguous() for key, tensor in part.items()}, path, metadata={"format": "pt"})


def _base(file: Any, folder: Path, family: str) -> dict[str, str]:
    """One part after the other: a file of 7 GB and its folder would not fit in memory side by side."""
    keys = list(file.keys())
    texts = opening.texts_of(keys, family)
    known = opening.config_for(keys, lambda key: file.get_slice(key).get_shape(), family)
    prediction = opening.prediction_of(file, keys, family)
    configs: dict[str, dict[str, Any]] = {}
    pooled = 0
    for name, prefix, read in texts:
        state, config, projected = opening.text_config(name, read(_part(file, prefix)), family, known)
        outside = ("text_model.", "text_projection")  # what transformers does not look for one level further down
        named = {key if key.startswith(outside) else f"text_model.{key}": tensor for key, tensor in state.items()}
        _save(named, folder / name / "model.safetensors")
        pooled = config["projection_dim"]
        configs[name] = _text_words(config, projected)
    unet = layout.unet_from_original(_part(file, layout.UNET))
    configs["unet"] = (known["unet"] if known else shapes.unet(_shapes(unet), pooled)) | VERSION
    configs["unet"].setdefault("sample_size", 96 if family == "sd2" and prediction == "v" else SIDE[family])
    _save(unet, folder / "unet" / folders.WEIGHTS_ALONE)
    del unet
    vae = layout.vae_from_original(_part(file, layout.VAE))
    configs["vae"] = (known["vae"] if known else _vae_words(shapes.vae(_shapes(vae)), family)) | VERSION
    _save(vae, folder / "vae" / folders.WEIGHTS_ALONE)
    return _texts(configs, family, prediction, zero_snr="ztsnr" in keys)


def _part(file: Any, prefix: str) -> dict[str, Tensor]:
    mine = [key for key in file.keys() if key.startswith(prefix)]  # noqa: SIM118
    if not mine:
        raise Refusal("base-incomplete", "This checkpoint lacks a part, so it is no folder by itself.")
    return {key.removeprefix(prefix): file.get_tensor(key) for key in mine}


def _shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(tensor.shape) for key, tensor in state.items()}


def _text_words(config: dict[str, Any], projected: bool) -> dict[str, Any]:
    # Without a word on precision transformers keeps the file's, while diffusers opens everything in fp32.
    kind = "CLIPTextModelWithProjection" if projected else "CLIPTextModel"
    precision = {"dtype": "float32", "torch_dtype": "float32"}
    return {"architectures": [kind], "model_type": "clip_text_model", **precision, **config}


def _vae_words(config: dict[str, Any], family: str) -> dict[str, Any]:
    upcast = {"force_upcast": True} if family == "sdxl" else {}
    return config | {"scaling_factor": shapes.SCALING[family], "sample_size": 8 * SIDE[family]} | upcast


def _scheduler(family: str, prediction: str, zero_snr: bool) -> dict[str, Any]:
    """How it was trained, as the published folders of its family say."""
    more: dict[str, Any] = {"prediction_type": "v_prediction"} if prediction == "v" else {}
    if zero_snr:
        more |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    if family == "sdxl":
        steps = {"timestep_spacing": "leading", "interpolation_type": "linear", "use_karras_sigmas": False}
        kind, own = "EulerDiscreteScheduler", steps
    elif more:
        kind, own = "DDIMScheduler", {"set_alpha_to_one": False}
    else:
        kind, own = "PNDMScheduler", {"set_alpha_to_one": False, "skip_prk_steps": True}
    return {"_class_name": kind, **VERSION, **TRAINED, **own, **more}


def _texts(configs: Mapping[str, dict[str, Any]], family: str, prediction: str, *, zero_snr: bool) -> dict[str, str]:
    texts = [name for name in configs if name.startswith("text_encoder")]
    scheduler = _scheduler(family, prediction, zero_snr)
    index = _index(configs, family, texts) | {"scheduler": ["diffusers", scheduler["_class_name"]]}
    parts: dict[str, Any] = {"model_index.json": index, "scheduler/scheduler_config.json": scheduler}
    kinds = {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL"}
    for name, config in configs.items():
        parts[f"{name}/config.json"] = {"_class_name": kinds[name], **config} if name in kinds else config
    model = json.loads(tokens.tokenizer().to_str())["model"]
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    written = {}
    for name in texts:
        # OpenCLIP fills up with "!", OpenAI's with the word that ends a text.
        open_clip = name == "text_encoder_2" or family == "sd2"
        words = WORDS | {"pad_token": "!" if open_clip else WORDS["eos_token"]}
        place = name.replace("text_encoder", "tokenizer")
        about = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "do_lower_case": True, **words}
        parts |= {
            f"{place}/special_tokens_map.json": words,
            f"{place}/tokenizer_config.json": about,
            f"{place}/vocab.json": model["vocab"],
        }
        written[f"{place}/merges.txt"] = "#version: 0.2\n" + "\n".join(merges) + "\n"
    return {path: _json(part) for path, part in parts.items()} | written


def _json(part: dict[str, Any]) -> str:
    return json.dumps(part, indent=2 if len(part) < 100 else None)


def _index(configs: Mapping[str, dict[str, Any]], family: str, texts: list[str]) -> dict[str, Any]:
    """``model_index.json``: the pipeline, and what each folder holds; the scheduler is named by the caller."""
    channels = configs["unet"]["in_channels"]
    kind = PIPELINES.get(("sdxl" if family == "sdxl" else "sd", channels))
    if kind is None:
        raise Refusal("base-unknown", f"A UNet that reads {channels} channels is no pipeline of diffusers known here.")
    absent = [None, None]
    index: dict[str, Any] = {"_class_name": kind, **VERSION, "feature_extractor": absent, "image_encoder": absent}
    if family == "sdxl":
        names = ("text_encoder", "text_encoder_2")
        index |= {name.replace("text_encoder", "tokenizer"): absent for name in names} | dict.fromkeys(names, absent)
        index["force_zeros_for_empty_prompt"] = True
        if texts == ["text_encoder_2"]:  # the refiner, which goes on with a picture
            index["_class_name"] = "StableDiffusionXLImg2ImgPipeline"
            index |= {"requires_aesthetics_score": True, "force_zeros_for_empty_prompt": False}
    else:
        index |= {"requires_safety_checker": False, "safety_checker": absent}
    for name in texts:
        index[name] = ["transformers", configs[name]["architectures"][0]]
        index[name.replace("text_encoder", "tokenizer")] = ["transformers", "CLIPTokenizer"]
    return index | {"unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"]}


def _controlnet(file: Any, folder: Path, family: str) -> Written:
    """A ControlNet alone. One that is stored as a difference is none without its base."""
    tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    edit: Any = ADAPTERS["controlnet"].read(tensors, {})
    if edit.difference:
        raise Refusal("base-unknown", "This ControlNet is stored as a difference from a base, so it is none by itself.")
    state = edit.state
    config = shapes.controlnet(_shapes(state), _base_of(state, family))
    return _alone(tensors, state, folder, {"_class_name": "ControlNetModel", **VERSION, **config})


def _base_of(state: Mapping[str, Tensor], family: str) -> dict[str, Any]:
    """What no shape of a ControlNet tells, as the bases of its family have it."""
    levels = layout.count(state, "down_blocks.{}.")
    widths = [state[f"down_blocks.{n}.resnets.0.conv1.weight"].shape[0] for n in range(levels)]
    context = next(tensor.shape[1] for key, tensor in state.items() if key.endswith("attn2.to_k.weight"))
    for known in opening.configs():
        unet = known["unet"]
        if (unet["block_out_channels"][0], unet["cross_attention_dim"]) == (widths[0], context):
            return {"norm_num_groups": 32, **unet}
    if family == "sd1":
        raise Refusal("base-unknown", f"No architecture known here is {widths[0]} channels wide.")
    base: dict[str, Any] = {
        "attention_head_dim": [max(1, width // shapes.HEAD) for width in widths],
        "norm_num_groups": 32,
        "cross_attention_dim": context,
        "use_linear_projection": True,
    }
    if (label := state.get("add_embedding.linear_1.weight")) is not None:
        base |= {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": shapes.TIME,
            "projection_class_embeddings_input_dim": label.shape[1],
        }
    return base


def _vae(file: Any, folder: Path, family: str) -> Written:
    tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    state = opening.vae_state(tensors)
    config = shapes.vae(_shapes(state))
    widths = config["block_out_channels"]
    known = (c["vae"]["norm_num_groups"] for c in opening.configs() if c["vae"]["block_out_channels"] == widths)
    words = {"_class_name": "AutoencoderKL", **VERSION, **_vae_words(config, family)}
    return _alone(tensors, state, folder, words | {"norm_num_groups": next(known, 32)})


def _alone(tensors: Mapping[str, Tensor], state: Mapping[str, Tensor], folder: Path, config: dict[str, Any]) -> Written:
    texts = {"config.json": _json(config)}
    if tensors.keys() == state.keys() and all(tensors[key].shape == state[key].shape for key in state):
        return Written(texts, same=folders.WEIGHTS_ALONE)
    _save(state, folder / folders.WEIGHTS_ALONE)
    return Written(texts)
