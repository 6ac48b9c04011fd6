"""What people wrote, made safe to show: descriptions are Markdown with simple HTML and pictures of this hub; what is
said of a thing is Markdown alone, in which addresses lead somewhere and names to their people."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from functools import cache
from urllib.parse import quote

import nh3
from django.conf import settings
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

TAGS = {
    "a", "abbr", "b", "blockquote", "br", "code", "dd", "del", "dl", "dt", "em", "h3", "h4", "h5", "h6", "hr", "i",
    "img", "ins", "kbd", "li", "ol", "p", "pre", "s", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead",
    "tr", "u", "ul",
}  # fmt: skip
ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt", "title", "width", "height"}, "ol": {"start"}}
HEADINGS = {"h1": "h3", "h2": "h4", "h3": "h5", "h4": "h6", "h5": "h6", "h6": "h6"}  # below the page's own


MENTION = re.compile(r"(?<![\w@/.])@([A-Za-z0-9][\w.-]{0,95})")
ADDRESS = re.compile(r"\bhttps?://[^\s<>\"]*[^\s<>\".,;:!?)'’”\]]")
SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
SCHEMES = {"http", "https", "mailto", "data"}  # of the last, pictures that are left out
NOBODY: Mapping[str, str] = {}


@cache
def _parser(*, html: bool) -> MarkdownIt:
    # Descriptions that come from elsewhere are HTML: it passes here, and everything is cleaned below.
    parser = MarkdownIt("commonmark", {"html": html, "maxNesting": 30}).enable(["table", "strikethrough"])
    sound = parser.validateLink

    def known(address: str) -> bool:
        """<lora:flat:0.8> is no address, and keeps its brackets."""
        scheme = SCHEME.match(address)
        return sound(address) and (scheme is None or scheme[1].lower() in SCHEMES)

    parser.validateLink = known  # type: ignore[assignment,method-assign]
    return parser


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
    """Safe HTML of a description; empty for an empty one."""
    return _once(text, html=True, people=NOBODY)


def said(text: str, people: Mapping[str, str] = NOBODY) -> SafeString:
    """Safe HTML of what somebody said of a thing. HTML stays the words it is; addresses are links, and so is ``@name``
    where ``people`` has that name in lower case, to whoever it stands for."""
    return _once(text, html=False, people=people)


def names_in(text: str) -> list[str]:
    """Whom ``text`` calls by ``@name``, in lower case, in their order."""
    return list(dict.fromkeys(name.rstrip(".-").lower() for name in MENTION.findall(text)))


def _once(text: str, *, html: bool, people: Mapping[str, str]) -> SafeString:
    if not text.strip():
        return SafeString("")
    called = sorted(people[name] for name in names_in(text) if name in people) if people else []
    whole = "\n".join([settings.PUBLIC_URL, str(html), *called, text])
    key = hashlib.blake2b(whole.encode("utf-8", "replace"), digest_size=16).digest()
    if (found := _kept.get(key)) is None:
        found = _render(text, html, people)
        _kept.put(key, found)
    return found


def _render(text: str, html: bool, people: Mapping[str, str]) -> SafeString:
    parser = _parser(html=html)
    tokens = parser.parse(text)
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = HEADINGS[token.tag]
        if token.children and not html:
            token.children = list(_linked(token.children, people))
    cleaned = nh3.clean(
        parser.renderer.render(tokens, parser.options, {}),
        tags=TAGS,
        attributes=ATTRIBUTES,
        attribute_filter=_from_here,
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow noopener ugc",
    )
    return mark_safe(cleaned)  # noqa: S308  cleaned by nh3 in the line above


def _linked(tokens: list[Token], people: Mapping[str, str]) -> Iterator[Token]:
    """The same words, with links where an address or somebody's name stands outside a link."""
    inside = 0
    for token in tokens:
        inside += {"link_open": 1, "link_close": -1}.get(token.type, 0)
        if token.type != "text" or inside:
            yield token
            continue
        at = 0
        for found in sorted(
            (*ADDRESS.finditer(token.content), *MENTION.finditer(token.content)), key=lambda m: m.start()
        ):
            words, where = found[0], found[0]
            if found.re is MENTION:
                name = found[1].rstrip(".-")
                words, where = f"@{name}", f"/u/{quote(people.get(name.lower(), ''))}"
            if found.start() < at or where == "/u/":
                continue
            yield Token("text", "", 0, content=token.content[at : found.start()])
            yield Token("link_open", "a", 1, attrs={"href": where})
            yield Token("text", "", 0, content=words)
            yield Token("link_close", "a", -1)
            at = found.start() + len(words)
        yield Token("text", "", 0, content=token.content[at:])
