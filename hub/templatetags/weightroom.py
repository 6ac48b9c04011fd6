"""Filters and tags that every page may use (registered as builtins): numbers, times and plates in the hub's words."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import redis
from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from hub import queue
from hub.accounts.levels import LEVELS, blurred
from hub.told import in_words
from workers.messages import Sandbox

register = template.Library()

# What stands together in a prompt, and where a line may end in it: {cat|a fox}, __light/sky__, <lora:name:0.8>.
BREAKABLE = re.compile(r"[^\s{}]*\{[^{}]*\}[^\s{}]*|\S+")
ON_ONE_LINE = 24  # letters that have room on any
BREAKS = re.compile(r"(?<=\|)|(?<=/)(?=\w)|(?<=:)(?=[^\W\d])|(?<=[^\W_]_)(?=[^\W_])")


@register.simple_tag(takes_context=True)
def blurred_levels(context: dict[str, Any]) -> str:
    """The content levels that lists blur for this reader, as the style sheet looks for them."""
    mask = blurred(getattr(context.get("request"), "user", None))
    return " ".join(str(bit) for bit in LEVELS if bit & mask)


# What a model's type, or a worker's plug, looks like on the loaded bar; shapes and colours are in weightroom.css.
PLATES = {
    "checkpoint": "base",
    "base": "base",
    "lora": "k-lora",
    "locon": "k-lora",
    "loha": "k-lora",
    "lokr": "k-lora",
    "dora": "k-lora",
    "ia3": "k-lora",
    "oft": "k-lora",
    "boft": "k-lora",
    "glora": "k-lora",
    "full": "k-lora",
    "norm": "k-lora",
    "textualinversion": "k-inversion",
    "hypernetwork": "k-hyper",
    "controlnet": "k-control",
    "t2i_adapter": "k-control",
    "ip_adapter": "k-control",
}
KINDS = {
    "base": gettext_lazy("Base"),
    "lora": "LoRA",
    "locon": "LoCon",
    "loha": "LoHa",
    "lokr": "LoKr",
    "dora": "DoRA",
    "ia3": "(IA)³",
    "oft": "OFT",
    "boft": "BOFT",
    "glora": "GLoRA",
    "controlnet": "ControlNet",
    "t2i_adapter": "T2I-Adapter",
    "ip_adapter": "IP-Adapter",
}


@register.simple_tag
def sandboxes() -> dict[str, Sandbox]:
    """Behind which walls each inspector converts pickles; none where the cache does not answer."""
    try:
        return queue.sandboxes()
    except redis.RedisError:
        return {}


@register.filter
def told(sentence: str) -> str:
    """What a worker said of a file, in the language of this page."""
    return in_words(str(sentence))


@register.filter
def size(value: int | None) -> str:
    """Bytes as people say them: 18.6 MB."""
    number = float(value or 0)
    for unit in ("bytes", "KB", "MB", "GB"):
        if number < 1000 or unit == "GB":
            return f"{number:.0f} {unit}" if unit == "bytes" or number >= 100 else f"{number:.1f} {unit}"
        number /= 1000
    return ""


@register.filter
def count(value: int | None) -> str:
    """A count short enough for a card: 982, 1.2k, 48k, 1.3M. Rounded down, so that 1,999 is not yet 2k."""
    number = int(value or 0)
    if number < 1000:
        return str(number)
    unit, divisor = ("k", 1000) if number < 1_000_000 else ("M", 1_000_000)
    tenths = number * 10 // divisor
    return f"{tenths // 10}{unit}" if tenths >= 1000 or tenths % 10 == 0 else f"{tenths // 10}.{tenths % 10}{unit}"


@register.filter
def breaking(text: str) -> SafeString:
    """A prompt whose choices, wildcards and adapters stand on one line where they are short, and else break between
    their words, never inside one. What is copied of it is as it was."""
    shown, seen = [], 0
    for token in BREAKABLE.finditer(text):
        pieces = BREAKS.split(token[0])
        if len(pieces) > 1:
            broken = format_html_join(SafeString("<wbr>"), "{}", ((piece,) for piece in pieces))
            form = '{}<span class="whole">{}</span>' if len(token[0]) <= ON_ONE_LINE else "{}{}"
            shown.append(format_html(form, text[seen : token.start()], broken))
            seen = token.end()
    return format_html("{}{}", SafeString("".join(shown)), text[seen:])


@register.filter
def cut(text: str, most: int) -> str:
    """At most so many letters of a text, the last an ellipsis where there were more. Django's own filter looks at each
    letter by itself, which is a tenth of the work for a page of prompts."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


