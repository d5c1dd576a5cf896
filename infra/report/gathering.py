"""Reads what the report needs: a running monitor, its store, a database or a snapshot; and the plans."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from infra.errors import InfraError
from infra.report.facts import Gathered, PhasePlan
from monitor.errors import OutgrowError, UsageError
from monitor.forecast import MAX_DAYS, Day, forecast
from monitor.judging import judge
from monitor.phases import load_phase, load_roadmap
from monitor.snapshot import FIRST_PHASE, Facts, Measurement, Snapshot, parse_snapshot
from monitor.store.history import History, Line, Point
from monitor.store.opening import Opened, reading
from monitor.store.tiers import SERIES
from monitor.thresholds import METRICS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from monitor.assessment import Assessment
    from monitor.forecast import Forecast
    from monitor.phases import Phase

_DAY_S: Final = 86_400
#: Hours are what the busy hour of a day is taken from; 2,000 points reach back 83 days.
_HOUR_S: Final = 3600
_REACH_S: Final = 80 * _DAY_S
#: What the store saw longer ago than this is not "now".
_NOW_S: Final = 900.0
_WATCHED: Final = ("score", *METRICS)


class WrongSources(InfraError, UsageError):
    """The options name no source of measurements, or several."""


def gather_url(url: str, *, token: str | None, stacks: Path | None) -> Gathered:
    """Ask a running monitor for its assessment, measurements and history.

    Raises:
        MonitorUnreachable, TokenNeeded, BadMonitorAddress: it does not answer with one.
    """
    import httpx  # noqa: PLC0415  # slow to import, and only this source needs HTTP

    from monitor.client import assessment_url, fetch_assessment  # noqa: PLC0415

    assessment = fetch_assessment(url, token=token)
    base = assessment_url(url).removesuffix("/assessment")
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    with httpx.Client(headers=headers, timeout=5, trust_env=False) as client:

        def ask(path: str, **query: str | float) -> Any:
            try:
                answer = client.get(base + path, params=query)
                return answer.json() if answer.is_success else None
            except (httpx.HTTPError, ValueError):
                return None

        document = ask("") or {}
        history = {name: line for name in _WATCHED if (line := _line(ask, name)) is not None}
        try:
            exposition = client.get(f"{base}/prometheus").is_success
        except httpx.HTTPError:
            exposition = False
    database = document.get("database") or {}
    return _gathered(
        assessment,
        f"a running monitor at {base.split('/api/')[0]}",
        stacks,
        Facts(database=database.get("database"), journal_mode=database.get("journal_mode")),
        history,
        live=True,
        exposition=exposition,
        cache=None if not document.get("redis") else True,
    )


def _line(ask: Callable[..., Any], name: str) -> Line | None:
    answer = ask("/history", metric=name, since=-_REACH_S, step=_HOUR_S)
    if not isinstance(answer, dict) or not answer.get("points"):
        return None
    points = tuple(
        Point(one["at"], one["value"], one["low"], one["high"], one["samples"]) for one in answer["points"]
    )
    return Line(name, int(answer["step_s"]), points)


def gather_snapshot(
    document: bytes, name: str, *, store: Path | None, phase: str | None, stacks: Path | None
) -> Gathered:
    """Judge a snapshot file, with a store's history if there is one.

    Raises:
        BadSnapshot: it cannot be judged.
    """
    taken = parse_snapshot(document)
    taken = replace(taken, phase=phase or taken.phase)
    kept, baselines = ({}, None) if store is None else read_store(store)
    judged = judge(taken, stacks=stacks)
    return _gathered(judged, f"a snapshot, {name}", stacks, taken.facts, kept, baselines=baselines)


def gather_database(
    target: str, *, seconds: float, store: Path | None, phase: str | None, stacks: Path | None
) -> Gathered:
    """Watch a database for some seconds, with a store's history if there is one.

    Raises:
        NotADatabase, DatabaseUnreachable: it cannot be watched.
    """
    from monitor.sampling import sample  # noqa: PLC0415

    chosen = load_phase(phase or FIRST_PHASE, stacks).id
    taken = sample(target, phase=chosen, profile="default", seconds=seconds)
    kept, baselines = ({}, None) if store is None else read_store(store)
    name = "a SQLite file" if taken.facts.database == "sqlite" else "a PostgreSQL database"
    judged = judge(taken, stacks=stacks)
    source = f"{name}, watched from outside for {seconds:g} s"
    return _gathered(judged, source, stacks, taken.facts, kept, baselines=baselines)


def gather_store(store: Path, *, phase: str | None, stacks: Path | None) -> Gathered:
    """Judge what a monitor's store saw last.

    Raises:
        NoStore, NotAStore: it cannot be read.
    """
    kept, baselines = read_store(store)
    now = time.time()
    metrics = {}
    for name, metric in METRICS.items():
        line = kept.get(name)
        age = None if line is None else max(now - line.points[-1].at - line.step_s, 0.0)
        if line is None or age is None or age > _NOW_S + _HOUR_S:
            when = "" if age is None else f"; it was last seen {age / 3600:,.0f} hours ago"
            metrics[name] = Measurement(None, metric.unit, note=f"the store has no recent value{when}")
        else:
            value = line.points[-1].value
            metrics[name] = Measurement(value, metric.unit, window_s=line.step_s, age_s=age)
    taken = Snapshot(phase=load_phase(phase or FIRST_PHASE, stacks).id, metrics=metrics, taken_at=now)
    judged = judge(taken, stacks=stacks)
    return _gathered(judged, f"a monitor's store, {store.name}", stacks, Facts(), kept, baselines=baselines)


def read_store(store: Path) -> tuple[dict[str, Line], tuple[str, ...]]:
    """Read a store's series by the hour, and the names of its baselines; a monitor may be writing to it."""
    with reading(store) as connection:
        history = History(Opened(connection, None))
        since = time.time() - _REACH_S
        lines = {name: history.series(name, since=since, step=_HOUR_S) for name in _WATCHED if name in SERIES}
        try:
            names = tuple(row[0] for row in connection.execute("select name from baselines order by name"))
        except Exception:  # noqa: BLE001  # an older store has no such table: then there is no baseline
            names = ()
    return {name: line for name, line in lines.items() if line.points}, names


