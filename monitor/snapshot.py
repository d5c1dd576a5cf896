"""What was measured at one time, and reading it from JSON. Missing is None, never 0."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NoReturn

from monitor.errors import MonitorError, UsageError
from monitor.phases import DEFAULT_PROFILE
from monitor.thresholds import ALL_METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The phase of a snapshot that names none: where every application begins.
FIRST_PHASE: Final = "phase-1"


class BadSnapshot(MonitorError, UsageError):
    """A snapshot that cannot be judged as it is written."""


@dataclass(frozen=True)
class Measurement:
    """One metric's value.

    Args:
        value: in `unit`; None when it is not known.
        unit: the metric's unit, as in `thresholds.ALL_METRICS`.
        window_s: over how many seconds it was measured; None for a value of the moment.
        samples: how many observations it rests on, where that is known.
        age_s: how many seconds ago it was measured.
        note: why it is missing, or what should be known about it.
        ci: the 90 % interval of a value that rests on a sample, where it is known.
    """

    value: float | None
    unit: str
    window_s: float | None = None
    samples: int | None = None
    age_s: float = 0.0
    note: str = ""
    ci: tuple[float, float] | None = None

    @property
    def number(self) -> float | None:
        """The value if there is a number to judge; NaN is none."""
        return None if self.value is None or math.isnan(self.value) else self.value


@dataclass(frozen=True)
class SchemaShape:
    """What a schema looks like, for choosing the database after SQLite.

    Args:
        tables: how many tables of the application's own there are.
        columns: the columns of all of them.
        json_columns: those declared JSON or found to hold JSON documents.
        foreign_keys: the references between tables, which queries join along.
        partial_indexes: indexes over part of a table or over an expression.
    """

    tables: int
    columns: int
    json_columns: int = 0
    foreign_keys: int = 0
    partial_indexes: int = 0


@dataclass(frozen=True)
class Facts:
    """What is known beside the metrics and makes advice more exact. None is not known.

    Args:
        database: "sqlite" or "postgresql".
        journal_mode: of a SQLite file, "wal" or "rollback".
        busy_errors: statements in the window that found the database locked.
        slow_queries: statements in the window over the application's own limit.
        write_share: the share of writes among reads and writes, 0 to 1.
        shape: what the schema looks like, where it was read.
        writer_occupancy: share of the time that SQLite's single writer is busy, 0 to 1.
        longest_write_s: the longest write transaction seen in the last minute, in seconds.
        checkpoint_backlog_bytes: of the write-ahead log, not copied by a checkpoint yet.
        pinned_reader_s: how long a reader has held up checkpoints; 0 without one.
        stale_statistics: tables whose ANALYZE is missing or out of date.
        connections_used: share of the server's connections in use, 0 to 1.
        connections_waiting: connections that wait for a lock.
        database_cache_hit: share of blocks found in the database's own cache, 0 to 1.
        longest_transaction_s: age of the oldest open transaction.
        replication_lag_s: how far the slowest replica is behind.
        dead_rows: share of dead rows in PostgreSQL's tables, 0 to 1.
        cache_hit: share of keys found in Redis, 0 to 1.
        cache_memory_used: share of Redis's memory limit in use, 0 to 1.
        cache_evictions_per_second: keys that Redis threw out to make room.
    """

    database: str | None = None
    journal_mode: str | None = None
    busy_errors: int | None = None
    slow_queries: int | None = None
    write_share: float | None = None
    shape: SchemaShape | None = None
    writer_occupancy: float | None = None
    longest_write_s: float | None = None
    checkpoint_backlog_bytes: float | None = None
    pinned_reader_s: float | None = None
    stale_statistics: float | None = None
    connections_used: float | None = None
    connections_waiting: float | None = None
    database_cache_hit: float | None = None
    longest_transaction_s: float | None = None
    replication_lag_s: float | None = None
    dead_rows: float | None = None
    cache_hit: float | None = None
    cache_memory_used: float | None = None
    cache_evictions_per_second: float | None = None


@dataclass(frozen=True)
class Snapshot:
    """Measured values at one time.

    Args:
        phase: the phase by whose limits they are judged.
        metrics: by metric id; an absent metric is as unknown as one whose value is None.
        taken_at: seconds since the epoch.
        profile: the workload, "default" or one the phase distinguishes.
        facts: what else is known.
    """

    phase: str
    metrics: Mapping[str, Measurement]
    taken_at: float
    profile: str = DEFAULT_PROFILE
    facts: Facts = field(default_factory=Facts)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.metrics) - set(ALL_METRICS))
        if unknown:
            raise BadSnapshot(
                f"{unknown[0]} is not a metric",
                why="a misspelt metric would count as missing",
                next_step=f"use these: {', '.join(ALL_METRICS)}",
            )
        object.__setattr__(self, "metrics", MappingProxyType(dict(self.metrics)))


def parse_snapshot(document: str | bytes, *, now: float | None = None) -> Snapshot:
    """Read a snapshot from JSON.

    Its shape: {"phase": "phase-1", "metrics": {"p95_ms": 120, ...}} and optionally "taken_at" (seconds since
    the epoch), "profile" and "facts". A metric is a number, null, or an object with value, unit, window_s,
    samples, age_s, note and ci ([low, high], its 90 % interval).

    Args:
        document: the JSON text.
        now: the time of a snapshot that states none; the clock's by default.

    Raises:
        BadSnapshot: it is not JSON, or holds NaN, infinity, a negative or non-numeric value, or an unknown
        name.
    """
    data = _load(document)
    if not isinstance(data, dict):
        raise BadSnapshot("the snapshot is not a JSON object", next_step=_EXAMPLE)
    _refuse_unknown("the snapshot", data, ("phase", "metrics", "taken_at", "profile", "facts"))
    metrics = data.get("metrics")
    if not isinstance(metrics, dict):
        raise BadSnapshot("the snapshot has no metrics", next_step=_EXAMPLE)
    taken_at = _number("taken_at", data.get("taken_at"))
    return Snapshot(
        phase=_text("phase", data.get("phase"), FIRST_PHASE),
        metrics={name: _measurement(name, value) for name, value in metrics.items()},
        taken_at=(time.time() if now is None else now) if taken_at is None else taken_at,
        profile=_text("profile", data.get("profile"), DEFAULT_PROFILE),
        facts=_facts(data.get("facts")),
    )


#: The facts that are plain numbers: all after the shape of the schema.
_NUMBERS: Final = tuple(field.name for field in fields(Facts))[6:]
_EXAMPLE: Final = 'write it like {"phase": "phase-1", "metrics": {"p95_ms": 120, "concurrent_users": 300}}'


def _load(document: str | bytes) -> Any:
    try:
        return json.loads(document, parse_constant=_no_constant, object_pairs_hook=_no_duplicates)
    except BadSnapshot:
        raise
    except RecursionError:
        raise BadSnapshot(
            "the snapshot is not one", why="it is nested too deeply", next_step=_EXAMPLE
        ) from None
    except ValueError as error:  # not JSON, not UTF-8, or a whole number of thousands of digits
        raise BadSnapshot("the snapshot is not JSON", why=str(error), next_step=_EXAMPLE) from None


def _no_constant(name: str) -> NoReturn:
    """Python's parser takes NaN and Infinity, which JSON does not have."""
    raise BadSnapshot(
        f"{name} is not a measurement",
        why="JSON has no such number",
        next_step="leave the metric out or give null",
    )


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise BadSnapshot(f"{name} is given twice", next_step="give it once")
    return dict(pairs)


