"""The engine's libraries, imported once and by one thread: diffusers fills its modules in as they are asked for, and a
second thread that asks meanwhile finds them half empty."""

from workers.once import once


@once
def entered() -> None:
    """Import whatever drawing needs, if it is not there yet: some seconds, the first time."""
    from workers.engine import batch, cache, folder, opening, png, text  # noqa: F401
