"""What an uploaded file may be called, and which kinds of file come in here."""

import unicodedata
from http import HTTPStatus
from pathlib import PurePosixPath

from django.utils.translation import gettext as _

from hub.errors import Refused

LONGEST = 200  # bytes in UTF-8; file systems stop at 255, and people add to a name
# A PNG may carry a textual inversion; inspection says whether it does.
EXTENSIONS = (".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".zip", ".png")
PICTURES = {".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WebP", ".gif": "GIF", ".avif": "AVIF", ".svg": "SVG"}
# Names of devices: Windows cannot save such a file, whatever follows the dot.
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in "123456789¹²³")}
NOT_IN_NAMES = frozenset('/\\<>:"|?*')
# Marks that change the direction of text: "model\u202esrotesnetefas.exe" would be read backwards.
DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class BadName(Refused):
    code, status = "bad-name", HTTPStatus.UNPROCESSABLE_ENTITY


class WrongKind(Refused):
    code, status = "wrong-kind", HTTPStatus.UNPROCESSABLE_ENTITY


def checked_filename(name: str) -> str:
    """``name`` in Unicode's composed form (NFC), if it can be saved under any system and is a kind of file we take.

    Raises `BadName` or `WrongKind`.
    """
    name = unicodedata.normalize("NFC", name).strip(" ")
    if not name:
        raise BadName(_("The file has no name."))
    if any(unicodedata.category(letter) in {"Cc", "Cs"} or letter in DIRECTION for letter in name):
        raise BadName(_("The file's name holds control characters. Rename it and try again."))
    if found := sorted(NOT_IN_NAMES & set(name)):
        raise BadName(_("A file's name cannot hold %s here. Rename it and try again.") % " ".join(found))
    if name.startswith(".") or name.endswith("."):
        raise BadName(_("A file's name cannot begin or end with a dot. Rename it and try again."))
    if len(name.encode()) > LONGEST:
        raise BadName(_("The file's name is longer than %d bytes. Give it a shorter one.") % LONGEST)
    if name.split(".")[0].strip().lower() in DEVICES:
        raise BadName(_("%s is the name of a device on Windows. Rename the file and try again.") % name.split(".")[0])
    return _of_a_known_kind(name)


def _of_a_known_kind(name: str) -> str:
    extension = PurePosixPath(name).suffix.lower()
    if extension in PICTURES:
        raise WrongKind(_("This is a picture (%s). Pictures are added on the model's page.") % PICTURES[extension])
    if extension not in EXTENSIONS:
        told = {"extension": extension, "kinds": ", ".join(EXTENSIONS)}
        if extension:
            raise WrongKind(_("“%(extension)s” files are not taken here. These are: %(kinds)s.") % told)
        raise WrongKind(_("A file without an extension is not taken here. These are: %(kinds)s.") % told)
    return name


def model_name_of(filename: str) -> str:
    """A first guess at a model's name: the file's, without extension, with spaces for its dashes."""
    return " ".join(PurePosixPath(filename).stem.replace("_", " ").replace("-", " ").split())[:120]
