"""Finds the indexes that measurably help, by making each on the copy and running the queries again.

Greedy: of all candidates the one that saves most is kept, then the rest are tried beside it, until none helps
enough. A candidate is dropped where the answers of a query would differ or another query would suffer.
"""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from monitor.optimize.candidates import Candidate, candidates
from monitor.optimize.statement import quoted
from monitor.optimize.write_cost import WriteCost, write_cost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from monitor.optimize.querylog import Entry, Query
    from monitor.optimize.structure import Structure
    from monitor.optimize.terms import Reading
    from monitor.optimize.trial import Measured, Trial

#: A query must become this many times faster, by so many milliseconds, for an index to be worth its writes.
MIN_FACTOR: Final = 1.5
MIN_SAVED_MS: Final = 0.05
#: No other query may become this many times slower by more than half a millisecond.
_HARMED_FACTOR: Final = 1.5
_HARMED_MS: Final = 0.5
#: A simpler index is taken if it leaves at most this much more time than the best.
_MUCH_MORE: Final = 1.3
#: An index of a part of the table is worth naming the part only if it leaves most rows out.
_SMALL_PART: Final = 1 / 3
_MOST_INDEXES: Final = 12
#: A query slower than this is looked at even if its plan shows nothing to complain about.
_SLOW_MS: Final = 1.0


@dataclass(frozen=True)
class Workload:
    """One query, ready to run.

    Args:
        number: its place in the output, from 1.
        query: what the log says of it.
        runs: with a value for every parameter.
        sampled: whether those values were taken from the data.
        reading: which columns it uses.
        kind: "log", or "foreign key" for the look-up that a key causes.
    """

    number: int
    query: Query
    runs: tuple[Entry, ...]
    sampled: bool
    reading: Reading
    kind: str = "log"


@dataclass(frozen=True)
class Effect:
    """What an index does to one query, in milliseconds an execution."""

    query: int
    before: Measured
    after: Measured

    @property
    def factor(self) -> float:
        """How many times faster it is."""
        return self.before.ms / self.after.ms if self.after.ms > 0 else 1.0

    @property
    def saved_ms(self) -> float:
        """Milliseconds saved an execution."""
        return self.before.ms - self.after.ms


@dataclass(frozen=True)
class Proposal:
    """An index that helps.

    Args:
        name: free in the database.
        ddl: the statement that makes it.
        undo: the statement that removes it.
        effects: on the queries that use it, with everything kept so far as "before".
        bytes: what it takes in the file; None where this SQLite cannot tell.
        build_seconds: how long making it took on the copy; writers wait as long.
        writes: cost of inserting a row before and after.
        entity: for a TypeORM entity: the decorator that keeps `synchronize` from removing it.
    """

    name: str
    table: str
    columns: tuple[str, ...]
    where: str | None
    covering: bool
    ddl: str
    undo: str
    effects: tuple[Effect, ...]
    bytes: int | None
    build_seconds: float
    writes: WriteCost | None
    entity: str


@dataclass(frozen=True)
class Tried:
    """A candidate that was made and measured."""

    candidate: Candidate
    effects: tuple[Effect, ...]
    harmed: tuple[int, ...]
    differing: tuple[int, ...]
    seconds: float
    benefit: float


