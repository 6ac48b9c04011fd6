"""What modules a file holds, by the names and shapes of its tensors alone: the part that every upload waits for.

Most files are a table: every module has the same roles, in the same order. Then nothing is done for each module but to
cut its name and to put it to those of its shapes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from workers.plugins import by_ending

if TYPE_CHECKING:
    from workers.adapters.modules import OfModules

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]

BUNDLED = "bundle_emb."  # inversions inside a LoRA: bundle_emb.<word>.<the inversion's own key>


@dataclass
class Survey:
    """A file's modules: whose each is, its role → key and → shape. ``orphans``: their roles make no type complete.
    ``alike``: the modules in groups of the same roles and shapes: a file has some dozens of them, in thousands."""

    kind: str = ""
    modules: dict[str, OfModules] = field(default_factory=dict)
    table: Table | dict[str, dict[str, str]] = field(default_factory=dict)
    shapes: dict[str, dict[str, Shape]] = field(default_factory=dict)
    orphans: list[str] = field(default_factory=list)
    bundled: list[str] = field(default_factory=list)
    alike: list[list[str]] = field(default_factory=list)

    @cached_property
    def roles(self) -> dict[str, dict[str, str]]:
        """Module → role → key. Who only asks what a file is needs none of it."""
        table = self.table
        if isinstance(table, Table):
            rows = [dict(zip(table.roles, row, strict=True)) for row in zip(*table.keys, strict=True)]
            table = dict(zip(table.modules, rows, strict=True))
        return {module: table[module] for module in self.modules} if len(self.modules) < len(table) else table

    @property
    def claimed(self) -> frozenset[str]:
        """Every key that has a place in a module, or in an inversion inside."""
        if isinstance(self.table, Table) and len(self.modules) == len(self.table.modules):
            return frozenset(chain(self.bundled, *self.table.keys))
        return frozenset(self.bundled).union(*map(dict.values, self.roles.values()))

    def asked(self, module: str, question: Callable[[OfModules, Shapes], int | None]) -> int | None:
        """A type's answer (`reads` or `ranks`) for one of its modules; None where its shapes are odd."""
        plug = self.modules[module]
        try:
            return getattr(plug, question.__name__)(self.shapes[module])
        except IndexError:
            return None

    def kinds(self) -> dict[str, int]:
        """Slug → how many modules are of it."""
        counts: dict[str, int] = {}
        for group in self.alike:
            slug = self.modules[group[0]].slug
            counts[slug] = counts.get(slug, 0) + len(group)
        return counts


def survey(endings: Mapping[str, list[str]], shapes_of: Callable[[Iterable[str]], Iterable[Shape]]) -> Survey:
    """What modules a file holds, whose keys by `by_ending` are ``endings``; ``shapes_of`` are those of keys."""
    found = Survey()
    columns: list[Column] = []
    table = _suffixes()
    for ending, keys in endings.items():
        if ending in table:
            columns += _columns(ending, keys, table[ending])
        elif BUNDLED in "\n".join(keys):
            found.bundled += [key for key in keys if key.startswith(BUNDLED) and key.count(".") > 1]
    found.table = _table(columns) or _mixed(columns, endings)
    for held, their, alike in _sorted(found.table, shapes_of):
        shapes = dict(zip(held, their, strict=True))
        if of := owner(shapes):
            found.modules |= dict.fromkeys(alike, of)
            found.shapes |= dict.fromkeys(alike, shapes)
            found.alike.append(alike)
        elif shapes.keys() != {"alpha"}:
            found.orphans += alike
    counts = found.kinds()
    by_slug = {plug.slug: plug for plug in _plugs()}
    found.kind = max(counts, key=lambda slug: (by_slug[slug].rank, counts[slug]), default="")
    return found


class Table(NamedTuple):
    """Modules that all have the same roles, as in most files; ``keys``: for each role, those of all modules."""

    roles: tuple[str, ...]
    modules: list[str]
    keys: list[list[str]]


Column = tuple[str, list[str], list[str]]  # a role, the modules that have it, their keys


