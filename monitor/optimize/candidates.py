"""Indexes worth trying for an access: equality first, then a range or the order, then what is shown. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from monitor.optimize.statement import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from monitor.optimize.structure import Structure, Table
    from monitor.optimize.terms import Access, Term

_MOST_COLUMNS: Final = 4
_MOST_COVERED: Final = 3
#: Types whose values are small enough to be carried along in an index.
_SMALL: Final = re.compile(r"int|bool|real|double|float|numeric|decimal|date|time", re.IGNORECASE)


@dataclass(frozen=True)
class Candidate:
    """An index that could be made.

    Args:
        table: as written.
        terms: its key, in order.
        where: the condition of a partial index.
        covering: whether its last terms are there only to be read.
    """

    table: str
    terms: tuple[Term, ...]
    where: str | None = None
    covering: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Its terms as CREATE INDEX takes them."""
        return tuple(term.text for term in self.terms)

    def ddl(self, name: str) -> str:
        """Return the statement that makes it."""
        where = f" WHERE {self.where}" if self.where else ""
        return f"CREATE INDEX {quoted(name)} ON {quoted(self.table)} ({', '.join(self.columns)}){where}"

    def name(self, taken: Iterable[str]) -> str:
        """Make a name that says what it is on, and that nothing else has."""
        parts = [self.table, *(term.column or term.sql for term in self.terms)]
        base = re.sub(r"\W+", "_", "ix_" + "_".join(parts)).strip("_").lower()[:55]
        base += "_partial" if self.where else ""
        used = {name.lower() for name in taken}
        return next(name for n in range(1, 1000) if (name := base if n == 1 else f"{base}_{n}") not in used)


def candidates(access: Access, structure: Structure) -> Iterator[Candidate]:
    """Propose indexes for one access, simple ones first; the table's own keys are left out."""
    table = structure.tables[access.table]
    rowid = (table.rowid_column or "").lower()
    equal = _usable([*access.joined, *access.equal], rowid)
    ranged = _usable(access.ranged, rowid)
    seen: set[tuple[tuple[str, ...], str | None]] = set()
    for candidate in _all(access, table, equal, ranged):
        key = (candidate.columns, candidate.where)
        if candidate.terms and key not in seen and not _exists(candidate, table):
            seen.add(key)
            yield candidate


def _all(
    access: Access, table: Table, equal: tuple[Term, ...], ranged: tuple[Term, ...]
) -> Iterator[Candidate]:
    sets = [equal]
    if len(equal) > 1:  # one of them may be selective enough, and serve other queries too
        sets += [(term,) for term in equal]
    bases: list[tuple[Term, ...]] = []
    for first in sets:
        bases += [first, *(_joined(first, (term,)) for term in ranged)]
        for tail in (access.order, access.grouped):
            if tail:
                bases.append(_joined(first, tail))
    bases += [(term,) for term in ranged]
    for base in bases:
        if 0 < len(base) <= _MOST_COLUMNS:
            yield Candidate(table.name, base)
            yield from _partial(access, table, base)
            yield from _covering(access, table, base)


def _partial(access: Access, table: Table, base: Sequence[Term]) -> Iterator[Candidate]:
    for term, condition in access.constant:
        rest = tuple(one for one in base if one.sql != term.sql)
        if rest:
            yield Candidate(table.name, rest, condition)
        elif len(base) == 1:  # only the constant itself is compared: an index of just those rows
            yield Candidate(table.name, tuple(base), condition)


def _covering(access: Access, table: Table, base: Sequence[Term]) -> Iterator[Candidate]:
    """Add the other columns that the statement names, where they are few and small."""
    if access.used is None or any(term.column is None for term in base):
        return
    held = {term.column for term in base} | {(table.rowid_column or "").lower(), "rowid"}
    more = sorted(access.used - held)
    small = all(_SMALL.search(table.columns.get(name, "")) for name in more)
    if 0 < len(more) <= _MOST_COVERED and small:
        term = type(base[0])
        extra = tuple(term(quoted(table.written(name)), name) for name in more if name in table.columns)
        yield Candidate(table.name, (*base, *extra), covering=True)


def _joined(first: tuple[Term, ...], tail: tuple[Term, ...]) -> tuple[Term, ...]:
    held = {term.sql for term in first}
    return (*first, *(term for term in tail if term.sql not in held))


def _usable(terms: Iterable[Term], rowid: str) -> tuple[Term, ...]:
    """Leave out the rowid, which is found without an index, and repetitions."""
    unique = {replace(term, descending=False): term for term in terms if not rowid or term.column != rowid}
    return tuple(unique.values())


def _exists(candidate: Candidate, table: Table) -> bool:
    """Say whether an index that begins with the same columns is there already."""
    wanted = [(term.column, term.collation, term.descending) for term in candidate.terms]
    if any(column is None for column, _, _ in wanted):
        return False
    for index in table.indexes:
        if index.partial:
            continue
        held = [(key.name or "").lower() for key in index.columns]
        same = held[: len(wanted)] == [column for column, _, _ in wanted]
        plain = not any(collation or descending for _, collation, descending in wanted)
        if same and plain and not any(key.descending for key in index.columns[: len(wanted)]):
            return True
    return False
