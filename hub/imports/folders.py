"""A folder of weights as A1111 and ComfyUI keep them: which files are models, of which type, and what lies beside each.

Beside a file programs leave what they know of it: ``.civitai.info`` (a version as Civitai's API tells it), ``.json``
(A1111's words), ``.preview.png`` (a picture). All of it is text of strangers, bounded where it is read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.catalog.models import Model
from workers.sources import civitai
from workers.sources.values import line, mapping, text, whole

WEIGHTS = (".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".gguf")
SIDECAR_BYTES = 2 * 1024**2
PIECE = 4 * 1024**2
# A part of a path → what lies below it, in both programs' words; lower case.
TYPES: dict[str, str] = {
    "stable-diffusion": Model.Type.CHECKPOINT,
    "checkpoints": Model.Type.CHECKPOINT,
    "lora": Model.Type.LORA,
    "loras": Model.Type.LORA,
    "lycoris": Model.Type.LOCON,
    "embeddings": Model.Type.TEXTUAL_INVERSION,
    "hypernetworks": Model.Type.HYPERNETWORK,
    "vae": Model.Type.VAE,
    "controlnet": Model.Type.CONTROLNET,
    "esrgan": Model.Type.UPSCALER,
    "realesrgan": Model.Type.UPSCALER,
    "upscale_models": Model.Type.UPSCALER,
    "text_encoders": Model.Type.TEXT_ENCODER,
    "clip": Model.Type.TEXT_ENCODER,
    "clip_vision": Model.Type.VISION_ENCODER,
}
PREVIEWS = (".preview.png", ".png", ".preview.jpg", ".jpg", ".preview.jpeg", ".jpeg", ".preview.webp", ".webp")


@dataclass
class Found:
    """A file of weights, and what lies beside it."""

    path: Path
    type: str
    told: dict[str, Any] = field(default_factory=dict)  # model_name, version_name, description, base, trigger_words
    preview: Path | None = None

    @property
    def size(self) -> int:
        return self.path.stat().st_size


def found(folder: Path) -> Iterator[Found]:
    """The files of weights below ``folder``, in the order of their paths. Links out of it are not followed."""
    root = folder.resolve()
    for path in sorted(folder.rglob("*")):
        inside = path.resolve().is_relative_to(root)
        if inside and path.is_file() and path.suffix.lower() in WEIGHTS and not path.name.startswith("."):
            yield Found(path, type_of(path, folder), told_beside(path), preview_of(path))


def type_of(path: Path, folder: Path) -> str:
    """By the nearest folder with a name that says it; empty: the file has to tell."""
    for part in reversed([*folder.parts[-2:], *path.relative_to(folder).parts[:-1]]):
        if kind := TYPES.get(part.lower()):
            return kind
    return ""


def preview_of(path: Path) -> Path | None:
    return next((one for end in PREVIEWS if (one := path.with_name(path.stem + end)).is_file()), None)


def told_beside(path: Path) -> dict[str, Any]:
    """What the sidecars say of a file, as an upload's fields."""
    said: dict[str, Any] = {}
    if version := _read(path.with_name(path.stem + ".civitai.info")):
        told = civitai.version_told(version, "", "https://civitai.com", pictures=0, left_out=[])
        model = mapping(version.get("model"))
        said = {
            "model_name": line(model.get("name"), 120),
            "version_name": told.name if whole(version.get("id")) else "",
            "base": told.base,
            "trigger_words": list(told.trigger_words),
            "description": told.description,
            "type": line(model.get("type"), 30),
            "model_remote": whole(version.get("modelId")),
        }
    if words := _read(path.with_name(path.stem + ".json")):
        activation = [one.strip() for one in text(words.get("activation text"), 2000).split(",") if one.strip()]
        said = {"trigger_words": activation[:50], "description": text(words.get("description"), 50_000)} | {
            name: value for name, value in said.items() if value
        }
        said.setdefault(
            "base", {"SD1": "SD 1.5", "SD2": "SD 2.1", "SDXL": "SDXL 1.0"}.get(str(words.get("sd version")), "")
        )
    return {name: value for name, value in said.items() if value}


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > SIDECAR_BYTES:
            return {}
        return mapping(json.loads(path.read_bytes()))
    except (OSError, ValueError, RecursionError):
        return {}


def sha256_of(path: Path, watch: Callable[[int], None]) -> str:
    """The file's SHA-256, lower-case hex. watch: told how many bytes were read, now and then."""
    digest, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
            done += len(piece)
            watch(done)
    return digest.hexdigest()
