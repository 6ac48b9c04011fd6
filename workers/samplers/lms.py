"""Linear multistep (Adams–Bashforth, up to four slopes) over uneven sigmas."""

from workers.plugins import Ask
from workers.samplers.maths import slope


def weight(sigmas, step, order, place):
    """∫ of the Lagrange polynomial that is 1 at the slope ``place`` steps back and 0 at the others, over this step."""
    coefficients, divisor = [1.0], 1.0
    for other in range(order):
        if other == place:
            continue
        root = sigmas[step - other]
        divisor *= sigmas[step - place] - root
        # Multiply the polynomial (lowest power first) by (σ - root).
        raised = [0.0, *coefficients]
        coefficients = [high - root * low for high, low in zip(raised, [*coefficients, 0.0], strict=True)]

    def integral(at):
        return sum(c * at ** (power + 1) / (power + 1) for power, c in enumerate(coefficients))

    return (integral(sigmas[step + 1]) - integral(sigmas[step])) / divisor


class LinearMultistep:
    names = ("LMS", "lms", "k_lms")
    schedule = "Uniform"
    evaluations = 1
    discards = False

    def sample(self, x, sigmas, noise):
        slopes: list = []
        for step, sigma in enumerate(sigmas[:-1]):
            denoised = yield Ask(x, sigma, step)
            slopes = [slope(x, sigma, denoised), *slopes[:3]]
            for place, known in enumerate(slopes):
                x = x + known * weight(sigmas, step, len(slopes), place)
        return x


sampler = LinearMultistep()
