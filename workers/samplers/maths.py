"""What several samplers need."""

import math
from typing import Any

# Adams–Bashforth for even steps: how many slopes → the coefficient of each, newest first.
BASHFORTH = {1: (1.0,), 2: (3 / 2, -1 / 2), 3: (23 / 12, -16 / 12, 5 / 12), 4: (55 / 24, -59 / 24, 37 / 24, -9 / 24)}


def ancestral(sigma: float, after: float, eta: float = 1.0) -> tuple[float, float]:
    """(where to go down to, how much noise to add) so that a step from ``sigma`` ends at ``after``."""
    up = min(after, eta * math.sqrt(max(after**2 * (sigma**2 - after**2) / sigma**2, 0.0)))
    return math.sqrt(max(after**2 - up**2, 0.0)), up


def slope(x: Any, sigma: float, denoised: Any) -> Any:
    """dx/dσ of the probability flow at ``x``."""
    return (x - denoised) / sigma
