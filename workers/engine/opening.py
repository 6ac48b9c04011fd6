"""Open a checkpoint offline: our own configurations, the file's tensors, nothing fetched and nothing executed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing here may ask a hub, whatever a library does by default

import torch
from accelerate import init_empty_weights
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors import SafetensorError, safe_open
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from workers import doubling
from workers.bases import BASES, layout, recognition, shapes
from workers.bases.recognition import INPUTS
from workers.engine.model import Model
from workers.errors import Refusal
from workers.plugins import Decides, Header, TensorInfo

INPAINTING = 9  # channels: the latents, a mask, and the latents of what is not masked
LABELS = {"sd1": "Stable Diffusion 1", "sd2": "Stable Diffusion 2", "sdxl": "Stable Diffusion XL"}
# (our name of the encoder, where its tensors are, the layout they are in)
TEXTS = {
    "sd1": [("text_encoder", layout.TEXT, layout.text_from_original)],
    "sd2": [("text_encoder", "cond_stage_model.model.", layout.text_from_open_clip)],
    "sdxl": [
        ("text_encoder", "conditioner.embedders.0.transformer.", layout.text_from_original),
        ("text_encoder_2", "conditioner.embedders.1.model.", layout.text_from_open_clip),
    ],
}
REFINER = [("text_encoder_2", "conditioner.embedders.0.model.", layout.text_from_open_clip)]
CONFIGS = Path(__file__).parent.parent / "bases" / "configs"


@cache
def configs() -> tuple[dict[str, Any], ...]:
    """Every configuration that we ship, by name."""
    return tuple(json.loads(path.read_text()) for path in sorted(CONFIGS.glob("*.json")))


def open_checkpoint(path: Path, family: str, device: torch.device, dtype: torch.dtype) -> Model:
    """The checkpoint at ``path``, in its original layout. The autoencoder stays in fp32: half precision overflows in
    some of them.

    Raises ``Refusal`` where the file is broken, a part is missing, or its shapes are of no architecture known here.
    """
    try:
        with safe_open(path, "pt") as file:
            # One tensor at a time: a file of 7 GB and its model would not fit side by side.
            return _opened(file, family, device, dtype)
    except (SafetensorError, OSError) as error:
        raise Refusal("base-unreadable", "This checkpoint's file cannot be read as safetensors.") from error
    except KeyError as error:
        raise Refusal(
            "base-unknown", f"This checkpoint holds a tensor that {LABELS[family]} has not, or lacks one: {error}."
        ) from error


def _opened(file: Any, family: str, device: torch.device, dtype: torch.dtype) -> Model:
    keys = list(file.keys())
    texts = texts_of(keys, family)
    wanted = {"UNet": [layout.UNET], "VAE": [layout.VAE], "text encoder": [prefix for _, prefix, _ in texts]}
    for name, prefixes in wanted.items():
        for prefix in prefixes:
            if not any(key.startswith(prefix) for key in keys):
                raise Refusal("base-incomplete", f"This checkpoint holds no {name}, so it cannot draw by itself.")

    def part(prefix: str, kind: torch.dtype) -> dict[str, Tensor]:
        mine = [key for key in keys if key.startswith(prefix)]
        return {key.removeprefix(prefix): file.get_tensor(key).to(device=device, dtype=kind) for key in mine}

    known = config_for(keys, lambda key: file.get_slice(key).get_shape(), family)
    vae = layout.vae_from_original(part(layout.VAE, torch.float32))
    encoders, pooled = {}, 0
    for name, prefix, read in texts:
        state = read(part(prefix, dtype))
        encoders[name], pooled = _text_encoder(name, state, family, known)
    unet = layout.unet_from_original(part(layout.UNET, dtype))
    if (channels := unet["conv_in.weight"].shape[1]) not in {4, INPAINTING}:
        raise Refusal(
            "base-not-drawn",
            f"A UNet that reads {channels} channels is for {INPUTS.get(channels, 'something else')}; it is kept here, "
            "not drawn with yet.",
        )
    config = known["unet"] if known else shapes.unet(_shapes(unet), pooled)
    vae_config = known["vae"] if known else shapes.vae(_shapes(vae)) | {"scaling_factor": shapes.SCALING[family]}
    with init_empty_weights(include_buffers=False):
        live_unet = UNet2DConditionModel.from_config(config)
        live_vae = AutoencoderKL.from_config(vae_config)
    rgb = known["latent_rgb"] if known else shapes.LATENT_RGB["sdxl" if family == "sdxl" else "sd1"]
    return Model(
        name=known["name"] if known else LABELS[family] + (" refiner" if texts is REFINER else ""),
        family=family,
        unet=_filled(live_unet, unet, device),
        vae=_decoding(_shared(live_vae, vae, device)),
        text_encoders=encoders,
        device=device,
        dtype=dtype,
        scaling=float(vae_config["scaling_factor"]),
        latent_rgb=torch.tensor(rgb, dtype=torch.float32),
        prediction=prediction_of(file, keys, family),
        zero_snr="ztsnr" in keys,
        text_key=" ".join(getattr(encoder, CONTENT) for encoder in encoders.values()),
    )


def texts_of(keys: Iterable[str], family: str) -> list[tuple[str, str, Any]]:
    """The text encoders of a checkpoint with these keys, as `TEXTS` has them; SDXL's refiner has one."""
    refiner = family == "sdxl" and not any(key.startswith("conditioner.embedders.1.") for key in keys)
    return list(REFINER if refiner else TEXTS[family])


