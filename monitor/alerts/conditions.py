"""What each alert sees now: the table's by their metrics, and those that watch the budget and the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.alerts.objectives import BURNS, ENOUGH_REQUESTS, ERRORS, Burn
from monitor.alerts.table import ALERTS, PHASE_ALERTS, AlertGroup, AlertSeverity, alerts_for, runbook
from monitor.thresholds import MATRIX
from monitor.units import show

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from monitor.alerts.config import AlertsConfig
    from monitor.assessment import Assessment
    from monitor.thresholds import Thresholds

_WINDOWS: Final = {"m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True)
class ExtraAlert:
    """An alert that watches more than one metric's value.

    Args:
        id: stable name.
        group: who looks after it.
        severity: warning or critical.
        metric: what it is about; a critical alert silences the warnings about the same.
        title: on a screen.
        runbook: what to do.
        burn: the windows, of a burn-rate alert.
    """

    id: str
    group: AlertGroup
    severity: AlertSeverity
    metric: str
    title: str
    runbook: str
    burn: Burn | None = None


DATA_ABSENT: Final = ExtraAlert(
    "data_absent_warning",
    AlertGroup.CAPACITY,
    AlertSeverity.WARNING,
    "data",
    "Data absent",
    runbook("Data absent"),
)
#: Beside the table's: what the decision depends on is not known, and the error budget's burn rates.
EXTRA: Final = (
    DATA_ABSENT,
    *(
        ExtraAlert(
            pair.id(ERRORS),
            AlertGroup.PERFORMANCE,
            pair.severity,
            "errors_budget",
            f"{ERRORS.title} burn over {pair.long}",
            pair.runbook(ERRORS),
            pair,
        )
        for pair in BURNS
    ),
)


@dataclass(frozen=True)
class Condition:
    """What one alert sees.

    Args:
        id: the alert's.
        group: who looks after it.
        severity: warning or critical.
        metric: what it is about.
        title: of what it is about.
        raised: whether it is past its limit; None while that is not known.
        holds: whether a firing alert stays: above the recovery limit; None while that is not known.
        value: in the metric's unit.
        limit: in the metric's unit.
        shown: value and limit for people.
        summary: what it means, one line.
        runbook: what to do.
    """

    id: str
    group: AlertGroup
    severity: AlertSeverity
    metric: str
    title: str
    raised: bool | None
    holds: bool | None
    value: float | None
    limit: float | None
    shown: str
    summary: str
    runbook: str


@dataclass(frozen=True)
class WindowErrors:
    """The requests of a window: how many, and which share failed (0 to 1)."""

    requests: float
    ratio: float


def window_seconds(window: str) -> int:
    """Read a window as Prometheus writes it: "5m"."""
    return int(window[:-1]) * _WINDOWS[window[-1]]


def conditions(
    assessment: Assessment,
    thresholds: Thresholds,
    config: AlertsConfig,
    errors: Callable[[str], WindowErrors | None],
) -> tuple[Condition, ...]:
    """Say what every enabled alert sees.

    Args:
        assessment: the last evaluation.
        thresholds: its limits.
        config: which alerts are enabled, and where they recover.
        errors: the requests of a window ("1h"); None while none are known.
    """
    judged = {metric.id: metric for metric in assessment.metrics}
    found = []
    for alert in alerts_for(thresholds):
        metric = judged.get(alert.metric)
        if metric is None or not config.enabled(alert.id):
            continue
        raised, holds = None, None
        if metric.category is not None and metric.judged_value is not None:
            raised = alert.fires(metric.category)
            holds = raised or alert.holds(
                metric.judged_value, thresholds, config.timing_of(alert.id).recovery
            )
        found.append(
            Condition(
                alert.id,
                alert.group,
                alert.severity,
                alert.metric,
                metric.title,
                raised,
                holds,
                metric.value,
                alert.limit(thresholds),
                f"{show(alert.metric, metric.value)}, limit {show(alert.metric, alert.limit(thresholds))}",
                alert.summary,
                alert.runbook,
            )
        )
    found += [_extra(extra, assessment, errors) for extra in EXTRA if config.enabled(extra.id)]
    return tuple(found)


def _extra(
    extra: ExtraAlert, assessment: Assessment, errors: Callable[[str], WindowErrors | None]
) -> Condition:
    if extra.burn is None:
        missing = [m.title for m in assessment.metrics if m.id in MATRIX and m.category is None]
        text = f"{len(missing)} of {len(MATRIX)} metrics of the decision are not known"
        return _condition(
            extra,
            raised=bool(missing),
            value=float(len(missing)),
            limit=1.0,
            shown=", ".join(missing) or "nothing is missing",
            summary=text,
        )
    long, short = errors(extra.burn.long), errors(extra.burn.short)
    raised, value = None, None
    if long is not None and long.requests < ENOUGH_REQUESTS:
        raised = False
    elif long is not None and short is not None:
        value = long.ratio / ERRORS.budget
        raised = value > extra.burn.factor and short.ratio / ERRORS.budget > extra.burn.factor
    shown = "not known" if value is None else f"{value:.3g} times, limit {extra.burn.factor:g} times"
    summary = f"The error budget burns over {extra.burn.factor:g} times faster than allowed"
    return _condition(
        extra, raised=raised, value=value, limit=extra.burn.factor, shown=shown, summary=summary
    )


def _condition(
    extra: ExtraAlert, *, raised: bool | None, value: float | None, limit: float, shown: str, summary: str
) -> Condition:
    return Condition(
        extra.id,
        extra.group,
        extra.severity,
        extra.metric,
        extra.title,
        raised,
        raised,
        value,
        limit,
        shown,
        summary,
        extra.runbook,
    )


def waits(config: AlertsConfig) -> Mapping[str, float]:
    """Return how long each alert waits before it fires, by id; burn-rate alerts wait as their windows ask."""
    found = {alert.id: config.timing_of(alert.id).for_s for alert in (*ALERTS, *PHASE_ALERTS)}
    for extra in EXTRA:
        own = config.alerts.get(extra.id)
        if extra.burn is not None and (own is None or own.for_ is None):
            found[extra.id] = float(extra.burn.for_s)
        else:
            found[extra.id] = config.timing_of(extra.id).for_s
    return found
