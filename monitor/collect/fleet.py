"""Measures a fleet: the same metrics as beside one application, read from its Prometheus."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import yaml

from monitor.collect.prometheus_http import QueryFailed, Unreachable
from monitor.collect.promql import FleetQueries, Matcher
from monitor.errors import MonitorError, UsageError
from monitor.snapshot import Facts, Measurement
from monitor.thresholds import ALL_METRICS, METRICS, PHASE_METRICS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from monitor.collect.prometheus_http import Asks

#: A round of queries is made so often at most, and holds so many queries at most.
EVERY_S: Final = 15.0
MOST_QUERIES: Final = 24
#: A round that takes longer leaves the rest unknown.
_ROUND_S: Final = 20.0
#: Samples older than this are of instances that are scraped no more: two scrapes at one a minute, and a half.
_OLDEST_S: Final = 150.0
#: As beside one application: fewer requests say little, and a longer window is taken before giving up.
_MIN_REQUESTS: Final = 20
_WIDER: Final = (3, 12)
_NO_DATA: Final = "Prometheus has no data for it; are the sidecars scraped, and do the labels match?"


class BadQueries(MonitorError, UsageError):
    """The file of queries cannot be used."""


@dataclass(frozen=True)
class FleetReading:
    """One round of queries.

    Args:
        source: Prometheus's address, without credentials.
        metrics: every metric of the table; what is not known has a note.
        phase: the metrics that only some phases have, as far as they are known, by metric id.
        p50_ms: median response time.
        p99_ms: 99th percentile.
        average_ms: mean response time.
        samples: requests in the window.
        busy_errors: statements that found the database locked, in the window.
        queries: how many were made.
        problem: why Prometheus did not answer at all; empty otherwise.
    """

    source: str
    metrics: Mapping[str, Measurement] = field(default_factory=dict)
    phase: Mapping[str, float] = field(default_factory=dict)
    p50_ms: float | None = None
    p99_ms: float | None = None
    average_ms: float | None = None
    samples: int | None = None
    busy_errors: int | None = None
    queries: int = 0
    problem: str = ""

    def facts(self) -> dict[str, Any]:
        """Return what advice rests on, as arguments of `Facts`."""
        occupied = self.phase.get("writer_occupancy_percent")
        known = {
            "busy_errors": self.busy_errors,
            "writer_occupancy": None if occupied is None else occupied / 100,
        }
        return {name: value for name, value in known.items() if value is not None}


@dataclass(frozen=True)
class _Round:
    """What is true of a whole round: its samples' age, the requests, the window they were taken over."""

    age_s: float
    samples: float | None
    window_s: float


