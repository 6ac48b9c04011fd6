"""The pictures nano learns from: open icons on flat backgrounds, each with the sentence that describes it.

Icons are SVG bodies from three npm packages (licences in ``MODEL_CARD.md``), rendered once and kept in an
``.npz``; every training picture is composed from them on the fly.
"""

import json
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

SIZE = 128
SIZES = 0.55, 1.0  # of the picture that an icon of `compose_moved` takes

# Objects that look unlike each other and exist under the same name in all three sets.
OBJECTS = """
airplane alarm-clock alien ambulance anchor ant avocado axe backpack balloon banana baseball basketball bat bathtub
bear bed beer-mug bell bicycle bird birthday-cake bomb bone brain bread broccoli broom bucket bus butterfly cactus
camel camera candle candy carrot castle cat-face chair cheese-wedge cherries chicken christmas-tree church clapper-board
cloud compass cookie cow-face crab crayon crown cucumber dagger desktop-computer dog-face dolphin door doughnut dragon
dress drum duck eagle ear-of-corn egg eggplant elephant envelope evergreen-tree eye factory ferris-wheel fire
fire-engine fish frog game-die gem-stone ghost giraffe glasses grapes green-apple guitar hamburger hammer headphone
hedgehog helicopter herb hibiscus honeybee horse-face hot-dog house ice-cream jack-o-lantern key kite koala lady-beetle
lemon light-bulb lion lipstick lizard lobster locomotive lollipop maple-leaf microphone microscope mountain mushroom
octopus office-building owl paintbrush palm-tree pear pencil penguin pineapple pizza police-car potato rabbit-face
rainbow red-apple red-heart ring robot rocket rose sailboat scissors shark skateboard skull snail snake snowman
soccer-ball spider star strawberry sun sunflower sunglasses tangerine taxi teapot teddy-bear telephone television tent
tiger-face tomato top-hat tractor trophy trumpet tulip turtle umbrella unicorn violin volcano watch
watermelon whale wolf
""".split()  # noqa: SIM905
# Never shown to the base: a textual inversion teaches one of them from pictures alone.
HELD_OUT = ["panda", "fox", "peach", "blowfish"]
BACKGROUNDS = {
    "white": (250, 250, 248), "red": (214, 48, 49), "orange": (240, 140, 40), "yellow": (248, 214, 72),
    "green": (64, 168, 88), "blue": (52, 108, 208), "purple": (132, 72, 176), "pink": (244, 150, 184),
    "gray": (136, 140, 144), "black": (22, 22, 26),
}  # fmt: skip
# style → (npm package, pinned version)
SETS = {
    "noto": ("@iconify-json/noto", "1.2.9"),
    "flat": ("@iconify-json/fluent-emoji-flat", "1.2.6"),
    "contrast": ("@iconify-json/fluent-emoji-high-contrast", "1.2.6"),
}


@dataclass
class Icons:
    """Rendered icons: ``pixels[style]`` is uint8 [N, 4, 128, 128] RGBA in the order of ``names[style]``."""

    names: dict[str, list[str]]
    pixels: dict[str, Tensor]

    def of(self, style: str, wanted: list[str]) -> Tensor:
        """The icons ``wanted`` in ``style``, uint8 [N, 4, 128, 128]. Raises ``ValueError`` for an unknown name."""
        index = [self.names[style].index(name) for name in wanted]
        return self.pixels[style][index]


def words(name: str) -> str:
    """The icon's name as a person says it: ``cat-face`` → ``cat``, ``fire-engine`` → ``fire engine``."""
    return name.removesuffix("-face").replace("-", " ")


def caption(name: str, background: str) -> str:
    return f"{words(name)}, {background} background"


def load(cache: Path) -> Icons:
    """The rendered icons from ``cache``; where it is missing, ``npm`` fetches the packages, rendered into it."""
    if not cache.exists():
        _render(cache)
    with np.load(cache) as stored:
        return Icons(
            names={style: stored[f"{style}.names"].tolist() for style in SETS},
            pixels={style: torch.from_numpy(stored[f"{style}.pixels"]) for style in SETS},
        )


