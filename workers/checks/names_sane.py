"""Tensors' names become file names, HTML and dictionary keys in other programs: none may be dressed up as more."""

import re
from collections.abc import Callable, Iterator

from workers.files.text import BIDI, CONTROL, MARKUP, evidence
from workers.messages import Finding
from workers.plugins import OpenedFile

LONG_NAME = 512
TRAVERSAL = re.compile(r"(^|[\\/])\.\.([\\/]|$)|^[\\/]|^[A-Za-z]:[\\/]")

# What breaks the rule, and how one name and how several that break it are told of.
RULES: tuple[tuple[Callable[[str], object], str, str], ...] = (
    (TRAVERSAL.search, "looks like a path out of a folder", "look like paths out of a folder"),
    (MARKUP.search, "holds HTML or a script", "hold HTML or a script"),
    (BIDI.search, "turns the reading direction, so it is not what it seems", "turn the reading direction"),
    (CONTROL.search, "holds control characters", "hold control characters"),
    (lambda name: len(name) > LONG_NAME, f"is longer than {LONG_NAME} letters", f"are longer than {LONG_NAME} letters"),
    (lambda name: not name.strip(), "is blank", "are blank"),
)
# All that trainers write; one match a name keeps thousands of honest names quick.
PLAIN = re.compile(r"[A-Za-z0-9_.:<>|\-]{1,512}\Z")


class NamesSane:
    """Warnings for names that are traps; the file itself may still be sound."""

    header_only = True

    def findings(self, file: OpenedFile) -> Iterator[Finding]:
        if file.header is None:
            return
        names = [name for name in file.header if "<" in name or ".." in name or not PLAIN.match(name)]
        for breaks, one, several in RULES:
            if found := [name for name in names if breaks(name)]:
                sentence = f"A tensor's name {one}." if len(found) == 1 else f"{len(found):,} tensors' names {several}."
                yield Finding("warning", sentence, evidence(min(found, key=len)), public=True)


check = NamesSane()
