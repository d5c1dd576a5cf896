"""The sidecar's heart: looks, evaluates once per interval, publishes, and takes the workers' pushes."""

from __future__ import annotations

import base64
import importlib.metadata
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.alerts.config import AlertsConfig
from monitor.alerts.delivery import Delivery
from monitor.alerts.engine import AlertEngine
from monitor.alerts.evaluation import active_alerts
from monitor.assessment import Decision, assess
from monitor.collect.facts import database_facts
from monitor.collect.observer import Observer
from monitor.collect.sources import Sources
from monitor.collect.window import CounterWindow, Windows
from monitor.errors import MonitorError, UsageError
from monitor.held import HeldDecisions
from monitor.hysteresis import Sustained
from monitor.phases import DEFAULT_PROFILE, Phase
from monitor.serve.active_clients import ActiveClients
from monitor.serve.memory import Memory
from monitor.serve.phase_metrics import phase_metrics
from monitor.serve.published import MonitorState, Published
from monitor.serve.push import PushAnswer, PushDocument
from monitor.serve.record import reads_per_second, recorded, uptime_percent
from monitor.serve.salt import DailySalt
from monitor.serve.traffic import WIDENING, ResponseTimes, long_window, response_times, traffic
from monitor.serve.workers import Workers
from monitor.snapshot import Facts, Measurement, Snapshot
from monitor.standing import SILENCE_S, Standing, restore, save
from monitor.store.history import History
from monitor.thresholds import METRICS
from monitor.workload import resolve

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from monitor.assessment import Assessment
    from monitor.collect.reading import DatabaseProbe
    from monitor.serve.counters import Counters
    from monitor.snapshot import SchemaShape
    from monitor.thresholds import Thresholds

_LOG: Final = logging.getLogger("outgrow.monitor")
#: The database's counters are looked at at least so often, whatever the interval: a look costs microseconds.
_LOOK_S: Final = 1.0
#: Kept in the store once a worker was heard of: from then on, silence is downtime.
_SEEN: Final = "workers-seen"


class CannotLeaveOut(MonitorError, UsageError):
    """The migration decision depends on the metric, or there is none of that name."""


class WindowTooShort(MonitorError, UsageError):
    """The window does not reach from one evaluation to the next."""


@dataclass(frozen=True)
class Watch:
    """What is judged, by which limits, how often.

    Args:
        phase: the phase the application is in.
        next_phase: where it could climb to, None from the last.
        profile: its workload.
        scale: below 1, limits of load are lowered for a demonstration.
        interval_s: seconds between two evaluations.
        window_s: the window of requests, response times and errors.
        without: metrics outside the decision matrix that are left out, such as the CPU of a machine that also
            runs the load.
        roadmap: every phase, first to last; the project's own where it is empty.
        monthly_cost: what the infrastructure costs, US dollars a month; the phase's highest budget by
            default.

    Raises:
        CannotLeaveOut: the decision depends on a metric that is to be left out.
        WindowTooShort: the window is shorter than the interval.
    """

    phase: Phase
    next_phase: str | None
    profile: str = DEFAULT_PROFILE
    scale: float = 1.0
    interval_s: float = 5.0
    window_s: float = 300.0
    without: frozenset[str] = frozenset()
    roadmap: tuple[Phase, ...] = ()
    monthly_cost: float | None = None

    def __post_init__(self) -> None:
        if self.window_s < self.interval_s:
            raise WindowTooShort(
                f"--window {self.window_s:g} is shorter than --interval {self.interval_s:g}",
                why="what happens between two evaluations would be seen by neither",
            )
        for metric in sorted(self.without):
            if metric not in METRICS or METRICS[metric].in_matrix:
                optional = ", ".join(name for name, known in METRICS.items() if not known.in_matrix)
                raise CannotLeaveOut(f"{metric} cannot be left out", next_step=f"--without takes: {optional}")

    def thresholds(self, profile: str | None = None) -> Thresholds:
        """Return the limits to judge by, under the profile asked for or a given one."""
        own = self.phase.thresholds_for(self.profile if profile is None else profile)
        return own if self.scale == 1 else own.scaled(self.scale)


