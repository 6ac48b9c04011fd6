"""UniPC (arXiv 2302.04867): a predictor and a corrector of the same order that share their calls, order 3, B(h) = h.

Written for clean pictures (data prediction), in log-SNR; the order rises at the beginning and falls at the end. As
its authors and A1111 run it, its steps lie evenly in time and the last one ends at the first training step's noise;
where a schedule reaches that by itself, the last step is the clean picture.
"""

import itertools
import math

from workers.plugins import Ask
from workers.samplers.schedules import model_sigmas

ORDER = 3


def solved(matrix, right):
    """The solution of a small system of linear equations (lists of floats), by elimination."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    size = len(rows)
    for at in range(size):
        best = max(range(at, size), key=lambda n: abs(rows[n][at]))
        rows[at], rows[best] = rows[best], rows[at]
        for other in range(size):
            if other != at:
                factor = rows[other][at] / rows[at][at]
                rows[other] = [value - factor * mine for value, mine in zip(rows[other], rows[at], strict=True)]
    return [row[-1] / row[at] for at, row in enumerate(rows)]


def weights(strides, stride, order):
    """(predictor's, corrector's) weights of the differences; ``strides`` are those of older points, as parts of it."""
    points = [*strides[: order - 1], 1.0]
    power, factorial = math.expm1(-stride) / -stride - 1, 1.0
    matrix, right = [], []
    for row in range(order):
        matrix.append([point**row for point in points])
        right.append(power * factorial / -stride)
        factorial *= row + 2
        power = power / -stride - 1 / factorial
    ahead = [] if order == 1 else [0.5] if order == 2 else solved([row[:-1] for row in matrix[:-1]], right[:-1])
    return ahead, [0.5] if order == 1 else solved(matrix, right)


class UniPc:
    names = ("UniPC", "unipc", "uni_pc", "k_unipc")
    schedule = "SGM Uniform"
    evaluations = 1
    discards = False
    by_steps = True

    def sample(self, x, sigmas, noise):
        # In the model's own scale, where a picture and its noise have together the variance 1.
        def mixed(sigma):
            return 1 / math.sqrt(1 + sigma**2), sigma / math.sqrt(1 + sigma**2)

        count, least = len(sigmas) - 1, model_sigmas()[0]
        if sigmas[-2] > least * 1.001:
            sigmas = [*sigmas[:-1], least]
        known: list = []  # (log-SNR, clean picture), newest first
        correct = None
        for step, (sigma, after) in enumerate(itertools.pairwise(sigmas)):
            denoised = yield Ask(x, sigma, step)
            if correct is not None:
                x = correct(denoised)
            known = [(-math.log(sigma), denoised), *known[: ORDER - 1]]
            if after == 0:
                return denoised
            order = min(ORDER, step + 1, count - step)
            stride = math.log(sigma / after)
            strides = [(at - known[0][0]) / stride for at, _ in known[1:order]]
            differences = [(m - denoised) / s for (_, m), s in zip(known[1:order], strides, strict=True)]
            ahead, behind = weights(strides, stride, order)
            (alpha, share), (_, share_before) = mixed(after), mixed(sigma)
            base = x * (mixed(sigma)[0] * share / share_before) - denoised * (alpha * math.expm1(-stride))

            def moved(terms, base=base, alpha=alpha, stride=stride):
                total = sum((d * w for d, w in terms), start=0.0)
                return (base + total * (alpha * stride)) / alpha

            def correct(new, moved=moved, terms=differences, old=denoised, behind=behind):
                return moved([*zip(terms, behind[:-1], strict=True), (new - old, behind[-1])])

            x = moved(list(zip(differences, ahead, strict=True)))
        return x / math.sqrt(1 + least**2)


sampler = UniPc()