@register.filter
def short_hash(value: str | None, keep: int = 10) -> str:
    """A digest shortened in the middle, so that both ends can be compared: 9f3a61c07e…36f0."""
    text = str(value or "")
    return text if len(text) <= keep + 5 else f"{text[:keep]}…{text[-4:]}"


@register.filter
def ago(value: datetime | None) -> str:
    """How long ago, as people say it: just now, 5 minutes ago, yesterday, 3 Nov 2026 after a week."""
    if value is None:
        return ""
    seconds = (timezone.now() - value).total_seconds()
    if seconds < 60:
        return _("just now")
    if seconds < 3600:
        minutes = int(seconds // 60)
        return ngettext("%(n)d minute ago", "%(n)d minutes ago", minutes) % {"n": minutes}
    if seconds < 86_400:
        hours = int(seconds // 3600)
        return ngettext("%(n)d hour ago", "%(n)d hours ago", hours) % {"n": hours}
    days = int(seconds // 86_400)
    if days == 1:
        return _("yesterday")
    if days < 7:
        return _("%(n)d days ago") % {"n": days}
    return date_format(timezone.localtime(value), "DATE_FORMAT")


@register.filter
def ordinal(value: int) -> str:
    """1st, 2nd, 3rd, 11th: a place in line."""
    number = int(value)
    endings = {1: pgettext("ordinal", "st"), 2: pgettext("ordinal", "nd"), 3: pgettext("ordinal", "rd")}
    rest = pgettext("ordinal", "th")
    return f"{number}{rest if 10 <= number % 100 <= 20 else endings.get(number % 10, rest)}"


@register.filter
def weight(value: float | None) -> str:
    """An adapter's weight with one or two decimals: 0.8, 1.0, 0.65, −0.5 (with a true minus)."""
    number = round(float(value or 0), 2) or 0.0
    text = f"{abs(number):.2f}"
    return ("−" if number < 0 else "") + (text[:-1] if text.endswith("0") else text)


@register.filter
def plate(kind: str | None) -> str:
    """The class of ``.kind`` for a model's type (``LORA``) or a worker's plug (``lora``); else ``k-other``."""
    return PLATES.get(str(kind or "").lower().replace("_", "").replace(" ", ""), "k-other")


@register.filter
def kind_name(kind: str | None) -> str:
    """A worker's plug in the field's own spelling: ``lora`` → LoRA; one that is not known here keeps its words."""
    slug = str(kind or "")
    return str(KINDS.get(slug, slug.replace("_", " ").capitalize()))


@register.filter
def about(seconds: float | None) -> str:
    """A duration as people say it: about 4 s, about 3 min, about 2 h."""
    number = float(seconds or 0)
    if number < 90:
        return _("about %(n)d s") % {"n": max(1, round(number))}
    if number < 5400:
        return _("about %(n)d min") % {"n": round(number / 60)}
    return _("about %(n)d h") % {"n": round(number / 3600)}


@register.simple_tag
def icon(name: str) -> SafeString:
    """An icon of ``static/img/icons.svg``. It repeats the words beside it, so it has no name of its own."""
    return format_html(
        '<svg class="icon" viewBox="0 0 20 20" width="18" height="18" aria-hidden="true" focusable="false">'
        '<use href="{}#{}"/></svg>',
        static("img/icons.svg"),
        name,
    )


@register.filter
def has_warning(findings: list[dict[str, str]] | None) -> bool:
    """Whether a file's findings hold more than notes."""
    return any(finding.get("severity") in {"warning", "danger"} for finding in findings or ())


@register.filter
def last_word(path: str) -> str:
    """The last part of an address as words to search for: ``/models/12/ink-wash`` → ``ink wash``; ≤ 60 letters."""
    words = [re.sub(r"[-_.+]+", " ", part).strip() for part in str(path).split("/")]
    return next((word for word in reversed(words) if re.search(r"[^\W\d]", word)), "")[:60]
