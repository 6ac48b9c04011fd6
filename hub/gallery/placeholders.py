"""What stands where a picture will be: its blurhash as twelve squares of colour, drawn by the page itself."""

from __future__ import annotations

import math
from functools import lru_cache

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
ACROSS, DOWN = 4, 3


def _number(text: str) -> int:
    value = 0
    for letter in text:
        value = value * 83 + DIGITS.index(letter)
    return value


def _light(level: int) -> float:
    """Linear light of an sRGB level."""
    share = level / 255
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4


def _level(light: float) -> int:
    share = min(max(light, 0.0), 1.0)
    return round(255 * (share * 12.92 if share <= 0.0031308 else 1.055 * share ** (1 / 2.4) - 0.055))


@lru_cache(maxsize=4096)
def colours(blurhash: str) -> tuple[str, ...]:
    """Twelve colours, row by row (blurha.sh's algorithm); none for a text that is no blurhash."""
    try:
        size = _number(blurhash[:1])
        wide, high = size % 9 + 1, size // 9 + 1
        if len(blurhash) != 4 + 2 * wide * high:
            return ()
        most = (_number(blurhash[1]) + 1) / 166
        mean = _number(blurhash[2:6])
        waves = [(_light(mean >> 16), _light(mean >> 8 & 255), _light(mean & 255))]
        for place in range(1, wide * high):
            value = _number(blurhash[4 + 2 * place : 6 + 2 * place])
            parts = (value // 361, value // 19 % 19, value % 19)
            waves.append(tuple(math.copysign(((part - 9) / 9) ** 2, part - 9) * most for part in parts))  # type: ignore[arg-type]
    except (ValueError, IndexError):
        return ()
    found = []
    for row in range(DOWN):
        for column in range(ACROSS):
            red = green = blue = 0.0
            for place, (r, g, b) in enumerate(waves):
                share = math.cos(math.pi * (column + 0.5) / ACROSS * (place % wide)) * math.cos(
                    math.pi * (row + 0.5) / DOWN * (place // wide)
                )
                red, green, blue = red + r * share, green + g * share, blue + b * share
            found.append(f"#{_level(red):02x}{_level(green):02x}{_level(blue):02x}")
    return tuple(found)


@lru_cache(maxsize=4096)
def svg(blurhash: str) -> SafeString:
    """The colours as an inline picture; attributes only, so that a strict content policy has nothing to refuse."""
    if not (found := colours(blurhash)):
        return SafeString("")
    squares = format_html_join(
        "",
        '<rect x="{}" y="{}" width="1" height="1" fill="{}"/>',
        ((place % ACROSS, place // ACROSS, colour) for place, colour in enumerate(found)),
    )
    return format_html(
        '<svg class="blur" viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true">{}</svg>',
        ACROSS, DOWN, squares,
    )  # fmt: skip
