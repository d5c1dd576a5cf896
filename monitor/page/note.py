"""The incident note: this moment as plain text, for a ticket or a chat. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.page.status import DECISIONS, LIGHTS, decision_text
from monitor.page.words import clock_time, span
from monitor.units import show

if TYPE_CHECKING:
    from monitor.page.seen import Seen


def incident_note(seen: Seen) -> str:
    """Write the note: verdict, reasons, alerts, metrics beside their limits, what to do first."""
    published = seen.published
    assessment, held = published.assessment, published.held
    score = "no score" if assessment.score is None else f"score {assessment.score:g} of 100"
    name = "" if published.database is None else f" {published.database.name}"
    following = None if seen.next_phase is None else seen.next_phase.id
    lines = [
        f"Outgrow{name}: {LIGHTS[assessment.light].word.lower()}, {score}",
        f"Measured {clock_time(assessment.taken_at)}; {assessment.phase}, {assessment.profile} workload",
        f"Decision {DECISIONS[assessment.decision].word.lower()}: {decision_text(assessment, following)}",
        f"Held for {span(held.seconds)}",
    ]
    if seen.late_s is not None:
        lines.append(f"STALE: the monitor last evaluated {span(seen.late_s)} ago")
    if assessment.scale != 1:
        lines.append(f"Demonstration: limits of load are scaled by {assessment.scale:g}")
    lines += [
        "",
        "Why",
        *(f"- {reason}" for reason in assessment.reasons or ("nothing is past its stay limit",)),
    ]
    lines += ["", "Active alerts"]
    lines += [f"- {alert.severity.value}: {alert.summary}" for alert in published.alerts] or ["- none"]
    lines += ["", "Metrics (stay below / urgent above)"]
    for metric in assessment.metrics:
        limits = f"{show(metric.id, metric.stay)} / {show(metric.id, metric.urgent)}"
        lines.append(f"- {metric.title}: {show(metric.id, metric.value)} ({limits})")
    if assessment.recommendations:
        first = assessment.recommendations[0]
        lines += ["", f"First step: {first.action}", f"  {first.command}"]
    return "\n".join(lines)
