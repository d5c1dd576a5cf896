"""Reads an application's queries: plain SQL, JSON lines, or TypeORM's log. Pure but for opening the file.

A log is input from outside: nothing in it is run as it stands. `trial` runs single statements that ask or
change rows, on a copy, under limits of time and rows.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from monitor.optimize.errors import BadQueryLog
from monitor.optimize.statement import parameters, reads, shape, split, verb, writes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

#: Values for a statement's parameters: by position or by name (without its sign).
Values = tuple[Any, ...] | dict[str, Any]

_MOST_BYTES: Final = 256 * 2**20
_KEPT_VALUES: Final = 5
_OTHER_STATEMENTS: Final = frozenset(
    {
        "BEGIN",
        "START",
        "COMMIT",
        "END",
        "ROLLBACK",
        "SAVEPOINT",
        "RELEASE",
        "PRAGMA",
        "CREATE",
        "DROP",
        "ALTER",
    }
    | {"ANALYZE", "VACUUM", "REINDEX", "ATTACH", "DETACH", "EXPLAIN", "SET"}
)
_ANSI: Final = re.compile(r"\x1b\[[0-9;]*m")
_TYPEORM: Final = re.compile(
    r"""^(?:\[[^\]\n]+\])?\s*
        (?:\[(?P<kind>QUERY|FAILED\ QUERY|SLOW\ QUERY(?::\s*(?P<ms>[\d.]+)\s*ms)?)\]:|
           (?P<plain>query|query\ failed|query\ is\ slow):)\s?(?P<sql>.*)$""",
    re.VERBOSE,
)
_TYPEORM_OTHER: Final = re.compile(
    r"^(?:\[[^\]\n]+\])?\s*(?:\[(?:QUERY ERROR|INFO|LOG|WARN|SCHEMA|MIGRATION)\]:|"
    r"(?:error|execution time|info|log|warn|migration|schema):|All classes found|=====)"
)
_MARK: Final = "-- PARAMETERS:"
_SQL_KEYS: Final = ("sql", "query", "statement", "db.statement", "db.query.text", "message", "msg")
_VALUE_KEYS: Final = ("params", "parameters", "values", "bindings", "args")
_MS_KEYS: Final = ("ms", "duration_ms", "time_ms", "elapsed_ms", "duration", "time", "executionTime")
_START: Final = re.compile(r"\s*(?:select|with|insert|update|delete|replace|values)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Entry:
    """One statement of a log.

    Args:
        sql: as it was written.
        values: for its parameters; None where the log has none.
        ms: how long it took, where the log says so.
        count: how often it ran, for logs that sum up.
    """

    sql: str
    values: Values | None = None
    ms: float | None = None
    count: int = 1


@dataclass(frozen=True)
class Query:
    """Every entry of one shape.

    Args:
        shape: the statement with ? for every value.
        sql: one entry's text, the first.
        count: how often it ran.
        runs: texts with values to try, a few different ones.
        longest_run: how many entries of this shape followed each other with other values, at most one other
            statement between two of them.
        logged_ms: median of the times in the log, if it has any.
    """

    shape: str
    sql: str
    count: int
    runs: tuple[Entry, ...]
    longest_run: int = 1
    logged_ms: float | None = None

    @property
    def asks(self) -> bool:
        """Whether it only asks."""
        return reads(self.sql)


@dataclass(frozen=True)
class QueryLog:
    """What a log holds.

    Args:
        form: "sql", "json lines", "typeorm" or "monitor".
        entries: how many statements it has.
        queries: by shape, in the order of their first entry.
        skipped: how many statements neither ask nor change rows, by their first word.
        unreadable: those that are no SQL at all, a few of them.
    """

    form: str
    entries: int
    queries: tuple[Query, ...]
    skipped: dict[str, int] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()


def read_log(path: Path) -> QueryLog:
    """Read a file of queries; its format is recognised by its content.

    Raises:
        BadQueryLog: the file is missing, too large, or holds no statement.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise BadQueryLog(
                f"{path} is larger than {_MOST_BYTES // 2**20} MB",
                why="a part of a log says as much about slow queries",
                next_step=f"tail -n 100000 {path} > part.log",
            )
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise BadQueryLog(f"{path} cannot be read", why=error.strerror or str(error)) from None
    log = parse_log(text)
    if not log.queries:
        raise BadQueryLog(
            f"{path} holds no query",
            why="it was read as " + log.form + ", and no statement in it asks or changes rows",
            next_step="give plain SQL, JSON lines with sql and params, or a log of TypeORM (logging: true)",
        )
    return log


def parse_log(text: str) -> QueryLog:
    """Read a log's text, in whichever of the three formats."""
    text = _ANSI.sub("", text.replace("\r\n", "\n"))
    lines = text.split("\n")
    start = [line for line in lines if line.strip()][:50]
    if any(_TYPEORM.match(line) for line in start):
        return group("typeorm", _typeorm(lines))
    if start and all(line.lstrip().startswith("{") for line in start):
        return group("json lines", _json_lines(lines))
    return group("sql", (Entry(statement) for statement in split(text)))


