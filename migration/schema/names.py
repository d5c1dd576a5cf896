"""Names on the target: kept exactly, unless PostgreSQL cannot take them.

PostgreSQL cuts names at 63 bytes, keeps tables, indexes, sequences and views in one namespace per schema, and
reserves the names of its system columns. A name that cannot stay gets `_` and eight hexadecimal digits of its
SHA-1, so that every run finds the same one.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from migration.schema.ddl import NAME_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: postgresql.org/docs/current/ddl-system-columns.html
_SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})


def fit(name: str) -> str:
    """The name itself if PostgreSQL keeps it whole; otherwise its beginning and a mark made of all of it."""
    return name if name and len(name.encode()) <= NAME_LIMIT else marked(name)


def marked(name: str, seed: str | None = None) -> str:
    """The beginning of the name with `_` and eight digits made from the seed (default: the name)."""
    suffix = "_" + hashlib.sha1((seed or name).encode(), usedforsecurity=False).hexdigest()[:8]
    kept = name.encode()[: NAME_LIMIT - len(suffix)].decode(errors="ignore")
    return kept + suffix


class Namespace:
    """Names that must differ from each other. `report` is told of each name that could not stay."""

    def __init__(self, report: Callable[[str, str], None]) -> None:
        self._taken: set[str] = set()
        self._report = report

    def reserve(self, names: Iterable[str]) -> None:
        """Keep these names from being given out."""
        self._taken.update(names)

    def take(self, name: str, seed: str) -> str:
        """Give out this name, or one like it that is free, made with the seed (the object's path)."""
        chosen, attempt = fit(name), 0
        while chosen in self._taken:
            attempt += 1
            chosen = marked(name, f"{seed}.{name}" if attempt == 1 else f"{seed}.{name}.{attempt}")
        self._taken.add(chosen)
        if chosen != name:
            self._report(name, chosen)
        return chosen

    def invent(self, table: str, columns: Iterable[str], kind: str) -> str:
        """Give out the name PostgreSQL gives an object without one: table_columns_kind, perhaps numbered.

        Args:
            table: the table's name.
            columns: the names of the columns it is about.
            kind: pkey, key, fkey, check or seq.
        """
        usual = "_".join((table, *columns, kind))
        chosen, attempt = fit(usual), 0
        while chosen in self._taken:
            attempt += 1
            chosen = fit(f"{usual}{attempt}")
        self._taken.add(chosen)
        return chosen


def column_names(columns: Iterable[str], report: Callable[[str, str], None]) -> dict[str, str]:
    """The target's name of each column of one table."""
    namespace = Namespace(report)
    namespace.reserve(_SYSTEM_COLUMNS)
    return {column: namespace.take(column, "column") for column in columns}
