"""German, but with a point: weights, CFG and sliders are written as prompts and recipes write them."""

DATE_FORMAT = "j. M Y"
DATETIME_FORMAT = "j. M Y H:i"
DECIMAL_SEPARATOR = "."
THOUSAND_SEPARATOR = " "
