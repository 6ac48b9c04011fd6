"""A header's metadata is text from a stranger: programs that trust it have been taken over through it."""

from collections.abc import Iterator

from workers.files.text import BIDI, CONTROL, MARKUP, evidence
from workers.messages import Finding
from workers.metadata import HASH_FIELDS, hash_of
from workers.plugins import OpenedFile

LARGE_BYTES = 20 * 1000**2
# Of each value; a tenth of a second for a million letters at worst, and all headers that are read end at 32 MiB.
LOOKED_AT = 8_000_000


class MetadataSane:
    """Hash fields that are none, markup, control and bidirectional letters, sheer size."""

    header_only = True

    def findings(self, file: OpenedFile) -> Iterator[Finding]:
        if file.header is None:
            return
        metadata = file.header.metadata
        for field in HASH_FIELDS:
            if (value := metadata.get(field)) and value.strip() not in {"None", "null"}:
                yield from _hash_findings(field, value)
        rest = {key: value[:LOOKED_AT] for key, value in metadata.items() if key not in HASH_FIELDS}
        yield from _letters(rest)
        if (total := sum(len(key) + len(value) for key, value in metadata.items())) > LARGE_BYTES:
            yield Finding("warning", f"The metadata takes {total:,} letters; programs read all of it before a tensor.")


def _hash_findings(field: str, value: str) -> Iterator[Finding]:
    if hash_of(value):
        return
    if MARKUP.search(value) or "<" in value or '"' in value:
        # Stable Diffusion web UI 1.10.1 writes sshs_model_hash into its page as it stands.
        sentence = f"The metadata's {field} holds markup, which attacks programs that show it."
        yield Finding("danger", sentence, evidence(value), public=True)
    else:
        yield Finding("warning", f"The metadata's {field} is not a hash; we dropped it.", evidence(value))


def _letters(metadata: dict[str, str]) -> Iterator[Finding]:
    rules = (
        (MARKUP, "HTML or a script; it is only ever shown as text here, other programs may run it"),
        (BIDI, "letters that turn the reading direction"),
        (CONTROL, "control characters"),
    )
    for pattern, what in rules:
        for key, value in metadata.items():
            if found := pattern.search(key) or pattern.search(value):
                start = max(0, found.start() - 40)
                around = evidence(found.string[start : start + 120])
                where = f"{evidence(key)[:80]}: {around}"
                yield Finding("warning", f"The metadata holds {what}.", where, public=True)
                break


check = MetadataSane()