@dataclass
class Search:
    """A search's state.

    Args:
        trial: on the copy, whose indexes it makes.
        structure: the database's.
        workloads: the queries, each with its number.
        measured: how each of them behaves now.
        deadline: monotonic time after which no further candidate is tried.
        progress: told what is going on.
    """

    trial: Trial
    structure: Structure
    workloads: Sequence[Workload]
    measured: dict[int, Measured]
    deadline: float
    progress: Callable[[str], None] = lambda _: None
    tried: int = 0
    out_of_time: bool = False
    dropped: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    parts: dict[tuple[str, str], bool] = field(default_factory=dict)

    def run(self) -> tuple[Proposal, ...]:
        """Search, and leave the indexes found in the copy."""
        kept: list[Proposal] = []
        known: dict[Candidate, Tried] = {}
        self.names = [index.name for index in self.structure.indexes()]
        while len(kept) < _MOST_INDEXES:
            best = self._best(known, kept)
            if best is None:
                break
            proposal = self._keep(best)
            kept.append(proposal)
            related = self._related(proposal.table.lower())
            known = {
                candidate: one for candidate, one in known.items() if candidate.table.lower() not in related
            }
        return tuple(self._without_prefixes(kept))

    def _related(self, table: str) -> set[str]:
        """Name the tables that some query uses together with this one: their candidates may do better now."""
        together = [{access.table for access in one.reading.accesses} for one in self.workloads]
        return {table}.union(*(tables for tables in together if table in tables))

    def _best(self, known: dict[Candidate, Tried], kept: Sequence[Proposal]) -> Tried | None:
        made = {(proposal.table, proposal.columns, proposal.where) for proposal in kept}
        for candidate in self._candidates():
            if candidate in known or (candidate.table, candidate.columns, candidate.where) in made:
                continue
            if time.monotonic() > self.deadline:
                self.out_of_time = True
                break
            known[candidate] = self._try(candidate)
        good = [one for one in known.values() if one.benefit > 0 and not one.harmed and not one.differing]
        good = [
            one
            for one in good
            if (one.candidate.table, one.candidate.columns, one.candidate.where) not in made
        ]
        if not good:
            return None
        best = max(good, key=lambda one: one.benefit)
        return min(
            (one for one in good if self._as_good(one, best)),
            key=lambda one: (_complexity(one.candidate), -one.benefit),
        )

    def _as_good(self, one: Tried, best: Tried) -> bool:
        """Say whether a candidate leaves about as little time as the best: then the simpler one is taken."""
        after = {effect.query: effect.after.ms for effect in one.effects}
        least = {effect.query: effect.after.ms for effect in best.effects}
        numbers = after.keys() | least.keys()
        left = sum(self._weight(n) * after.get(n, self.measured[n].ms) for n in numbers)
        aim = sum(self._weight(n) * least.get(n, self.measured[n].ms) for n in numbers)
        return left <= aim * _MUCH_MORE + sum(self._weight(n) for n in least) * MIN_SAVED_MS / 2

    def _weight(self, number: int) -> int:
        return self._workload(number).query.count

    def _workload(self, number: int) -> Workload:
        return next(one for one in self.workloads if one.number == number)

    def _candidates(self) -> list[Candidate]:
        """Collect what could help the queries that are not served well, most promising first."""
        found: dict[Candidate, None] = {}
        for one in sorted(self.workloads, key=lambda one: -self.measured[one.number].ms * one.query.count):
            now = self.measured[one.number]
            if now.error or now.plan is None or now.ms < MIN_SAVED_MS:
                continue
            if not now.plan.suspicious and now.ms < _SLOW_MS:
                continue
            for access in one.reading.accesses:
                for candidate in candidates(access, self.structure):
                    if candidate.where is None or self._small_part(candidate):
                        found[candidate] = None
        return list(found)

    def _small_part(self, candidate: Candidate) -> bool:
        key = (candidate.table, candidate.where or "")
        if key not in self.parts:
            rows = self.structure.tables[candidate.table.lower()].rows
            found = self.trial.count(candidate.table, candidate.where or "")
            self.parts[key] = found is not None and found <= rows * _SMALL_PART
        return self.parts[key]

    def _try(self, candidate: Candidate) -> Tried:
        connection = self.trial.connection
        name = candidate.name(self.names)
        self.tried += 1
        self.progress(f"trying {candidate.table} ({', '.join(candidate.columns)})")
        connection.execute("BEGIN")
        try:
            seconds = self._make(candidate, name)
            effects = [
                effect for number in self._concerned(candidate) if (effect := self._effect(number, name))
            ]
        except sqlite3.Error as error:
            self.dropped.append(f"{candidate.ddl(name)}: {error}")
            return Tried(candidate, (), (), (), 0.0, 0.0)
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        return self._judged(candidate, effects, seconds)

    def _judged(self, candidate: Candidate, effects: Sequence[Effect], seconds: float) -> Tried:
        harmed = tuple(
            one.query
            for one in effects
            if one.after.ms > one.before.ms * _HARMED_FACTOR and -one.saved_ms > _HARMED_MS
        )
        differing = tuple(
            one.query
            for one in effects
            if one.before.digest is not None
            and one.after.digest is not None
            and one.before.digest != one.after.digest
        )
        helped = [one for one in effects if one.factor >= MIN_FACTOR and one.saved_ms >= MIN_SAVED_MS]
        benefit = sum(one.saved_ms * self._weight(one.query) for one in effects) if helped else 0.0
        return Tried(candidate, tuple(effects), harmed, differing, seconds, benefit)

    def _concerned(self, candidate: Candidate) -> list[int]:
        table = candidate.table.lower()
        return [
            one.number
            for one in self.workloads
            if not self.measured[one.number].error
            and any(access.table == table for access in one.reading.accesses)
        ]

    def _effect(self, number: int, name: str) -> Effect | None:
        """Measure a query again, if its plan uses the index in at least one of its runs."""
        one, before = self._workload(number), self.measured[number]
        if not any(name in self.trial.plan(run).indexes for run in one.runs):
            return None
        after = self.trial.measure(one.runs)
        return None if after.error else Effect(number, before, after)

    def _make(self, candidate: Candidate, name: str) -> float:
        connection = self.trial.connection
        start = time.perf_counter()
        connection.execute(candidate.ddl(name))
        if self.structure.has_statistics:
            connection.execute(f"ANALYZE {quoted(name)}")
        return time.perf_counter() - start

    def _keep(self, tried: Tried) -> Proposal:
        candidate = tried.candidate
        name = candidate.name(self.names)
        self.names.append(name)
        connection = self.trial.connection
        before = write_cost(connection, self.structure.tables[candidate.table.lower()])
        self._make(candidate, name)
        after = write_cost(connection, self.structure.tables[candidate.table.lower()])
        for effect in tried.effects:
            self.measured[effect.query] = effect.after
        return Proposal(
            name=name,
            table=candidate.table,
            columns=candidate.columns,
            where=candidate.where,
            covering=candidate.covering,
            ddl=candidate.ddl(name),
            undo=f"DROP INDEX {quoted(name)}",
            effects=tried.effects,
            bytes=index_bytes(connection, name),
            build_seconds=round(tried.seconds, 3),
            writes=None if before is None or after is None else WriteCost(before, after),
            entity=_entity(candidate, name),
        )

    def _without_prefixes(self, kept: list[Proposal]) -> list[Proposal]:
        """Drop what a later, longer index serves as well."""
        left = list(kept)
        for short in kept:
            longer = next((one for one in left if one is not short and _begins(one, short)), None)
            if longer is None:
                continue
            connection = self.trial.connection
            connection.execute("BEGIN")
            connection.execute(short.undo)
            after = {
                effect.query: self.trial.measure(self._workload(effect.query).runs)
                for effect in short.effects
            }
            if all(
                one.ms <= self.measured[number].ms * _HARMED_FACTOR + MIN_SAVED_MS
                for number, one in after.items()
            ):
                connection.execute("COMMIT")
                self.measured.update(after)
                left.remove(short)
                mine = {effect.query for effect in longer.effects}
                taken = [
                    replace(effect, after=after[effect.query])
                    for effect in short.effects
                    if effect.query not in mine
                ]
                left[left.index(longer)] = replace(longer, effects=(*longer.effects, *taken))
            else:
                connection.execute("ROLLBACK")
        return left