class Fleet:
    """Reads a fleet's metrics.

    Args:
        api: answers queries.
        source: its address, as it may be shown.
        matchers: which instances.
        window_s: of requests, errors and response times.
        writes_s: of writes.
        own: PromQL instead of ours, by metric id.
        clock: a monotonic clock in seconds.
    """

    def __init__(
        self,
        api: Asks,
        source: str,
        *,
        matchers: Sequence[Matcher] = (),
        window_s: float = 300.0,
        writes_s: float = 60.0,
        own: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._source = source
        self._own = dict(own or {})
        self._queries = FleetQueries(tuple(matchers), window_s, writes_s, self._own)
        self._window_s = window_s
        self._writes_s = writes_s
        self._clock = clock

    def read(self) -> FleetReading:
        """Make one round; never raises: what fails is unknown with the reason."""
        answers: dict[str, float | None] = {}
        notes: dict[str, str] = {}
        problem, deadline = "", self._clock() + _ROUND_S
        queries = self._queries.all()
        for name, query in queries.items():
            if problem:
                notes[name] = problem
                continue
            if self._clock() > deadline:
                problem = notes[name] = f"{self._source} is too slow: the round took {_ROUND_S:g} s"
                continue
            answers[name], notes[name] = None, ""
            try:
                answers[name] = self._api.ask(query)
            except Unreachable as error:
                problem = notes[name] = str(error)
            except QueryFailed as error:
                notes[name] = str(error)
        count, window_s = len(queries), self._window_s
        if not problem and (answers[".samples"] or 0) < _MIN_REQUESTS:
            window_s, wider = self._widen(answers)
            count += wider
        age = answers.get(".age_s") or 0.0
        samples = answers.get(".samples")
        return FleetReading(
            source=self._source,
            metrics={
                metric: self._measurement(
                    metric, answers.get(metric), notes[metric], _Round(age, samples, window_s)
                )
                for metric in METRICS
            },
            phase={
                metric: value
                for metric in PHASE_METRICS
                if (value := answers.get(metric)) is not None
                and value >= 0
                and (age <= _OLDEST_S or metric in self._own)
            },
            p50_ms=answers.get(".p50_ms"),
            p99_ms=answers.get(".p99_ms"),
            average_ms=answers.get(".average_ms"),
            samples=None if samples is None else round(samples),
            busy_errors=None if answers.get(".busy") is None else round(answers[".busy"] or 0),
            queries=count,
            problem=problem,
        )

    def close(self) -> None:
        """Close the connection."""
        self._api.close()

    def _widen(self, answers: dict[str, float | None]) -> tuple[float, int]:
        """Take response times and errors over a longer window, as beside one application."""
        window_s, asked = self._window_s, 0
        try:
            for factor in _WIDER:
                window_s, asked = self._window_s * factor, asked + 1
                answers[".samples"] = self._api.ask(self._queries.samples(window_s))
                if (answers[".samples"] or 0) >= _MIN_REQUESTS:
                    break
            if "p95_ms" not in self._own:
                answers["p95_ms"] = self._api.ask(self._queries.quantile(0.95, window_s))
            if "error_rate_percent" not in self._own:
                answers["error_rate_percent"] = self._api.ask(self._queries.errors(window_s))
        except (Unreachable, QueryFailed):
            answers[".samples"] = None
        return window_s, asked + 2

    def _measurement(
        self,
        metric: str,
        value: float | None,
        note: str,
        made: _Round,
    ) -> Measurement:
        age, samples, window_s = made.age_s, made.samples, made.window_s
        unit = METRICS[metric].unit
        own = metric in self._own
        seconds = {
            "p95_ms": window_s,
            "error_rate_percent": window_s,
            "requests_per_second": self._window_s,
            "average_query_ms": self._window_s,
            "writes_per_second": self._writes_s,
        }.get(metric)
        counted = None
        if metric in ("p95_ms", "error_rate_percent") and not own:
            counted = None if samples is None else round(samples)
            if not note and (counted or 0) < _MIN_REQUESTS:
                why = f"{counted or 0} requests in {window_s:.0f} s; {_MIN_REQUESTS} are needed"
                return Measurement(None, unit, seconds, counted, note=why)
        if value is None or value < 0:
            return Measurement(None, unit, seconds, counted, note=note or _NO_DATA)
        if age > _OLDEST_S and not own:
            stale = f"the last sample is {age:.0f} s old; is anything scraped still?"
            return Measurement(None, unit, seconds, counted, age_s=age, note=stale)
        return Measurement(value, unit, seconds, counted, 0.0 if own else max(age, 0.0), "from Prometheus")


def load_queries(path: Path) -> dict[str, str]:
    """Read PromQL by metric id from a YAML file, for metrics that another exporter exposes.

    Raises:
        BadQueries: the file cannot be read, or holds anything but metric ids with text.
    """
    try:
        document: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadQueries(f"{path} cannot be read", why=str(error)) from None
    except yaml.YAMLError as error:
        raise BadQueries(f"{path} is not YAML", why=str(error).splitlines()[0]) from None
    if not isinstance(document, dict) or not all(isinstance(query, str) for query in document.values()):
        raise BadQueries(f"{path} holds no queries", next_step="write lines like: p95_ms: 1000 * max(...)")
    unknown = [str(name) for name in document if name not in ALL_METRICS]
    if unknown:
        raise BadQueries(
            f"{path}: {unknown[0]} is not a metric", next_step=f"use these: {', '.join(ALL_METRICS)}"
        )
    return dict(document)


def fleet_facts(reading: FleetReading) -> Facts:
    """Return the facts of a fleet that nothing else is known of."""
    return Facts(**reading.facts())
