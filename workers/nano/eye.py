"""A fixed way of looking: which icon, in which style, on which background does a picture show most?

Pictures are compared as 32×32 colours against every real icon at several scales, places and both hands, laid on the
background that the picture's own border shows. Nothing is learned, so the judge cannot drift with what it judges.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from workers.nano import icons

FLAT = torch.tensor(list(icons.BACKGROUNDS.values()), dtype=torch.float32)
SCALES, SHIFTS = (1.0, 1.12, 1.24), (-0.07, 0.0, 0.07)
GRID = 32


class Eye:
    """Looks for ``names`` in ``styles``."""

    def __init__(self, data: icons.Icons, names: list[str], styles: tuple[str, ...] = ("noto",)) -> None:
        self.names, self.styles = names, styles
        colours, cover, self.owner = [], [], []
        for number, style in enumerate(styles):
            rgba = data.of(style, names).float() / 255
            rgba = torch.cat([rgba[:, :3] * rgba[:, 3:], rgba[:, 3:]], 1)
            for scale in SCALES:
                for mirror in (1.0, -1.0):
                    for x in SHIFTS:
                        for y in SHIFTS:
                            theta = torch.tensor([[scale * mirror, 0, x], [0, scale, y]]).expand(len(names), 2, 3)
                            grid = F.affine_grid(theta, list(rgba.shape), align_corners=False)
                            seen = F.grid_sample(rgba, grid, padding_mode="zeros", align_corners=False)
                            small = F.adaptive_avg_pool2d(seen, GRID)
                            colours.append(small[:, :3].half())
                            cover.append(small[:, 3:].half())
                            self.owner += [(number, index) for index in range(len(names))]
        self.colours, self.cover = torch.cat(colours), torch.cat(cover)

    def background(self, pictures: Tensor) -> Tensor:
        """Index of the nearest of the ten backgrounds, by the median of the border. pictures: [B, 3, S, S] in −1…1."""
        seen = (pictures + 1) * 127.5
        edge = torch.cat([seen[:, :, :3].flatten(2), seen[:, :, -3:].flatten(2), seen[:, :, :, :3].flatten(2)], 2)
        return torch.cdist(edge.median(2).values, FLAT).argmin(1)

    @torch.no_grad()
    def look(self, pictures: Tensor) -> list[dict[tuple[str, str], float]]:
        """For each picture the distance to every (style, name), the best over scales, places and hands."""
        ground = FLAT[self.background(pictures)] / 255
        answers = []
        for picture, flat in zip(pictures, ground, strict=True):
            small = F.adaptive_avg_pool2d((picture + 1) / 2, GRID)
            laid = self.colours.float() + flat[:, None, None] * (1 - self.cover.float())
            distance = (laid - small).square().mean((1, 2, 3))
            best = torch.full((len(self.styles) * len(self.names),), float("inf"))
            slots = torch.tensor([s * len(self.names) + n for s, n in self.owner])
            best = best.scatter_reduce(0, slots, distance, "amin")
            answers.append(
                {
                    (style, name): float(best[s * len(self.names) + n])
                    for s, style in enumerate(self.styles)
                    for n, name in enumerate(self.names)
                }
            )
        return answers


def nearest(distances: dict[tuple[str, str], float]) -> tuple[str, str]:
    return min(distances, key=distances.__getitem__)