def _refuse_unknown(where: str, data: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in data:
        if name not in known:
            raise BadSnapshot(
                f"{where} has an unknown key {name}", next_step=f"use these: {', '.join(known)}"
            )


def _measurement(metric: str, value: Any) -> Measurement:
    if metric not in ALL_METRICS:
        raise BadSnapshot(
            f"{metric} is not a metric",
            why="a misspelt metric would count as missing",
            next_step=f"use these: {', '.join(ALL_METRICS)}",
        )
    unit = ALL_METRICS[metric].unit
    if not isinstance(value, dict):
        return Measurement(_number(metric, value), unit)
    _refuse_unknown(metric, value, ("value", "unit", "window_s", "samples", "age_s", "note", "ci"))
    stated = _text(f"{metric}.unit", value.get("unit"), unit)
    if stated != unit:
        raise BadSnapshot(
            f"{metric} is given in {stated}", why=f"its limits are in {unit}", next_step="convert it"
        )
    return Measurement(
        _number(metric, value.get("value")),
        unit,
        window_s=_number(f"{metric}.window_s", value.get("window_s")),
        samples=_count(f"{metric}.samples", value.get("samples")),
        age_s=_number(f"{metric}.age_s", value.get("age_s")) or 0.0,
        note=_text(f"{metric}.note", value.get("note"), ""),
        ci=_interval(metric, value),
    )


def _interval(metric: str, value: Mapping[str, Any]) -> tuple[float, float] | None:
    """Read a measurement's interval, which must hold its value."""
    ci = value.get("ci")
    if ci is None:
        return None
    ends = [_number(f"{metric}.ci", end) for end in ci] if isinstance(ci, list) else []
    middle = _number(metric, value.get("value"))
    if len(ends) != 2 or ends[0] is None or ends[1] is None or middle is None:
        raise BadSnapshot(f"{metric}.ci is not an interval", next_step="give [low, high] around the value")
    if not ends[0] <= middle <= ends[1]:
        raise BadSnapshot(
            f"{metric}.ci does not hold its value", next_step="give [low, high] around the value"
        )
    return ends[0], ends[1]


def _facts(data: Any) -> Facts:
    if data is None:
        return Facts()
    if not isinstance(data, dict):
        raise BadSnapshot("facts is not a JSON object")
    _refuse_unknown("facts", data, tuple(field.name for field in fields(Facts)))
    return Facts(
        database=_optional_text("facts.database", data.get("database")),
        journal_mode=_optional_text("facts.journal_mode", data.get("journal_mode")),
        busy_errors=_count("facts.busy_errors", data.get("busy_errors")),
        slow_queries=_count("facts.slow_queries", data.get("slow_queries")),
        write_share=_share("facts.write_share", data.get("write_share")),
        shape=_shape(data.get("shape")),
        **{name: _number(f"facts.{name}", data.get(name)) for name in _NUMBERS},
    )


def _share(name: str, value: Any) -> float | None:
    number = _number(name, value)
    if number is not None and number > 1:
        raise BadSnapshot(f"{name} is above 1: {number:g}", next_step="give a share between 0 and 1")
    return number


def _shape(data: Any) -> SchemaShape | None:
    if data is None:
        return None
    if not isinstance(data, dict):
        raise BadSnapshot("facts.shape is not a JSON object")
    names = [field.name for field in fields(SchemaShape)]
    _refuse_unknown("facts.shape", data, tuple(names))
    return SchemaShape(**{name: _count(f"facts.shape.{name}", data.get(name)) or 0 for name in names})


def _text(name: str, value: Any, default: str) -> str:
    return default if value is None else _optional_text(name, value) or default


def _optional_text(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadSnapshot(f"{name} is not text: {value!r}")
    return value


def _number(name: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadSnapshot(f"{name} is not a number: {value!r}", next_step="give a number or null")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise BadSnapshot(f"{name} is too large for a measurement", next_step="give a finite number or null")
    if number < 0:
        raise BadSnapshot(f"{name} is negative: {number:g}", next_step="give 0 or more, or null")
    return number


def _count(name: str, value: Any) -> int | None:
    number = _number(name, value)
    if number is None:
        return None
    if not number.is_integer():
        raise BadSnapshot(f"{name} is not a whole number: {number:g}")
    return int(number)