def _columns(ending: str, keys: list[str], suffixes: list[tuple[str, str]]) -> Iterator[Column]:
    """``keys``, which all end in ``ending`` as `by_ending` has it, by the role that each has in its module."""
    for suffix, role in suffixes:
        length = -len(suffix)
        if suffix == f".{ending}":  # then it says no more of a key than that a module stands before it
            if ending in keys:
                keys = [key for key in keys if key != ending]
            yield role, [key[:length] for key in keys], keys
            return
        if mine := [key for key in keys if key.endswith(suffix)]:
            yield role, [key[:length] for key in mine], mine
            keys = [key for key in keys if not key.endswith(suffix)]


def _table(columns: Sequence[Column]) -> Table | None:
    """None where modules have not the same roles, or not in the same order."""
    roles = tuple([role for role, _, _ in columns])
    if not columns or "on_input" in roles or len(set(roles)) < len(roles):
        return None
    modules = columns[0][1]
    if any(other != modules for _, other, _ in columns) or len(set(modules)) < len(modules):
        return None
    return Table(roles, modules, [keys for _, _, keys in columns])


def _mixed(columns: Sequence[Column], endings: Mapping[str, list[str]]) -> dict[str, dict[str, str]]:
    roles: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for role, modules, keys in columns:
        for module, key in zip(modules, keys, strict=True):
            roles[module][role] = key
    _companions(endings, roles)
    return dict(roles)


def _sorted(
    table: Table | dict[str, dict[str, str]], shapes_of: Callable[[Iterable[str]], Iterable[Shape]]
) -> Iterator[tuple[tuple[str, ...], tuple[Shape, ...], list[str]]]:
    """(roles, their shapes, the modules of just these): a file has some dozens of them, in thousands of modules."""
    if isinstance(table, Table):
        alike: defaultdict[tuple[Shape, ...], list[str]] = defaultdict(list)
        for module, shapes in zip(table.modules, zip(*map(shapes_of, table.keys), strict=True), strict=True):
            alike[shapes].append(module)
        yield from ((table.roles, shapes, modules) for shapes, modules in alike.items())
        return
    every = iter(shapes_of(chain.from_iterable(map(dict.values, table.values()))))
    groups: defaultdict[tuple[tuple[str, ...], tuple[Shape, ...]], list[str]] = defaultdict(list)
    for module, held in table.items():
        groups[tuple(held), tuple(islice(every, len(held)))].append(module)
    yield from ((roles, shapes, modules) for (roles, shapes), modules in groups.items())


def _companions(endings: Mapping[str, list[str]], roles: Mapping[str, dict[str, str]]) -> None:
    """(IA)3 calls its numbers ``weight``, which is the ending of half of all keys: they are sought by their module."""
    for module, held in roles.items():
        if "on_input" in held:
            key = f"{module}.weight"
            if key in endings.get(f"{module.rpartition('.')[2]}.weight", ()):
                held["scales"] = key


def owner(shapes: Shapes) -> OfModules | None:
    """The type whose module has these roles; None where they make none complete."""
    # Roles and kernels decide; a file has a few combinations of them, in thousands of modules.
    return _owner(tuple(shapes), tuple([shape[2:] for shape in shapes.values()]))


@lru_cache(1024)
def _owner(roles: tuple[str, ...], kernels: tuple[Shape, ...]) -> OfModules | None:
    shapes = {role: (1, 1, *kernel) for role, kernel in zip(roles, kernels, strict=True)}
    return next((plug for plug in _plugs() if plug.owns(shapes)), None)


@cache
def _plugs() -> tuple[OfModules, ...]:
    """The types of this sort; those that say more are asked first."""
    from workers.adapters import ADAPTERS
    from workers.adapters.modules import OfModules

    return tuple(sorted((p for p in ADAPTERS.values() if isinstance(p, OfModules)), key=lambda plug: -plug.rank))


@cache
def _suffixes() -> dict[str, list[tuple[str, str]]]:
    """Ending as `by_ending` calls it → (how a key ends, its role), the longest first."""
    table: dict[str, list[tuple[str, str]]] = {}
    every = {suffix: role for plug in _plugs() for suffix, role in plug.endings.items()}
    for suffix in sorted(every, key=len, reverse=True):
        (ending,) = by_ending([f"x{suffix}"])
        table.setdefault(ending, []).append((suffix, every[suffix]))
    return table
