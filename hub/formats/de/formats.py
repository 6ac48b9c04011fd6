"""German, but with a point: weights, CFG and sliders are written as prompts and recipes write them."""

DECIMAL_SEPARATOR = "."
THOUSAND_SEPARATOR = " "
