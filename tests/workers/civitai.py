"""A server that speaks Civitai's API, with one model: the contract's golden example, as a real server tells it."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from tests.workers import models
from tests.workers.elsewhere import Elsewhere

INFOTEXT = "inkwash style cat\nNegative prompt: blur\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 7, Size: 64x64"


def picture(text: str = "", shade: int = 90) -> bytes:
    info = PngImagePlugin.PngInfo()
    if text:
        info.add_text("parameters", text)
    made = io.BytesIO()
    Image.fromarray(np.full((64, 64, 3), shade, np.uint8)).save(made, "PNG", pnginfo=info)
    return made.getvalue()


class Civitai(Elsewhere):
    """Ink Wash: version 34 with one LoRA, two pictures (one carries its recipe, one's is told apart)."""

    def __enter__(self) -> Civitai:
        super().__enter__()
        self.data = models.lora(metadata={"ss_output_name": "ink_wash"})
        self.gives("/api/download/models/34", self.data)
        self.gives("/image/a/original=true/78.png", picture(INFOTEXT), kind="image/png")
        self.gives("/image/b/original=true/79.png", picture(shade=120), kind="image/png")
        self.tells()
        return self

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    def file(self, **more: Any) -> dict[str, Any]:
        return {
            "id": 56, "sizeKB": len(self.data) / 1024, "name": "ink_wash.safetensors", "type": "Model",
            "pickleScanResult": "Success", "pickleScanMessage": "No Pickle imports", "virusScanResult": "Success",
            "virusScanMessage": None, "scannedAt": "2026-01-02T03:20:00.000Z",
            "metadata": {"format": "SafeTensor", "size": "full", "fp": "fp16"},
            "hashes": {"SHA256": self.sha256.upper(), "AutoV2": self.sha256[:10].upper()},
            "downloadUrl": f"{self.origin}/api/download/models/34", "primary": True,
        } | more  # fmt: skip

    def version(self, **more: Any) -> dict[str, Any]:
        shown = {"nsfwLevel": 1, "width": 64, "height": 64, "hash": "U9F~", "type": "image"}
        meta = {
            "prompt": "inkwash style fox",
            "negativePrompt": "blur",
            "steps": 25,
            "sampler": "Euler a",
            "cfgScale": 6.5,
        }
        meta |= {"seed": 11, "Size": "64x64", "resources": [{"type": "lora", "name": "ink", "hash": self.sha256[:10]}]}
        images = [shown | {"id": 78, "url": f"{self.origin}/image/a/width=450/78.png", "meta": None}]
        images.append(
            shown | {"id": 79, "url": f"{self.origin}/image/b/original=true/79.png", "meta": meta, "nsfwLevel": 4}
        )
        images.append(shown | {"id": 80, "url": f"{self.origin}/image/c/original=true/80.mp4", "type": "video"})
        return {
            "id": 34, "index": 0, "name": "v1.0", "description": None, "baseModel": "SD 1.5",
            "baseModelType": "Standard", "createdAt": "2026-01-02T03:04:05.000Z",
            "publishedAt": "2026-01-02T04:00:00.000Z", "status": "Published",
            "trainedWords": ["inkwash style"], "files": [self.file()], "images": images,
            "downloadUrl": f"{self.origin}/api/download/models/34",
        } | more  # fmt: skip

    def model(self, **more: Any) -> dict[str, Any]:
        return {
            "id": 12, "name": "Ink Wash", "description": "<p>ink<script>alert(1)</script> <b>wash</b></p>",
            "type": "LORA",
            "poi": False, "minor": False, "sfwOnly": False, "nsfw": False, "nsfwLevel": 5, "allowNoCredit": True,
            "allowCommercialUse": "{Image,RentCivit}", "allowDerivatives": True, "allowDifferentLicense": False,
            "creator": {"username": "ada", "image": None}, "tags": ["style", "Ink"],
            "modelVersions": [self.version()],
        } | more  # fmt: skip

    def tells(self, **more: Any) -> None:
        """The model as it is from now on, by every way to ask for it."""
        told = self.model(**more)
        self.says("/api/v1/models/12", told)
        for version in told["modelVersions"]:
            full = version | {"modelId": 12, "model": {"name": told["name"], "type": told["type"]}}
            self.says(f"/api/v1/model-versions/{version['id']}", full)
            for file in version["files"]:
                for hash in (file.get("hashes") or {}).values():
                    self.says(f"/api/v1/model-versions/by-hash/{hash}", full)
