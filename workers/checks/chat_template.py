"""A language model's chat template is a program in Jinja, which other tools run as it stands (CVE-2024-34359)."""

import re
from collections.abc import Iterator

from workers.files.text import evidence
from workers.messages import Finding
from workers.plugins import OpenedFile

# What a template has no need of, and every escape from Jinja's sandbox goes through.
ESCAPES = re.compile(
    r"__\w+__|\|\s*attr\s*\(|\b(?:lipsum|cycler|joiner|namespace\.__|self\._|config\.from)\b|\bpopen\b|\bos\s*\.|\bsubprocess\b"
    r"|\\x5f\\x5f|\bimport\s+os\b|\beval\s*\(|\bexec\s*\(",
    re.IGNORECASE,
)


class ChatTemplate:
    """A template that reaches for Python's insides refuses the file; any other is only told of."""

    header_only = True

    def findings(self, file: OpenedFile) -> Iterator[Finding]:
        if file.header is None:
            return
        for key, value in file.header.metadata.items():
            if "chat_template" not in key:
                continue
            if found := ESCAPES.search(value):
                around = value[max(0, found.start() - 40) : found.start() + 120]
                yield Finding(
                    "danger", "The chat template reaches for code outside it, which attacks programs that run it.",
                    f"{evidence(key)[:80]}: {evidence(around)}", public=True,
                )  # fmt: skip
                return
            yield Finding(
                "note", "The file brings a chat template, a small program that other tools run.", evidence(key)
            )
            return


check = ChatTemplate()
