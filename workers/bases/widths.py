"""The one place that knows which family reads a context of which width: what attention's keys are made from.

An adapter shows the width it was made for in its shapes, and a base in its own; the names of modules are the same in
SD1 and SD2. nano reads 64 numbers a token, in SD1's topology: it is ``sd1``, variant ``nano``; nano XL reads 64 of each
of two encoders, in SDXL's. That an SD1 LoRA does not fit nano, nor nano's an SD1 base, shows when it is applied, by the
shapes.
"""

FAMILIES: dict[int, tuple[str, str]] = {
    64: ("sd1", "nano"),
    128: ("sdxl", "nano"),
    768: ("sd1", ""),
    1024: ("sd2", ""),
    1280: ("sdxl", "refiner"),
    2048: ("sdxl", ""),
}
NANO = frozenset(width for width, (_, variant) in FAMILIES.items() if variant == "nano")
# Widths of self-attention that only nano has; 320, 640 and 1280 are SD1's, SD2's and SDXL's alike.
NANO_LEVELS = frozenset({48, 96, 144})


def family(width: int | None) -> tuple[str, str]:
    """(family, variant) of a base whose context is ``width`` numbers wide; two empty strings where none is known."""
    return FAMILIES.get(width or 0, ("", ""))
