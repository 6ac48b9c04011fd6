"""A description as people wrote it, made safe to show: Markdown and simple HTML, no scripts, pictures of this hub."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from functools import cache

import nh3
from django.conf import settings
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

TAGS = {
    "a", "abbr", "b", "blockquote", "br", "code", "dd", "del", "dl", "dt", "em", "h3", "h4", "h5", "h6", "hr", "i",
    "img", "ins", "kbd", "li", "ol", "p", "pre", "s", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead",
    "tr", "u", "ul",
}  # fmt: skip
ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt", "title", "width", "height"}, "ol": {"start"}}
HEADINGS = {"h1": "h3", "h2": "h4", "h3": "h5", "h4": "h6", "h5": "h6", "h6": "h6"}  # below the page's own


@cache
def _parser() -> MarkdownIt:
    # Descriptions that come from elsewhere are HTML: it passes here, and everything is cleaned below.
    return MarkdownIt("commonmark", {"html": True, "maxNesting": 30}).enable(["table", "strikethrough"])


def _from_here(tag: str, name: str, value: str) -> str | None:
    """Pictures come from this hub: others would tell strangers who reads the page, and may change behind it."""
    if tag == "img" and name == "src":
        path = value.removeprefix(settings.PUBLIC_URL)
        return path if path.startswith("/image/") and ".." not in path else None
    return value


class _Kept:
    """The texts rendered last, as long as they take little memory: lists show the same hundred again and again."""

    def __init__(self, most: int) -> None:
        self._most, self._size = most, 0
        self._html: OrderedDict[bytes, SafeString] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: bytes) -> SafeString | None:
        with self._lock:
            if (html := self._html.get(key)) is not None:
                self._html.move_to_end(key)
            return html

    def put(self, key: bytes, html: SafeString) -> None:
        with self._lock:
            if key not in self._html:
                self._html[key] = html
                self._size += len(html)
            while self._size > self._most:
                self._size -= len(self._html.popitem(last=False)[1])


_kept = _Kept(4 * 1024**2)


def rendered(text: str) -> SafeString:
    """Safe HTML of a Markdown text; empty for an empty one."""
    if not text.strip():
        return SafeString("")
    key = hashlib.blake2b(f"{settings.PUBLIC_URL}\n{text}".encode("utf-8", "replace"), digest_size=16).digest()
    if (html := _kept.get(key)) is None:
        html = _render(text)
        _kept.put(key, html)
    return html


def _render(text: str) -> SafeString:
    parser = _parser()
    tokens = parser.parse(text)
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = HEADINGS[token.tag]
    html = nh3.clean(
        parser.renderer.render(tokens, parser.options, {}),
        tags=TAGS,
        attributes=ATTRIBUTES,
        attribute_filter=_from_here,
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow noopener ugc",
    )
    return mark_safe(html)  # noqa: S308  cleaned by nh3 in the line above
