"""Names on the target: spelled as the user wants them, unless PostgreSQL cannot take them.

PostgreSQL cuts names at 63 bytes, keeps tables, indexes, sequences and views in one namespace per schema, and
reserves the names of its system columns. A name that cannot stay gets `_` and eight hexadecimal digits of its
SHA-1, so that every run finds the same one.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal, TypeAlias

from migration.schema.ddl import NAME_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

#: postgresql.org/docs/current/ddl-system-columns.html
SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})

#: rule: the user's rules give it; library: the library that made the file calls it so; policy: --names spells
#: it so; long: more than 63 bytes; taken: another object has the name, or PostgreSQL itself.
Why = Literal["rule", "library", "policy", "long", "taken"]
#: Told the kind of a renamed object, where it belongs, its name, the chosen one, and why.
Report: TypeAlias = "Callable[[str, str, str, str, Why], None]"


def fit(name: str) -> str:
    """The name itself if PostgreSQL keeps it whole; otherwise its beginning and a mark made of all of it."""
    return name if name and len(name.encode()) <= NAME_LIMIT else marked(name)


def marked(name: str, seed: str | None = None) -> str:
    """The beginning of the name with `_` and eight digits made from the seed (default: the name)."""
    suffix = "_" + hashlib.sha1((seed or name).encode(), usedforsecurity=False).hexdigest()[:8]
    kept = name.encode()[: NAME_LIMIT - len(suffix)].decode(errors="ignore")
    return kept + suffix


def _as_it_is(name: str) -> str:
    return name


class Namespace:
    """Names that must differ from each other.

    Args:
        report: told of each name that differs from the source's.
        spell: how the user wants names to be spelled.
    """

    def __init__(self, report: Report, spell: Callable[[str], str] = _as_it_is) -> None:
        self._taken: set[str] = set()
        self._report = report
        self._spell = spell

    def reserve(self, names: Iterable[str]) -> None:
        """Keep these names from being given out."""
        self._taken.update(names)

    def take(
        self,
        name: str,
        seed: str,
        *,
        kind: str = "constraint",
        wanted: str | None = None,
        by: Literal["rule", "library"] = "rule",
    ) -> str:
        """Give out this name, or one like it that is free.

        Args:
            name: as the source spells it.
            seed: the object's path, or where it belongs: makes the digits of a name that is not free.
            kind: what is named, for the report.
            wanted: another name that it should have.
            by: who wants that.
        """
        spelled = wanted or self._spell(name)
        chosen, attempt = fit(spelled), 0
        while chosen in self._taken:
            attempt += 1
            chosen = marked(spelled, f"{seed}.{name}" if attempt == 1 else f"{seed}.{name}.{attempt}")
        self._taken.add(chosen)
        if chosen != name:
            self._report(kind, seed, name, chosen, _why(spelled, chosen, attempt, by if wanted else "policy"))
        return chosen

    def take_all(
        self, names: Iterable[tuple[str, str, str]], renamed: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """Give out several names: first those of the user's rules, then those that can stay, then the others.

        Args:
            names: name, seed and kind of each.
            renamed: the names that the user's rules give.
        """
        wanted, listed = renamed or {}, list(names)
        stays = {name: self._spell(name) == name and fit(name) == name for name, _, _ in listed}
        order = sorted(listed, key=lambda item: (item[0] not in wanted, not stays[item[0]]))
        given = {
            name: self.take(name, seed, kind=kind, wanted=wanted.get(name)) for name, seed, kind in order
        }
        return {name: given[name] for name, _, _ in listed}

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


def _why(spelled: str, chosen: str, attempt: int, usual: Why) -> Why:
    if attempt:
        return "taken"
    return usual if chosen == spelled else "long"


def column_names(
    columns: Iterable[str],
    report: Report,
    spell: Callable[[str], str] = _as_it_is,
    renamed: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The target's name of each column of one table."""
    namespace = Namespace(report, spell)
    namespace.reserve(SYSTEM_COLUMNS)
    return namespace.take_all(((column, "column", "column") for column in columns), renamed)
