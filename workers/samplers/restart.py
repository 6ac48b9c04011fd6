"""Restart (arXiv 2306.14878): Heun's steps, and near the end back up by fresh noise to go down once more.

The numbers of steps given to the way back are those people know from A1111: nothing below 20 steps, one way back of
nine steps from 20 on, two of a quarter of the steps from 36 on; from sigma 0.1 up to 2.
"""

import itertools
import math

from workers.plugins import Ask
from workers.samplers.maths import slope
from workers.samplers.schedules import between

FROM, UP_TO = 0.1, 2.0


def path(sigmas):
    """Pairs (from, to) of sigmas, those of the ways back included, for the schedule that was asked for."""
    count = len(sigmas) - 1
    back, times = (0, 0) if count < 20 else (9, 1) if count < 36 else (count // 4, 2)
    if not times:
        return list(itertools.pairwise(sigmas))
    own = [*between(sigmas[0], sigmas[-2], count - back * times), 0.0]
    turn = min(range(len(own)), key=lambda n: abs(own[n] - FROM))
    top = min(range(len(own)), key=lambda n: abs(own[n] - UP_TO))
    pairs = []
    for number, pair in enumerate(itertools.pairwise(own)):
        pairs.append(pair)
        if number + 1 == turn and top < turn:
            pairs += list(itertools.pairwise(between(own[top], own[turn], back + 1))) * times
    return pairs


class Restart:
    names = ("Restart", "restart", "restart_sampler")
    schedule = "Karras"
    evaluations = 2
    discards = False

    def sample(self, x, sigmas, noise):
        last, pairs = sigmas[0], path(sigmas)
        for number, (sigma, after) in enumerate(pairs):
            step = number * (len(sigmas) - 1) // len(pairs)
            if sigma > last:
                x = x + noise.draw() * math.sqrt(sigma**2 - last**2)
            denoised = yield Ask(x, sigma, step)
            here = slope(x, sigma, denoised)
            ahead = x + here * (after - sigma)
            if after > 0:
                denoised = yield Ask(ahead, after, step)
                ahead = x + (here + slope(ahead, after, denoised)) / 2 * (after - sigma)
            x, last = ahead, after
        return x


sampler = Restart()
