"""Words as search and names see them: folded in Python, since the bundled server has no ``unaccent``."""

import re
import unicodedata
from pathlib import PurePath

from django.core.exceptions import ValidationError

from hub.accounts.names import check_name

# Letters that do not decompose, and what people type for them.
LETTERS = str.maketrans({"ß": "ss", "ø": "o", "Ø": "o", "đ": "d", "ł": "l", "Ł": "l", "æ": "ae", "œ": "oe", "ı": "i"})
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")
PAGES = {"edit", "delete"}  # addresses below a model
WORD = re.compile(r"[^\W_]+")


def folded(text: str) -> str:
    """``text`` in lower case without accents: what is written to the search tables and what is asked of them."""
    apart = unicodedata.normalize("NFKD", text.translate(LETTERS))
    plain = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return CONTROL.sub(" ", plain).casefold()


def words_of(text: str) -> list[str]:
    """The folded words of ``text``; only letters and digits, so that they are safe inside a ``tsquery``."""
    return WORD.findall(folded(text))


def one_line(text: str, limit: int) -> str:
    """``text`` on one line, without control and direction marks, at most ``limit`` characters."""
    return " ".join(CONTROL.sub(" ", unicodedata.normalize("NFC", text)).split())[:limit].strip()


def tidy(text: str, limit: int) -> str:
    """Longer text: line breaks stay, control and direction marks go, at most ``limit`` characters."""
    return CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))[:limit].strip()


def tag_name(text: str) -> str:
    """A tag as it is stored: folded, on one line, at most 60 characters."""
    return one_line(folded(text), 60)


def trigger_key(text: str) -> str:
    """What a trigger word is known by: its words, folded; the whole of one that has none."""
    return " ".join(words_of(text)) or one_line(folded(text), 200)


def slug_of(name: str) -> str:
    """A slug that obeys the id rules, made from ``name``; ``model`` where nothing of it is usable."""
    slug = re.sub(r"[^a-z0-9._]+", "-", folded(name))
    slug = re.sub(r"[-._]{2,}", "-", slug).strip("-._")[:80].strip("-._")
    slug = slug.removesuffix(".git")
    try:
        if slug in PAGES:
            raise ValidationError("a page of every model")
        check_name(slug)
    except ValidationError:
        slug = f"model-{slug}".rstrip("-") if slug else "model"
    return slug


def stem(filename: str) -> str:
    """A file's name without folders and ending, with spaces for underscores: a first guess at a model's name."""
    return one_line(PurePath(filename.replace("\\", "/")).stem.replace("_", " "), 120)


def camel(text: str) -> str:
    """``WAI illustrious SDXL`` → ``waiIllustriousSDXL``: Civitai's way with names of files."""
    parts = re.findall(r"[A-Za-z0-9.]+", "".join(c for c in unicodedata.normalize("NFKD", text) if c.isascii()))
    if not parts:
        return ""
    first = parts[0].lower() if parts[0].isupper() else parts[0][:1].lower() + parts[0][1:]
    return (first + "".join(part[:1].upper() + part[1:] for part in parts[1:])).strip(".")