def _begins(longer: Proposal, short: Proposal) -> bool:
    return (
        longer.table == short.table
        and longer.where == short.where
        and len(longer.columns) > len(short.columns)
        and longer.columns[: len(short.columns)] == short.columns
    )


def _complexity(candidate: Candidate) -> float:
    return len(candidate.terms) + 0.5 * (candidate.where is not None) + 0.5 * candidate.covering


def index_bytes(connection: sqlite3.Connection, name: str) -> int | None:
    """Measure an index's pages; None where this SQLite has no dbstat."""
    try:
        found = connection.execute("SELECT sum(pgsize) FROM dbstat WHERE name = ?", (name,)).fetchone()
    except sqlite3.Error:
        return None
    return None if found is None or found[0] is None else int(found[0])


def _entity(candidate: Candidate, name: str) -> str:
    """Write the decorator for a TypeORM entity, where its columns are plain ones."""
    if any(term.column is None or term.collation or term.descending for term in candidate.terms):
        return f'@Index("{name}", {{ synchronize: false }})'
    columns = ", ".join(f'"{term.sql.strip(chr(34))}"' for term in candidate.terms)
    where = f', {{ where: "{candidate.where}" }}' if candidate.where else ""
    return f'@Index("{name}", [{columns}]{where})'


def totals(workloads: Iterable[Workload], measured: Mapping[int, Measured]) -> float:
    """Add up the time of the whole workload, in milliseconds."""
    return sum(measured[one.number].ms * one.query.count for one in workloads if one.number in measured)