class Sidecar:
    """Watches one application.

    Args:
        watch: what is judged, by which limits, how often.
        probe: what looks at its database.
        history: where each evaluation is kept; in memory only by default.
        shape: tells what the schema looks like, at once; None while it is not known.
        alerts: when alerts fire, and whom they are told to; nobody by default.
        sources: what else is read: a fleet's Prometheus, a cache, the cloud.
    """

    def __init__(
        self,
        watch: Watch,
        probe: DatabaseProbe | None,
        history: History | None = None,
        shape: Callable[[], SchemaShape | None] = lambda: None,
        *,
        alerts: AlertsConfig | None = None,
        sources: Sources | None = None,
    ) -> None:
        #: What is judged, by which limits, how often.
        self.watch = watch
        #: What was measured and judged before, also by earlier runs.
        self.history = History() if history is None else history
        self._profile = resolve(watch.profile, None)
        self._thresholds = watch.thresholds(self._profile)
        self._shape = shape
        self._sources = Sources() if sources is None else sources
        windows = Windows.of(watch.window_s, watch.interval_s)
        self._observer = Observer(probe, windows, machine=not self._sources.is_fleet)
        self._workers = Workers(watch.window_s * max(WIDENING))
        self._clients = ActiveClients()
        self._salt = DailySalt()
        self._reads = CounterWindow(watch.window_s)
        self._seen_before = self.history.recall(_SEEN) is not None
        self._under = f"{watch.phase.id} {watch.profile} {self._thresholds.version}"
        now, clock = time.time(), time.monotonic()
        stood = restore(self.history, under=self._under, now=now, clock=clock)
        self._held = HeldDecisions()
        # What an earlier run held waits for the first decision of this one: its workers have to be heard of.
        self._waiting = None if stood is None else stood.held.lasted(clock=clock)
        self._waits_until = clock + SILENCE_S
        self._sustained = Sustained() if stood is None else stood.sustained
        self._evaluated: float | None = None
        self._memory = Memory(self.history, watch)
        self._started_at = time.time()
        self._evaluations = 0
        self._pushes = 0
        self._refused = 0
        self._observer.look()
        database = self._observer.database
        #: How telling the receivers goes.
        self.delivery = Delivery(
            alerts or AlertsConfig(),
            self.history,
            monitor="the application" if database is None else database.name,
            phase=watch.phase.id,
        )
        self._alerts = AlertEngine(alerts or AlertsConfig(), self.history, self.delivery)
        #: The latest evaluation; replaced as a whole, never changed.
        self.published = self.evaluate()

    # --- Workers ---

    def push(self, document: PushDocument) -> PushAnswer:
        """Count what a worker pushed and answer with the key of the day."""
        self._workers.push(document)
        self._pushes += 1
        salt = self._salt.current()
        return PushAnswer(salt=base64.b64encode(salt.key).decode(), salt_id=salt.id)

    def refuse_push(self) -> None:
        """Count a document that was not one."""
        self._refused += 1

    # --- Watching ---

    def run(self, stop: threading.Event) -> None:
        """Look and evaluate until told to stop."""
        pause = min(_LOOK_S, self.watch.interval_s)
        due = time.monotonic() + self.watch.interval_s
        self.delivery.start()
        while not stop.wait(pause):
            try:
                self._observer.look()
                if time.monotonic() >= due:
                    due = max(due + self.watch.interval_s, time.monotonic())
                    self.published = self.evaluate()
            except Exception:  # noqa: BLE001  # one failed look must not end the watching; /healthz tells of many
                _LOG.exception("an evaluation failed")
        self._observer.close()
        self.delivery.stop()
        self._sources.close()
        self.history.close()

    def evaluate(self) -> Published:
        """Judge what is known now."""
        now, clock = time.time(), time.monotonic()
        workers = self._workers.live()
        reported = [worker.document.clients for worker in workers if worker.document.clients is not None]
        users = self._clients.count(reported, self._salt.current().id, now=clock)
        metrics = _merged(self._observer.measurements(), traffic(self._workers, users, self.watch.window_s))
        metrics = self._sources.complete(metrics)
        metrics |= phase_metrics(self._thresholds, self._observer.database, workers, self._sources.details())
        for metric in self.watch.without:
            metrics[metric] = Measurement(None, METRICS[metric].unit, note="left out with --without")
        outlook = self._memory.outlook(self._thresholds, now=now, clock=clock)
        facts = self._facts(outlook.write_share)
        profile = resolve(self.watch.profile, facts.write_share, self._profile)
        if profile != self._profile:
            self._profile, self._thresholds = profile, self.watch.thresholds(profile)
        snapshot = Snapshot(self.watch.phase.id, metrics, now, profile, facts)
        assessment = assess(snapshot, self._thresholds, next_phase=self.watch.next_phase)
        assessment = self._memory.complete(assessment, outlook)
        self._hold(assessment.decision, now, clock)
        self._sustain(assessment, now, clock)
        self._evaluations += 1
        total, times = self._workers.total(), self._times()
        self._record(assessment, total, times, clock)
        return Published(
            assessment=assessment,
            held=self._held.held(assessment.decision, clock=clock),
            sustained=self._sustained,
            outlook=outlook,
            alerts=active_alerts(assessment),
            thresholds=self._thresholds,
            database=self._observer.database,
            machine=self._observer.machine,
            total=total,
            times=times,
            workers=workers,
            state=MonitorState(
                version=importlib.metadata.version("outgrow"),
                started_at=self._started_at,
                interval_s=self.watch.interval_s,
                window_s=self.watch.window_s,
                evaluations=self._evaluations,
                pushes=self._pushes,
                refused_pushes=self._refused,
            ),
            clock=clock,
            alert_states=self._alerts.after(assessment, self._thresholds, clock=clock),
            roadmap=self.watch.roadmap,
            fleet=self._sources.fleet,
            cache=self._sources.cache,
            cloud=self._sources.cloud,
        )

    def _times(self) -> ResponseTimes:
        fleet = self._sources.fleet
        if fleet is None:
            return response_times(self._workers.window(self.watch.window_s))
        return ResponseTimes(
            fleet.average_ms,
            fleet.p50_ms,
            fleet.metrics["p95_ms"].value,
            fleet.p99_ms,
            fleet.samples or 0,
            self.watch.window_s,
        )

    def _record(self, assessment: Assessment, total: Counters, times: ResponseTimes, clock: float) -> None:
        """Put an evaluation into the history."""
        if not self._seen_before and self._workers.live():
            self._seen_before = True
            self.history.remember(_SEEN, "true")
        uptime = uptime_percent(self._workers, seen_before=self._seen_before)
        reads = reads_per_second(self._reads, total, clock)
        self.history.append(assessment.taken_at, recorded(assessment, times, uptime=uptime, reads=reads))

    def is_late(self) -> bool:
        """Say whether no evaluation has come for three intervals (at least five seconds)."""
        return time.monotonic() - self.published.clock > max(3 * self.watch.interval_s, 5.0)

    def _hold(self, decision: Decision, now: float, clock: float) -> None:
        """Count a decision, and go on with what an earlier run held once there is one that is known."""
        if self._waiting is not None and (decision is not Decision.UNKNOWN or clock > self._waits_until):
            if decision is not Decision.UNKNOWN:
                self._held = HeldDecisions.of(self._waiting, clock=clock)
            self._waiting = None
        self._held = self._held.after(decision, at=now, clock=clock)

    def _sustain(self, assessment: Assessment, now: float, clock: float) -> None:
        """Take the evaluation into what is held, keep that over restarts, and note what changed."""
        before = self._sustained
        elapsed = 0.0 if self._evaluated is None else clock - self._evaluated
        self._evaluated = clock
        self._sustained = before.after(
            {metric.id: metric.judged_value for metric in assessment.metrics},
            self._thresholds,
            at=now,
            elapsed_s=elapsed,
            long=long_window(self._workers, self.watch.window_s * max(WIDENING)),
        )
        if self._waiting is None:
            standing = Standing(self._held, self._sustained, now)
            save(self.history, standing, under=self._under, clock=clock)
        self._memory.note_changes(before, self._sustained, assessment)

    def _facts(self, share: float | None) -> Facts:
        reading = self._observer.database
        queries = self._workers.window(self.watch.window_s).counters.queries
        counted = {} if queries is None else {"busy_errors": queries.busy, "slow_queries": queries.slow}
        known = {**self._sources.facts(), **database_facts(reading), **counted}
        return Facts(**known, write_share=share, shape=self._shape())


def _merged(
    observed: Mapping[str, Measurement], counted: Mapping[str, Measurement]
) -> dict[str, Measurement]:
    """Put both together; where both know a metric (query time), the database's own count goes first."""
    merged = dict(counted)
    for metric, measured in observed.items():
        if measured.number is not None or merged.get(metric) is None:
            merged[metric] = measured
    return merged
