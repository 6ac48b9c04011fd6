"""What a base is called here, of what inspection found in a file; in the spelling that people choose from."""

from collections.abc import Mapping
from typing import Any

# (family, variant) → name; a variant that has none of its own is called as its family.
NAMES = {
    ("sd1", ""): "SD 1.5",
    ("sd1", "nano"): "nano",
    ("sd1", "nano-inpainting"): "nano",
    ("sd1", "lcm"): "SD 1.5 LCM",
    ("sd2", ""): "SD 2.1",
    ("sd2", "v-prediction"): "SD 2.1 768",
    ("sd2", "unclip"): "SD 2.1 Unclip",
    ("sdxl", ""): "SDXL 1.0",
    ("sdxl", "nano"): "nano XL",
    ("sdxl", "lcm"): "SDXL 1.0 LCM",
    ("sdxl", "ssd-1b"): "SDXL Distilled",
    ("sdxl", "vega"): "SDXL Distilled",
    ("sdxl", "koala-700m"): "SDXL Distilled",
    ("sdxl", "koala-1b"): "SDXL Distilled",
    ("playgroundv2", ""): "Playground v2",
    ("sd3", ""): "SD 3",
    ("sd3", "3.5-medium"): "SD 3.5 Medium",
    ("sd3", "3.5-large"): "SD 3.5 Large",
    ("flux1", ""): "Flux.1 D",
    ("flux1", "schnell"): "Flux.1 S",
    ("flux2", ""): "Flux.2 D",
    ("auraflow", ""): "AuraFlow",
    ("chroma", ""): "Chroma",
    ("hidream", ""): "HiDream",
    ("hyv1", ""): "Hunyuan Video",
    ("kolors", ""): "Kolors",
    ("krea2", ""): "Krea 2",
    ("ltxv", ""): "LTXV",
    ("ltxv2", ""): "LTXV2",
    ("lumina", ""): "Lumina",
    ("mochi", ""): "Mochi",
    ("pixarta", ""): "PixArt a",
    ("qwen", ""): "Qwen",
    ("scascade", ""): "Stable Cascade",
    ("svd", ""): "SVD",
    ("wanvideo", ""): "Wan Video",
    ("zimage", ""): "ZImageBase",
}

# The hub's own small bases: each of its family by its topology, at widths that nothing else of the family fits.
NANO = frozenset({"nano", "nano XL"})


def base_name(family: str, variant: str) -> str:
    """The name of what inspection found; empty where it found nothing that people choose."""
    return NAMES.get((family, variant.lower())) or NAMES.get((family, "")) or ""


def base_choices(summary: Mapping[str, Any]) -> tuple[str, ...]:
    """The bases between which a file's owner has to choose: its shapes fit each of them."""
    names = (base_name(str(family), "") for family in summary.get("candidates", ()))
    return tuple(dict.fromkeys(filter(None, names)))