def _render(cache: Path) -> None:
    import resvg_py  # only here: a person who draws with nano needs no SVG renderer

    cache.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {}
    for style, (package, version) in SETS.items():
        bodies = _bodies(cache.parent, package, version)
        wanted = [n for n in OBJECTS + HELD_OUT if n in bodies["icons"]]
        # Others than the chosen objects teach the autoencoder that pictures vary.
        others = [n for n in sorted(bodies["icons"]) if n not in wanted and "skin-tone" not in n]
        wanted += others[:: max(1, len(others) // 300)]
        arrays[f"{style}.names"] = np.array(wanted)
        arrays[f"{style}.pixels"] = np.stack([_pixels(resvg_py, bodies, name) for name in wanted])
    np.savez_compressed(cache, **arrays)


def _bodies(folder: Path, package: str, version: str) -> dict:
    packed = subprocess.run(
        ["npm", "pack", "--silent", f"{package}@{version}"], cwd=folder, check=True, capture_output=True, text=True
    )
    with tarfile.open(folder / packed.stdout.strip().splitlines()[-1]) as tar:
        member = tar.extractfile("package/icons.json")
        if member is None:
            raise ValueError(f"{package} holds no icons.json")
        return json.load(member)


def _pixels(resvg_py, bodies: dict, name: str) -> np.ndarray:
    import io

    from PIL import Image

    icon = bodies["icons"][name]
    width, height = icon.get("width", bodies.get("width", 16)), icon.get("height", bodies.get("height", 16))
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 {width} {height}" width="{SIZE}" height="{SIZE}" color="#101018">{icon["body"]}</svg>'
    )
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=SIZE, height=SIZE))
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA").resize((SIZE, SIZE))).transpose(2, 0, 1)


def compose(icons: Tensor, backgrounds: Tensor, generator: torch.Generator, *, vary: float = 1.0) -> Tensor:
    """Lay icons on flat backgrounds, each a little moved and scaled.

    icons: uint8 [B, 4, S, S] RGBA; backgrounds: float [B, 3] in 0–255; vary: 0 = exactly as drawn, 1 = as in training.
    Returns float [B, 3, S, S] in −1…1.
    """
    count = len(icons)
    scale = 1.12 + vary * (torch.rand(count, generator=generator) - 0.5) * 0.16
    shift = (torch.rand(count, 2, generator=generator) - 0.5) * 0.1 * vary
    return _laid(icons, backgrounds, torch.stack([scale, scale], 1), shift)


def compose_moved(icons: Tensor, backgrounds: Tensor, generator: torch.Generator) -> Tensor:
    """As `compose`, but each icon of a size of chance (``SIZES``), anywhere it fits, half of them mirrored.

    The base never saw them so: only a hint can tell it where they are.
    """
    count = len(icons)
    size = SIZES[0] + (SIZES[1] - SIZES[0]) * torch.rand(count, 1, generator=generator)
    hand = torch.where(torch.rand(count, 1, generator=generator) < 0.5, 1.0, -1.0)
    shift = (2 * torch.rand(count, 2, generator=generator) - 1) * (1 - size) / size
    return _laid(icons, backgrounds, torch.cat([hand / size, 1 / size], 1), shift)


def _laid(icons: Tensor, backgrounds: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """scale, shift: [B, 2], across and down, from a place in the picture to that in the icon, both in −1…1."""
    count = len(icons)
    rgba = icons.float() / 255
    # Premultiplied, so that the edge does not pick up the colour of transparent pixels.
    rgba = torch.cat([rgba[:, :3] * rgba[:, 3:], rgba[:, 3:]], 1)
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1], theta[:, :, 2] = scale[:, 0], scale[:, 1], shift
    grid = F.affine_grid(theta, [count, 4, *icons.shape[2:]], align_corners=False)
    moved = F.grid_sample(rgba, grid, padding_mode="zeros", align_corners=False)
    flat = (backgrounds / 255)[:, :, None, None]
    return (moved[:, :3] + flat * (1 - moved[:, 3:])) * 2 - 1
