"""How mails are written: lines that any program shows whole, in the language of who reads them, nothing in them that a
stranger chose."""

from __future__ import annotations

import re
import textwrap

from django.conf import settings
from django.utils.translation import gettext as _

from hub.accounts.models import User

WIDE = 76  # letters a line, as mail programs that wrap nothing show it
BROWSERS = {  # a mark in the header → whose it is; the first that is there counts
    "Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "FxiOS": "Firefox", "CriOS": "Chrome", "Chrome": "Chrome",
    "Safari": "Safari",
}  # fmt: skip
SYSTEMS = ("Windows", "Android", "iPhone", "iPad", "Mac OS X", "Linux")


def wrapped(text: str) -> str:
    """The text in lines of at most `WIDE` letters; a line that holds an address or quotes stays as it is."""
    lines = []
    for line in text.splitlines():
        if len(line) <= WIDE or re.match(r"\s*(>|https?://)", line):
            lines.append(line)
        else:
            lines += textwrap.wrap(line, WIDE, break_long_words=False, break_on_hyphens=False)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def quoted(text: str) -> str:
    """What somebody said, as mails quote it: a mark before every line."""
    lines = [part for line in text.splitlines() for part in (textwrap.wrap(line, WIDE - 4) or [""])]
    return "\n".join(f"> {line}".rstrip() for line in lines)


def program_of(user_agent: str) -> str:
    """Which program that is, by names known here: the header's own words are whatever its sender likes."""
    browser = next((name for mark, name in BROWSERS.items() if f"{mark}/" in user_agent), "")
    system = next((name for name in SYSTEMS if name in user_agent), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or _("an unknown program")


def language_of(user: User) -> str:
    """The language that ``user`` reads: as they chose it, or last signed in with."""
    language = user.mail.get("language")
    return language if language in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE


def language_keep(user: User, language: str | None) -> None:
    """Mails to ``user`` are in this language from now on."""
    if language in dict(settings.LANGUAGES) and user.mail.get("language") != language:
        user.mail = user.mail | {"language": language}
        user.save(update_fields=["mail"])
