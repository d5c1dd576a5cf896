"""The metrics that only some phases have, from what the database and the workers tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.snapshot import Measurement
from monitor.thresholds import PHASE_METRICS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from monitor.collect.reading import DatabaseReading
    from monitor.serve.workers import Worker
    from monitor.thresholds import Thresholds


def phase_metrics(
    thresholds: Thresholds,
    reading: DatabaseReading | None,
    workers: Iterable[Worker],
    elsewhere: Mapping[str, float] | None = None,
) -> Mapping[str, Measurement]:
    """Return what is known of the phase's own metrics; what nothing measures is left out.

    Args:
        thresholds: a metric without limits in the phase is left out too.
        reading: the last look at the database; a detail named like the metric is its value.
        workers: those that push.
        elsewhere: what others know, such as the cloud; the database's own word goes first.
    """
    details = {**(elsewhere or {}), **({} if reading is None else reading.details)}
    for metric, ratio in (
        ("connections_percent", "connections_used_ratio"),
        ("writer_occupancy_percent", "writer_occupancy_ratio"),
    ):
        if ratio in details:
            details[metric] = 100 * details[ratio]
    delays = [
        worker.document.event_loop.delay_p99_ms
        for worker in workers
        if worker.document.event_loop is not None
    ]
    if delays:
        details["event_loop_delay_ms"] = max(delays)
    return {
        name: Measurement(details[name], metric.unit)
        for name, metric in PHASE_METRICS.items()
        if name in details and name in thresholds
    }
