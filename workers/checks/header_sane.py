"""What a sound header may still have that its owner should know of."""

from collections.abc import Iterator

from workers.messages import Finding
from workers.plugins import OpenedFile

# The largest honest headers hold some megabytes of tag counts.
LONG_HEADER_BYTES = 8 * 1024**2


class HeaderSane:
    """Remarks of the reader, an empty file, a header that slows every program down. Broken headers never get here."""

    header_only = True

    def findings(self, file: OpenedFile) -> Iterator[Finding]:
        if file.header is None:
            return
        for remark in file.header.remarks:
            yield Finding("note", remark)
        if not file.header.tensors:
            yield Finding("warning", "The file holds no tensors at all.")
        elif not any(info.end > info.start for info in file.header.tensors.values()):
            yield Finding("warning", "Every tensor of the file is empty.")
        if file.header.data_start > LONG_HEADER_BYTES:
            yield Finding(
                "warning",
                f"The header alone takes {file.header.data_start:,} bytes, which programs read before anything else.",
            )


check = HeaderSane()
