"""What the report is made of. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.assessment import Assessment
    from monitor.forecast import Forecast
    from monitor.phases import Phase
    from monitor.store.history import Line


@dataclass(frozen=True)
class PhasePlan:
    """A phase of the roadmap with what its plan costs.

    Args:
        phase: as its stack file states it.
        monthly_usd: the plan's cost; None where the plan could not be made.
        lines: the cost by kind.
        within_budget: None where there is no cost.
        resources: how many resources of each type the plan has.
        problem: why there is no cost.
    """

    phase: Phase
    monthly_usd: float | None
    lines: Mapping[str, float]
    within_budget: bool | None
    resources: Mapping[str, int]
    problem: str = ""


@dataclass(frozen=True)
class Gathered:
    """Everything that was read.

    Args:
        taken_at: when the report was made, seconds since the epoch.
        source: where the measurements come from, in words.
        live: whether a running monitor answered.
        exposition: whether its Prometheus endpoint answered; None where none was asked.
        database: "sqlite" or "postgresql"; None where nothing tells.
        journal_mode: of a SQLite file, where known.
        cache_seen: whether a Redis cache was measured; None where nothing tells.
        history: the series that are kept, by id; empty without a store.
        forecasts: of the metrics that have a history.
        baselines: names of the baselines in the store; None without a store.
        roadmap: every phase.
    """

    taken_at: float
    source: str
    live: bool
    exposition: bool | None
    assessment: Assessment
    database: str | None
    journal_mode: str | None
    cache_seen: bool | None
    history: Mapping[str, Line]
    forecasts: tuple[Forecast, ...]
    baselines: tuple[str, ...] | None
    roadmap: tuple[PhasePlan, ...]

    @property
    def position(self) -> int:
        """The index of the phase the application is in."""
        ids = [plan.phase.id for plan in self.roadmap]
        return ids.index(self.assessment.phase) if self.assessment.phase in ids else 0

    def value(self, metric: str) -> float | None:
        """Return a metric's measured value."""
        return next((one.value for one in self.assessment.metrics if one.id == metric), None)
