"""A line of progress in a terminal: rewritten in place where it is one, said once where it is a file."""

from __future__ import annotations

import time
from typing import Any

WIDTH = 24
EVERY = 0.1


class Line:
    """What is done with one thing. ``stream``: where it is said."""

    def __init__(self, stream: Any, title: str) -> None:
        self.stream, self.title, self.last, self.long = stream, title, 0.0, 0
        self.live = bool(getattr(stream, "isatty", lambda: False)())

    def bar(self, words: str, done: int, total: int) -> None:
        """``done`` of ``total`` bytes."""
        if not self.live or (time.monotonic() - self.last < EVERY and done < total):
            return
        self.last = time.monotonic()
        full = WIDTH * done // max(1, total)
        self._put(f"{self.title}  [{'#' * full}{'.' * (WIDTH - full)}] {100 * done // max(1, total):3d} %  {words}")

    def say(self, words: str) -> None:
        """In the middle of it."""
        if self.live:
            self._put(f"{self.title}  {words}")

    def end(self, words: str) -> None:
        """The last word, which stays."""
        self._put(f"{self.title}  {words}")
        self.stream.write("\n")

    def _put(self, text: str) -> None:
        start = "\r" if self.live else ""
        self.stream.write(start + text + " " * max(0, self.long - len(text)))
        self.long = len(text)
        self.stream.flush()
