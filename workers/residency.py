"""Which bases this process has open, for those who send it work; told by the engine, which alone imports torch."""

from __future__ import annotations

from collections.abc import Iterable

_open: tuple[str, ...] = ()


def tell(bases: Iterable[object]) -> None:
    """These bases, by SHA-256, are open now."""
    global _open
    _open = tuple(map(str, bases))


def bases() -> tuple[str, ...]:
    return _open
