"""German, but with a point: weights, CFG and sliders are written as prompts and recipes write them."""

DATE_FORMAT = "j. N Y"
DATETIME_FORMAT = "j. N Y H:i"
DECIMAL_SEPARATOR = "."
THOUSAND_SEPARATOR = "\u202f"  # narrow, and no line breaks there
