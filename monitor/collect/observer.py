"""Watches the database and the machine over time, and answers with measurements."""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING, Final

from monitor.collect.system import read_system
from monitor.collect.window import CounterWindow
from monitor.snapshot import Measurement
from monitor.thresholds import METRICS

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.collect.reading import DatabaseProbe, DatabaseReading, SystemReading
    from monitor.collect.window import Windows

_SIZE: Final = "database_size_bytes"
_WRITES: Final = "writes_per_second"
_QUERIES: Final = "average_query_ms"
_NO_QUERY: Final = "no statement has finished in the window"


class Observer:
    """Looks at a database and the machine whenever it is told to.

    Args:
        probe: what looks at the database; None where there is only the machine.
        windows: over how many seconds each kind of metric is taken.
        clock: a monotonic clock in seconds.
        machine: whether this machine is the application's; that of a fleet's monitor is not.
        system: what looks at the machine; by default also at the disk that the database fills.
    """

    def __init__(
        self,
        probe: DatabaseProbe | None,
        windows: Windows,
        *,
        clock: Callable[[], float] = time.monotonic,
        system: Callable[[], SystemReading] | None = None,
        machine: bool = True,
    ) -> None:
        self._probe = probe
        self._windows = windows
        self._clock = clock
        self._local = machine
        folder = None if probe is None else probe.folder
        self._read_system: Callable[[], SystemReading] = system or functools.partial(read_system, folder)
        self._writes = CounterWindow(windows.writes_s)
        self._queries = CounterWindow(windows.requests_s)
        self._system = CounterWindow(windows.system_s)
        self._memory_seconds = 0.0
        self._known: dict[str, tuple[float, Measurement]] = {}
        self._notes: dict[str, str] = {}
        self.database: DatabaseReading | None = None
        self.machine: SystemReading | None = None

    def look(self) -> None:
        """Look once. What cannot be read keeps its last value until it is stale."""
        if self._local:
            self._look_at_machine()
        if self._probe is not None:
            self._look_at_database(self._probe.read())

    def measurements(self) -> dict[str, Measurement]:
        """Return what is known with its age; what is older than the windows allow is missing, with a note."""
        now = self._clock()
        found = {}
        for metric, (at, measured) in self._known.items():
            age = now - at
            note = self._notes.get(metric, "")
            found[metric] = Measurement(
                value=measured.value if age <= self._windows.stale_s else None,
                unit=measured.unit,
                window_s=measured.window_s,
                samples=measured.samples,
                age_s=round(age, 3),
                note=note or measured.note,
            )
        for metric, note in self._notes.items():
            found.setdefault(metric, Measurement(None, METRICS[metric].unit, note=note))
        return found

    def close(self) -> None:
        """Close the probe."""
        if self._probe is not None:
            self._probe.close()

    def _look_at_machine(self) -> None:
        now, last = self._clock(), self._system.latest
        self.machine = reading = self._read_system()
        if last is not None:
            # A percentage times seconds is a counter too: its gain over a window is the mean of the
            # percentage.
            self._memory_seconds += reading.memory_percent * (now - last)
        self._system.add(now, reading.cpu_busy_s, reading.cpu_capacity_s, self._memory_seconds)
        self._keep("memory_percent", reading.memory_percent, None)
        gain = self._system.gain()
        if gain is None:
            return
        busy, capacity, memory_seconds = gain.amounts
        self._keep("memory_percent", memory_seconds / gain.seconds, gain.seconds)
        if capacity > 0:
            self._keep("cpu_percent", min(100 * busy / capacity, 100.0), gain.seconds)

    def _look_at_database(self, reading: DatabaseReading) -> None:
        now = self._clock()
        self.database = reading
        self._notes = dict(reading.notes)
        if reading.size_bytes is not None:
            self._keep(_SIZE, reading.size_bytes, None)
        if reading.writes is not None:
            self._writes.add(now, reading.writes)
            gain = self._writes.gain()
            if gain is not None:
                self._keep(_WRITES, gain.amounts[0] / gain.seconds, gain.seconds, int(gain.amounts[0]))
        if reading.queries is not None:
            self._queries.add(now, reading.queries.count, reading.queries.seconds)
            gain = self._queries.gain()
            if gain is not None and gain.amounts[0] > 0:
                count, seconds = gain.amounts
                self._keep(_QUERIES, 1000 * seconds / count, gain.seconds, int(count))
            else:
                self._known.pop(_QUERIES, None)
                self._notes.setdefault(_QUERIES, _NO_QUERY)

    def _keep(self, metric: str, value: float, window_s: float | None, samples: int | None = None) -> None:
        unit = METRICS[metric].unit
        rounded = None if window_s is None else round(window_s, 3)
        self._known[metric] = (self._clock(), Measurement(value, unit, rounded, samples))
