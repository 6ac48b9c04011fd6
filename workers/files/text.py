"""Hostile text made harmless to keep and to show: no control, bidirectional or invisible letters, and a bound."""

import re

# C0 and C1 controls but tab and line feed; bidirectional marks and overrides (UAX 9); zero-width letters; the
# byte-order mark; lone surrogates, which no UTF-8 can carry. NUL is among them: PostgreSQL's jsonb refuses it.
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
# What a browser would act on. A word in angle brackets alone is a textual inversion's token or a prompt's `<lora:x:1>`.
MARKUP = re.compile(
    r"<[!/?]|<(?:a|audio|base|body|button|details|embed|form|frame|html|iframe|img|input|link|math|meta|object|script|style"
    r"|svg|template|video)\b|<[a-z][^\s<>/]{0,100}+[\s/][^<>=]{0,1000}+=|javascript:|&#x?[0-9a-f]{1,8};",
    re.IGNORECASE,
)
EVIDENCE_CHARACTERS = 200


def clean(text: str, limit: int) -> str:
    """``text`` without letters that cannot be seen, at most ``limit`` characters, an ellipsis where it was cut."""
    text = UNSEEN.sub("", text[: 2 * limit])
    return text if len(text) <= limit else text[: limit - 1] + "…"


def evidence(text: str) -> str:
    """``text`` as a finding shows it: what cannot be seen is written out as an escape, and cut short."""
    shown = UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text[: 2 * EVIDENCE_CHARACTERS])
    shown = shown.replace("\n", "\\n").replace("\t", "\\t")
    return shown if len(shown) <= EVIDENCE_CHARACTERS else shown[: EVIDENCE_CHARACTERS - 1] + "…"
