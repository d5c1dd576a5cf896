"""Service level objectives, and how fast their budget may be spent: the burn-rate alerts.

The windows and factors are those of the SRE workbook (chapter "Alerting on SLOs"): an alert needs the long
window, so that it is worth waking somebody, and the short one, so that it ends soon after the trouble does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from monitor.alerts.table import AlertSeverity, rule_name, runbook
from monitor.kpis import TARGETS

#: The mission's KPI: fewer than 0.5 % of requests fail.
ERROR_BUDGET: Final = next(target.number for target in TARGETS if target.id == "error_rate") / 100
#: The mission's KPI: P95 under the stay limit, so that one request of twenty may be slower.
SLOW_BUDGET: Final = 0.05
#: Fewer requests than this in the long window prove nothing about an objective: one failure would be a fire.
ENOUGH_REQUESTS: Final = 100


@dataclass(frozen=True)
class Objective:
    """What share of requests may be bad.

    Args:
        id: of the recorded series.
        title: on a screen.
        bad: what a bad request is, in words.
        budget: the share of bad requests that is allowed.
    """

    id: str
    title: str
    bad: str
    budget: float


ERRORS: Final = Objective("errors", "Error budget", "failing (5xx)", ERROR_BUDGET)
SLOW: Final = Objective("slow", "Latency budget", "slower than the stay limit of P95", SLOW_BUDGET)
OBJECTIVES: Final = (ERRORS, SLOW)


@dataclass(frozen=True)
class Burn:
    """One pair of windows.

    Args:
        factor: how many times faster than allowed the budget is spent.
        long: the window that proves it, as Prometheus writes it.
        short: the window that shows that it goes on.
        for_s: how long both must hold.
        severity: what it means.
        spent: what share of the budget of 30 days is gone when the long window is full of it, in percent.
    """

    factor: float
    long: str
    short: str
    for_s: int
    severity: AlertSeverity
    spent: int

    def rule_name(self, objective: Objective) -> str:
        """The alert's name in Prometheus: "OutgrowErrorBudgetBurn1hCritical"."""
        return rule_name(f"{objective.title} burn {self.long}", self.severity)

    def id(self, objective: Objective) -> str:
        """The alert's id in the monitor: "errors_burn_1h_critical"."""
        return f"{objective.id}_burn_{self.long}_{self.severity}"

    def runbook(self, objective: Objective) -> str:
        """What to do."""
        return runbook(objective.title)


BURNS: Final = (
    Burn(14.4, "1h", "5m", 120, AlertSeverity.CRITICAL, 2),
    Burn(6, "6h", "30m", 900, AlertSeverity.CRITICAL, 5),
    Burn(3, "1d", "2h", 3600, AlertSeverity.WARNING, 10),
    Burn(1, "3d", "6h", 10800, AlertSeverity.WARNING, 10),
)
#: Every window that is recorded, shortest first.
WINDOWS: Final = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
