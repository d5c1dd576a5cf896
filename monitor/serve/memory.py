"""What a sidecar draws from its history beside each evaluation, no oftener than it is worth."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from monitor.advice import Evidence, Recommendation, Severity
from monitor.assessment import Decision
from monitor.judging import success_metrics
from monitor.kpis import Observed
from monitor.outlook import Outlook, forecasts, look_back
from monitor.store.history import Transition

if TYPE_CHECKING:
    from monitor.assessment import Assessment
    from monitor.hysteresis import Sustained
    from monitor.serve.sidecar import Watch
    from monitor.store.history import History
    from monitor.thresholds import Thresholds

_LOOK_BACK_S: Final = 60.0
_FORECAST_S: Final = 900.0
_WEEK_S: Final = 7 * 86_400.0
_PHASE: Final = "phase"
_LADDER: Final = (Decision.UNKNOWN, Decision.STAY, Decision.PLAN, Decision.URGENT)


class Memory:
    """The outlook of one watched application.

    Args:
        history: what was measured before.
        watch: how it is judged.
    """

    def __init__(self, history: History, watch: Watch) -> None:
        self._history = history
        self._watch = watch
        self._outlook = Outlook()
        self._looked: float | None = None
        self._forecast: float | None = None
        before = history.recall(_PHASE)
        if before != watch.phase.id:
            history.remember(_PHASE, watch.phase.id)
            self._changed_phase = before
        else:
            self._changed_phase = None

    def outlook(self, thresholds: Thresholds, *, now: float, clock: float) -> Outlook:
        """Return what the history says, at most a minute old (forecasts: a quarter hour)."""
        if self._changed_phase is not None:
            self._history.note(
                Transition(now, _PHASE, self._changed_phase, self._watch.phase.id, "the monitor was told so")
            )
            self._changed_phase = None
        interval = self._watch.interval_s
        if self._looked is None or clock - self._looked >= _LOOK_BACK_S:
            self._looked = clock
            seen = look_back(
                self._history, thresholds, phase=self._watch.phase.id, now=now, interval_s=interval
            )
            self._outlook = replace(seen, forecasts=self._outlook.forecasts)
        if self._forecast is None or clock - self._forecast >= _FORECAST_S:
            self._forecast = clock
            made = forecasts(self._history, thresholds, now=now, interval_s=interval)
            self._outlook = replace(self._outlook, forecasts=made)
        return self._outlook

    def complete(self, assessment: Assessment, outlook: Outlook) -> Assessment:
        """Add what only a history knows: success metrics, today's headroom, advice from what it shows."""
        up = outlook.uptime_percent
        uptime = (
            None if up is None else Observed(up, f"uptime as observed over {outlook.uptime_days:.1f} days")
        )
        return replace(
            assessment,
            kpis=success_metrics(
                assessment,
                self._watch.phase,
                uptime=uptime,
                users_peak=outlook.users_peak,
                monthly_cost=self._watch.monthly_cost,
                time_to_scale=self._time_to_scale(),
            ),
            headroom=outlook.headroom or assessment.headroom,
            recommendations=(
                *assessment.recommendations,
                *_from_busy_hour(assessment, outlook, self._watch),
                *_from_forecasts(assessment, outlook, self._watch),
            ),
        )

    def note_changes(self, before: Sustained, after: Sustained, assessment: Assessment) -> None:
        """Remember a change of the held light and decision, with the first reason."""
        reason = assessment.reasons[0]
        for kind, old, new in (
            ("light", before.light, after.light),
            ("decision", before.decision, after.decision),
        ):
            if old is not new:
                self._history.note(Transition(assessment.taken_at, kind, old.value, new.value, reason))

    def _time_to_scale(self) -> Observed | None:
        """Measure the weeks from the first call for another phase to the last change of phase."""
        changes = self._history.transitions(since=0, kind=_PHASE)
        if not changes:
            return None
        arrived = changes[-1].at
        began = changes[-2].at if len(changes) > 1 else 0.0
        calls = [
            change.at
            for change in self._history.transitions(since=began, kind="decision")
            if change.after in (Decision.PLAN, Decision.URGENT) and change.at <= arrived
        ]
        if not calls:
            return None
        basis = f"from the first call for {changes[-1].after} to its arrival"
        return Observed((arrived - calls[0]) / _WEEK_S, basis)


def _from_busy_hour(assessment: Assessment, outlook: Outlook, watch: Watch) -> list[Recommendation]:
    """The week's busiest hour calls for the climb although this moment does not."""
    busy = outlook.capacity
    if busy is None or busy.decision not in (Decision.PLAN, Decision.URGENT) or watch.next_phase is None:
        return []
    if _LADDER.index(busy.decision) <= _LADDER.index(assessment.decision):
        return []
    text = f"in the busiest hour of seven days: {busy.reasons[0]}"
    return [
        Recommendation(
            rule_id="busy-hour",
            severity=Severity.WARNING,
            because=Evidence("decision", busy.decision.value, "stay", text),
            action=f"Decide by the busiest hour, not by this one: it says {busy.decision.value}",
            command=f"outgrow infra plan {watch.next_phase}",
            verify_with="outgrow assess --url URL: the busy hour's decision is stay",
            effort="days",
        )
    ]


def _from_forecasts(assessment: Assessment, outlook: Outlook, watch: Watch) -> list[Recommendation]:
    """An urgent limit may be reached within the time that a migration takes."""
    judged = {metric.id: metric for metric in assessment.metrics}
    return [
        Recommendation(
            rule_id="start-before-the-limit",
            severity=Severity.WARNING,
            because=Evidence(
                one.metric, one.value, one.to_urgent.limit, f"{judged[one.metric].title}, {one.text}"
            ),
            action="Begin the climb now: the limit may be reached before a migration is done",
            command=f"outgrow infra plan {watch.next_phase or watch.phase.id}",
            verify_with="outgrow assess --url URL: the forecast lies beyond the migration's four weeks",
            effort="weeks",
        )
        for one in outlook.forecasts
        if one.within_lead_time
        and one.to_urgent is not None
        and judged[one.metric].in_matrix
        and assessment.decision is not Decision.URGENT
    ][:1]
