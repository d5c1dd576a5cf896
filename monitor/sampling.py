"""Assessing a database without a sidecar: what its file and the machine tell in a few seconds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from monitor.collect.database import open_probe
from monitor.collect.facts import database_facts
from monitor.collect.observer import Observer
from monitor.collect.schema_shape import ShapeReader
from monitor.collect.window import Windows
from monitor.errors import MonitorError
from monitor.snapshot import Facts, Measurement, Snapshot
from monitor.thresholds import ALL_METRICS, METRICS

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.collect.sources import PrometheusOptions

_LOOKS_PER_SECOND: Final = 4
#: The windows of a fleet are those of a sidecar that runs with its defaults.
_FLEET_WINDOW_S: Final = 300.0
_FLEET_INTERVAL_S: Final = 5.0
_FROM_REQUESTS: Final = (
    "only the request middleware can count it; run outgrow monitor serve beside the application"
)


class PrometheusUnreachable(MonitorError):
    """A Prometheus does not answer, or does not let the monitor in."""


def sample_fleet(options: PrometheusOptions, *, phase: str, profile: str) -> Snapshot:
    """Ask a fleet's Prometheus once.

    Args:
        options: which Prometheus, which instances.
        phase: the phase to judge by.
        profile: the workload to judge by.

    Raises:
        BadPrometheus, BadMatcher, BadQueries: an option cannot be used.
        PrometheusUnreachable: it does not answer.
    """
    fleet = options.fleet(Windows.of(_FLEET_WINDOW_S, _FLEET_INTERVAL_S))
    try:
        reading = fleet.read()
    finally:
        fleet.close()
    if reading.problem:
        raise PrometheusUnreachable(
            "Prometheus cannot be asked",
            why=reading.problem,
            next_step="check the address and the credentials, then try again",
        )
    return Snapshot(
        phase=phase,
        metrics={
            **reading.metrics,
            **{name: Measurement(value, ALL_METRICS[name].unit) for name, value in reading.phase.items()},
        },
        taken_at=time.time(),
        profile=profile,
        facts=Facts(**reading.facts()),
    )


def sample(
    target: str,
    *,
    phase: str,
    profile: str,
    seconds: float,
    sleep: Callable[[float], None] = time.sleep,
) -> Snapshot:
    """Watch a database and the machine for some seconds.

    Args:
        target: a SQLite file or a connection string.
        phase: the phase to judge by.
        profile: the workload to judge by.
        seconds: how long to watch; write rate and CPU come from that time only.
        sleep: waits so many seconds.

    Returns:
        What was measured; what only requests could tell is missing and says so.

    Raises:
        NotADatabase: the file cannot be watched: missing, empty, not SQLite, in memory, on a network.
        DatabaseUnreachable: PostgreSQL does not answer.
    """
    shape = ShapeReader(target)
    observer = Observer(open_probe(target), Windows(seconds, seconds, seconds, seconds))
    try:
        observer.look()
        for _ in range(max(1, round(seconds * _LOOKS_PER_SECOND))):
            sleep(1 / _LOOKS_PER_SECOND)
            observer.look()
        reading = observer.database
        metrics = observer.measurements()
    finally:
        observer.close()
    for metric in METRICS.values():
        metrics.setdefault(metric.id, Measurement(None, metric.unit, note=_FROM_REQUESTS))
    return Snapshot(
        phase=phase,
        metrics=metrics,
        taken_at=time.time(),
        profile=profile,
        facts=Facts(**database_facts(reading), shape=shape.wait()),
    )