def _gathered(
    assessment: Assessment,
    source: str,
    stacks: Path | None,
    facts: Facts,
    history: Mapping[str, Line],
    *,
    live: bool = False,
    exposition: bool | None = None,
    cache: bool | None = None,
    baselines: tuple[str, ...] | None = None,
) -> Gathered:
    thresholds = load_phase(assessment.phase, stacks).thresholds_for(assessment.profile)
    return Gathered(
        taken_at=time.time(),
        source=source,
        live=live,
        exposition=exposition,
        assessment=assessment,
        database=facts.database,
        journal_mode=facts.journal_mode,
        cache_seen=cache,
        history=history,
        forecasts=tuple(
            forecast(name, days_of(history[name]), thresholds[name]) for name in thresholds if name in history
        ),
        baselines=baselines,
        roadmap=_plans(load_roadmap(stacks), stacks),
    )


def days_of(line: Line) -> list[Day]:
    """Take each day's busiest hour."""
    busiest: dict[int, float] = {}
    for point in line.points:
        number = int(point.at // _DAY_S)
        busiest[number] = max(busiest.get(number, point.value), point.value)
    return [Day(number, value) for number, value in sorted(busiest.items())][-MAX_DAYS:]


def _plans(phases: tuple[Phase, ...], stacks: Path | None) -> tuple[PhasePlan, ...]:
    """Plan every phase at the same time: each evaluation is a process of its own."""
    with ThreadPoolExecutor(len(phases)) as pool:
        return tuple(pool.map(lambda phase: _plan(phase, stacks), phases))


def _plan(phase: Phase, stacks: Path | None) -> PhasePlan:
    from infra.plan import build_plan  # noqa: PLC0415  # loads the Pulumi SDK: half a second

    try:
        plan = build_plan(phase.id, stacks=stacks)
    except OutgrowError as error:
        return PhasePlan(phase, None, {}, None, {}, str(error))
    kinds = Counter(resource.type for resource in plan.resources)
    cost = plan.monthly_cost
    return PhasePlan(phase, cost.total, cost.lines, plan.within_budget, dict(kinds))


def forecast_of(gathered: Gathered, metric: str) -> Forecast | None:
    """Return a metric's forecast, None without a history."""
    return next((one for one in gathered.forecasts if one.metric == metric), None)