# Names that diffusers once gave to the attention of an autoencoder.
_OLD_ATTENTION = {".query.": ".to_q.", ".key.": ".to_k.", ".value.": ".to_v.", ".proj_attn.": ".to_out.0."}


def open_vae(path: Path, base: Model) -> Any:
    """The autoencoder in the file at ``path``, in the original layout or diffusers', to draw with on ``base``; in fp32.

    Raises ``Refusal`` where the file is broken, holds half of one, or its latents are not the base's.
    """
    try:
        with safe_open(path, "pt") as file:
            state = {key: file.get_tensor(key).to(base.device, torch.float32) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise Refusal("vae-unreadable", "This VAE's file cannot be read as safetensors.") from error
    try:
        state = vae_state(state)
        channels, own = state["decoder.conv_in.weight"].shape[1], base.vae.config.latent_channels
        if channels != own:
            sentence = f"This VAE was made for another base: its latents have {channels} channels, the base's {own}."
            raise Refusal("vae-does-not-fit", sentence)
        config = shapes.vae(_shapes(state)) | {"norm_num_groups": base.vae.config.norm_num_groups}
    except KeyError as error:
        raise Refusal("vae-unknown", f"This VAE holds a tensor that has no place in one: {error}.") from error
    with init_empty_weights(include_buffers=False):
        live = AutoencoderKL.from_config(config)
    return _decoding(_shared(live, state, base.device, "VAE"))


def _decoding(vae: Any) -> Any:
    doubling.taken_together(vae.decoder)
    return vae


VAE_ENDS = ("quant_conv.", "post_quant_conv.")


def vae_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """An autoencoder's live state dict, from any of its layouts. Raises ``KeyError``, and ``Refusal`` where it holds
    half of one or numbers that are none."""
    for prefix in (layout.VAE, "vae."):
        if any(key.startswith(f"{prefix}decoder.") for key in state):
            state = layout.part(state, prefix)
    state = {key: tensor for key, tensor in state.items() if key.startswith(("encoder.", "decoder.", *VAE_ENDS))}
    for key, tensor in state.items():
        if not bool(tensor.isfinite().all()):
            raise Refusal("vae-not-finite", f"This VAE holds numbers that are not finite, in {key[:120]}.")
    state = layout.vae_from_original(state) if any(".mid.block_1." in key for key in state) else _modern(state)
    if not {"encoder.conv_in.weight", "decoder.conv_in.weight", "post_quant_conv.weight"} <= state.keys():
        raise Refusal("vae-incomplete", "This VAE lacks its encoder or its decoder, so it cannot draw by itself.")
    return state


def _modern(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """diffusers' names as they are today, and attention's matrices as matrices."""
    named = {}
    for key, tensor in state.items():
        if ".attentions." in key:
            key = next((key.replace(old, new) for old, new in _OLD_ATTENTION.items() if old in key), key)
            if tensor.ndim == 4:
                tensor = tensor.flatten(1)
        named[key] = tensor
    return named


def _shapes(state: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(tensor.shape) for key, tensor in state.items()}


def text_config(
    name: str, state: dict[str, Tensor], family: str, known: dict[str, Any] | None
) -> tuple[dict[str, Tensor], dict[str, Any], bool]:
    """(the tensors that are used, transformers' configuration, whether its text is projected) of a text encoder."""
    act = "quick_gelu" if name == "text_encoder" and family != "sd2" else "gelu"
    if family == "sd2":
        # It was trained on the layer before the last: the last is left out, and its projection, which reads that.
        last = layout.count(state, "encoder.layers.{}.") - 1
        kept = {k: t for k, t in state.items() if not k.startswith((f"encoder.layers.{last}.", "text_projection"))}
        state = kept
    config = known[name] if known else shapes.text_encoder(_shapes(state), act=act)
    return state, config, "text_projection.weight" in state


def _text_encoder(name: str, state: dict[str, Tensor], family: str, known: dict[str, Any] | None) -> tuple[Any, int]:
    """(the live encoder, the width of its pooled text)."""
    state, config, projected = text_config(name, state, family, known)
    with init_empty_weights(include_buffers=False):
        kind = CLIPTextModelWithProjection if projected else CLIPTextModel
        live = kind(CLIPTextConfig(**config))
    level = any(key.startswith("text_model.") for key in live.state_dict())
    named = {
        key if key.startswith("text_projection") or not level else f"text_model.{key}": tensor
        for key, tensor in state.items()
    }
    device = next(iter(state.values())).device
    return _shared(live, named, device), config["projection_dim"]


def prediction_of(file: Any, keys: list[str], family: str) -> str:
    """What the UNet predicts: ``epsilon`` or ``v``, by the file's own word, else by what training leaves behind."""
    infos = {
        key: TensorInfo(str(file.get_slice(key).get_dtype()), tuple(file.get_slice(key).get_shape()), (0, 0))
        for key in keys
    }
    header = Header(infos, dict(file.metadata() or {}))
    base = BASES[family]
    match = base.recognise(header)
    if match is not None and match.asks and isinstance(base, Decides):
        match = base.decide(match, file.get_tensor(match.asks).float().flatten().tolist())
    told = str(match.summary.get("prediction", "")) if match is not None else recognition.prediction(header)[0]
    if told == "edm":
        raise Refusal("base-not-drawn", "Checkpoints that predict as EDM does are kept here, not drawn with yet.")
    return told or "epsilon"


def config_for(keys: Iterable[str], shape: Callable[[str], Sequence[int]], family: str) -> dict[str, Any] | None:
    """The configuration that we ship for a file of these shapes: heads and groups are not in them. None where the
    family's own rules tell those.

    shape: of a tensor, by its original name. Raises ``Refusal`` where an SD1 is of no configuration known here.
    """
    channels = shape(f"{layout.UNET}input_blocks.0.0.weight")
    first = min((key for key in keys if key.startswith(layout.UNET) and key.endswith("attn2.to_k.weight")), default="")
    if not first:
        raise KeyError("attn2.to_k.weight")
    context, latent = shape(first)[1], shape(f"{layout.VAE}post_quant_conv.weight")[0]
    for config in configs():
        unet = config["unet"]
        mine = (unet["block_out_channels"][0], unet["cross_attention_dim"])
        if mine == (channels[0], context) and config["vae"]["latent_channels"] == latent:
            return config | {"unet": unet | {"in_channels": channels[1]}}
    if family != "sd1":
        return None
    raise Refusal(
        "base-unknown", f"No architecture known here is {channels[0]} channels wide with a context of {context}."
    )


# Live autoencoders and text encoders by content, for as long as some base holds them: checkpoints often differ in their
# UNet alone. What a stack changes in a text encoder, it changes while the engine reads a text, and restores.
_alive: WeakValueDictionary[str, Any] = WeakValueDictionary()
CONTENT = "content"


def _shared(module: Any, state: dict[str, Tensor], device: torch.device, what: str = "checkpoint") -> Any:
    """``module`` with ``state``; or the one that is there already, of the same configuration and numbers."""
    digest = hashlib.sha256(f"{type(module).__name__} {module.config!r} {device}".encode())
    for key, tensor in sorted(state.items()):
        digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    content = digest.hexdigest()
    found = _alive.get(content)
    if found is None:
        found = _alive[content] = _filled(module, state, device, what)
        setattr(found, CONTENT, content)
    return found


def _filled(module: Any, state: dict[str, Tensor], device: torch.device, what: str = "checkpoint") -> Any:
    try:
        module.load_state_dict({key: tensor.contiguous() for key, tensor in state.items()}, assign=True, strict=True)
    except RuntimeError as error:
        raise Refusal(
            "base-unknown",
            f"This {what}'s {type(module).__name__} is not of the architecture that its size promises.",
        ) from error
    module.to(device=device, memory_format=torch.channels_last)
    return module.eval().requires_grad_(False)