def group(form: str, entries: Iterable[Entry]) -> QueryLog:
    """Bring entries of one shape together."""
    found: dict[str, list[Entry]] = {}
    order: list[tuple[str, str]] = []
    skipped: Counter[str] = Counter()
    unreadable: list[str] = []
    total = 0
    for entry in entries:
        total += 1
        if not (reads(entry.sql) or writes(entry.sql)):
            word = verb(entry.sql).upper()
            if word in _OTHER_STATEMENTS:
                skipped[word] += 1
            else:
                unreadable.append(entry.sql)
            continue
        key = shape(entry.sql)
        found.setdefault(key, []).append(entry)
        order.append((key, repr((entry.sql, entry.values))))
    runs = _longest_runs(order)
    queries = tuple(
        Query(
            shape=key,
            sql=same[0].sql,
            count=sum(entry.count for entry in same),
            runs=_different(same),
            longest_run=runs[key],
            logged_ms=_median([entry.ms for entry in same if entry.ms is not None]),
        )
        for key, same in found.items()
    )
    return QueryLog(form, total, queries, dict(skipped), tuple(unreadable[:_KEPT_VALUES]))


def _different(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Pick a few with different texts or values, from the whole log."""
    seen: dict[str, Entry] = {}
    for entry in entries:
        seen.setdefault(repr((entry.sql, entry.values)), entry)
    kept = list(seen.values())
    step = max(1, len(kept) // _KEPT_VALUES)
    return tuple(kept[::step][:_KEPT_VALUES])


def _longest_runs(order: Sequence[tuple[str, str]]) -> Counter[str]:
    """Count, for each shape, the most entries with other values that follow each other closely."""
    longest: Counter[str] = Counter()
    last: dict[str, tuple[int, set[str]]] = {}
    for place, (key, whole) in enumerate(order):
        before = last.get(key)
        different = before[1] | {whole} if before is not None and place - before[0] <= 2 else {whole}
        last[key] = (place, different)
        longest[key] = max(longest[key], len(different))
    return longest


def _median(numbers: list[float]) -> float | None:
    return sorted(numbers)[len(numbers) // 2] if numbers else None


# --- TypeORM ---


def _typeorm(lines: Sequence[str]) -> Iterator[Entry]:
    """Read what TypeORM's loggers print: console or file, one statement on one line or several."""
    pending: list[str] = []
    ms: float | None = None
    for line in [*lines, "query: "]:
        match = _TYPEORM.match(line)
        if match is None and not _TYPEORM_OTHER.match(line):
            if pending:
                pending.append(line)
            continue
        if pending and any(part.strip() for part in pending):
            yield _with_values("\n".join(pending), ms)
        failed = match is not None and "fail" in (match["kind"] or match["plain"] or "").lower()
        pending = [] if match is None or failed else [match["sql"]]
        ms = None if match is None or match["ms"] is None else float(match["ms"])


def _with_values(text: str, ms: float | None) -> Entry:
    sql, mark, rest = text.rpartition(_MARK)
    if not mark:
        return Entry(text.strip().rstrip(";"), None, ms)
    try:
        values = json.loads(rest.strip())
    except ValueError:  # cut off, or circular: TypeORM then prints what it can
        values = None
    return Entry(sql.strip().rstrip(";"), as_values(sql, values), ms)


# --- JSON lines ---


def _json_lines(lines: Sequence[str]) -> Iterator[Entry]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            data = json.loads(line)
        except (ValueError, RecursionError):
            if number == 1:
                raise BadQueryLog("the log's first line is not JSON", next_step="one object a line") from None
            continue  # a line that was cut off
        if isinstance(data, dict):
            entry = entry_of(data)
            if entry is not None:
                yield entry


def entry_of(data: dict[str, Any]) -> Entry | None:
    """Make an entry of one JSON object; None if it holds no statement."""
    sql = next(
        (data[key] for key in _SQL_KEYS if isinstance(data.get(key), str) and _START.match(data[key])), None
    )
    if sql is None:
        return None
    values = next((data[key] for key in _VALUE_KEYS if data.get(key) is not None), None)
    ms = next((data[key] for key in _MS_KEYS if _is_number(data.get(key))), None)
    count = data.get("count")
    return Entry(
        sql.strip().rstrip(";"),
        as_values(sql, values),
        None if ms is None else float(ms),
        count if isinstance(count, int) and not isinstance(count, bool) and count > 0 else 1,
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def as_values(sql: str, values: Any) -> Values | None:
    """Turn logged values into what SQLite can bind; None where they do not fit the statement's parameters."""
    written = parameters(sql)
    if not written:
        return None
    if isinstance(values, dict):
        named = {str(key).lstrip(":@$"): _bindable(value) for key, value in values.items()}
        return named if all(name[1:] in named for name in written if name[0] != "?") else None
    if isinstance(values, list | tuple) and len(values) >= _needed(written):
        return tuple(_bindable(value) for value in values[: _needed(written)])
    return None


def _needed(written: Sequence[str]) -> int:
    """Count the values a statement takes by position: ?3 takes three, a name used twice takes one."""
    numbered = [int(name[1:]) for name in written if name[0] == "?" and len(name) > 1]
    names = {name for name in written if name[0] != "?"}
    return max([len([name for name in written if name == "?"]) + len(names), *numbered])


def _bindable(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return float(value)
    if value is None or isinstance(value, int | float | str | bytes):
        return value
    return json.dumps(value)
