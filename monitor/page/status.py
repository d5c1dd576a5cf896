"""States as people see them: a shape, a colour and a word each, so that none rests on colour alone. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.advice import Severity
from monitor.alerts.table import AlertSeverity
from monitor.assessment import Decision, Light
from monitor.thresholds import Category

if TYPE_CHECKING:
    from monitor.assessment import Assessment, JudgedMetric


@dataclass(frozen=True)
class Badge:
    """A state.

    Args:
        tone: good (a disc), warn (a triangle), bad (an octagon), unknown (a diamond) or info (a square).
        word: what the state is called.
    """

    tone: str
    word: str


LIGHTS: Final = {
    Light.GREEN: Badge("good", "Green"),
    Light.YELLOW: Badge("warn", "Yellow"),
    Light.RED: Badge("bad", "Red"),
    Light.UNKNOWN: Badge("unknown", "Unknown"),
}
DECISIONS: Final = {
    Decision.STAY: Badge("good", "Stay"),
    Decision.PLAN: Badge("warn", "Plan"),
    Decision.URGENT: Badge("bad", "Urgent"),
    Decision.UNKNOWN: Badge("unknown", "Unknown"),
}
CATEGORIES: Final = {
    Category.STAY: Badge("good", "Stay"),
    Category.PLAN: Badge("warn", "Plan"),
    Category.URGENT: Badge("bad", "Urgent"),
    None: Badge("unknown", "Unknown"),
}
SEVERITIES: Final = {
    Severity.CRITICAL.value: Badge("bad", "Critical"),
    Severity.WARNING.value: Badge("warn", "Warning"),
    Severity.INFO.value: Badge("info", "Advice"),
    AlertSeverity.CRITICAL.value: Badge("bad", "Critical"),
    AlertSeverity.WARNING.value: Badge("warn", "Warning"),
}
#: What the light means (the mission's words for the three colours).
MEANINGS: Final = {
    Light.GREEN: "Operating within optimal parameters",
    Light.YELLOW: "Approaching limits: plan scaling",
    Light.RED: "Critical: act now",
    Light.UNKNOWN: "Something the verdict needs is not measured",
}
#: What the decision asks for; {next} is the phase after this one.
_ASKS: Final = {
    Decision.STAY: "Stay in this phase: it carries the load",
    Decision.PLAN: "Plan the climb to {next}",
    Decision.URGENT: "Climb to {next} now",
    Decision.UNKNOWN: "No decision: a metric of the decision matrix is not measured",
}
#: The mission's migration readiness, by decision.
READINESS: Final = {
    Decision.STAY: Badge("good", "Not needed yet"),
    Decision.PLAN: Badge("warn", "Start preparing"),
    Decision.URGENT: Badge("bad", "Migrate now"),
    Decision.UNKNOWN: Badge("unknown", "Not known"),
}


def decision_text(assessment: Assessment, next_title: str | None) -> str:
    """Say what the decision asks for."""
    return _ASKS[assessment.decision].format(next=next_title or "larger sizes, as no phase lies beyond")


@dataclass(frozen=True)
class Room:
    """How much room a metric has below its limits.

    Args:
        metric: the judged metric.
        badge: its category.
        used: the value's share of the upper limit, 0 to 1 and beyond; None while it is not known.
        stay_at: where the stay limit lies on the same scale.
        times: by what the value may grow until it reaches the upper limit; None at no value.
    """

    metric: JudgedMetric
    badge: Badge
    used: float | None
    stay_at: float
    times: float | None

    @property
    def bar(self) -> float:
        """The bar's length, 0 to 100."""
        return 0.0 if self.used is None else round(min(self.used, 1.0) * 100, 1)

    @property
    def tick(self) -> float:
        """The stay limit's place on the bar, 0 to 100."""
        return round(self.stay_at * 100, 1)

    @property
    def percent(self) -> str:
        """The used share, written."""
        return "not known" if self.used is None else f"{100 * self.used:.0f} %"


def room_of(metric: JudgedMetric, upper: float) -> Room:
    """Say how far a metric is from its upper limit (`Limit.upper`)."""
    used = None if metric.value is None else metric.value / upper
    times = None if not metric.value else upper / metric.value
    return Room(metric, CATEGORIES[metric.category], used, metric.stay / upper, times)
