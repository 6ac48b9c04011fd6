"""What several samplers need."""

import math
from typing import Any


def ancestral(sigma: float, after: float, eta: float = 1.0) -> tuple[float, float]:
    """(where to go down to, how much noise to add) so that a step from ``sigma`` ends at ``after``."""
    up = min(after, eta * math.sqrt(max(after**2 * (sigma**2 - after**2) / sigma**2, 0.0)))
    return math.sqrt(max(after**2 - up**2, 0.0)), up


def slope(x: Any, sigma: float, denoised: Any) -> Any:
    """dx/dσ of the probability flow at ``x``."""
    return (x - denoised) / sigma
