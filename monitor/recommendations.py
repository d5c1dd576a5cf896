"""What to do about a judgement: one rule, one advice, each with its evidence and the command to type. Pure.

Rules about PostgreSQL follow the mission: plan the migration when the score falls below 70 because of a
metric of the decision matrix. That is a rule and no fourth colour: a score of 65 is yellow either way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.advice import Case, Evidence, Recommendation, Severity
from monitor.fact_rules import FACT_RULES
from monitor.phase_rules import PHASE_RULES
from monitor.thresholds import ALL_METRICS
from monitor.units import show
from monitor.workload import WRITE_HEAVY_FROM

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.assessment import Assessment
    from monitor.snapshot import Facts
    from monitor.thresholds import Thresholds

#: The mission: "Plan PostgreSQL migration when scalability score drops below 70".
PLAN_BELOW: Final = 70.0


def recommend(
    assessment: Assessment, facts: Facts, thresholds: Thresholds, next_phase: str | None
) -> tuple[Recommendation, ...]:
    """Apply every rule; most pressing advice first, then in the order of `RULES`."""
    case = Case(assessment, facts, thresholds, next_phase)
    found = [advice for rule in RULES if (advice := rule(case)) is not None]
    order = list(Severity)
    return tuple(sorted(found, key=lambda advice: order.index(advice.severity)))


def _climb_now(case: Case) -> Recommendation | None:
    """A metric of the matrix is urgent: migrate, or climb, now."""
    if case.assessment.decision != "urgent":
        return None
    known = [metric for metric in case.assessment.metrics if metric.in_matrix and metric.utility is not None]
    worst = min(known, key=lambda metric: metric.utility or 0.0)
    return _climb(case, worst.id, Severity.CRITICAL)


def _plan_climb(case: Case) -> Recommendation | None:
    """The score is below 70 because of a metric of the matrix: start the migration plan."""
    score, bottleneck = case.assessment.score, case.assessment.bottleneck
    if case.assessment.decision == "urgent" or score is None or bottleneck is None:
        return None
    if score >= PLAN_BELOW or not ALL_METRICS[bottleneck].in_matrix:
        return None
    return _climb(case, bottleneck, Severity.WARNING)


def _climb(case: Case, metric: str, severity: Severity) -> Recommendation:
    now = severity is Severity.CRITICAL
    target = case.next_phase
    if target is None:
        rule, action = "raise-sizes", f"Raise the sizes of {case.assessment.phase}: no phase lies beyond it"
        command = f"outgrow infra plan {case.assessment.phase}"
    elif case.on_sqlite and now:
        rule, action = "migrate-to-postgresql", "Migrate to PostgreSQL now"
        command = f"outgrow promote --to {target}"
    elif case.on_sqlite:
        rule, action = "plan-postgresql", "Start planning the migration to PostgreSQL"
        command = "outgrow migrate inspect DATABASE"
    else:
        rule, action = "climb-now" if now else "plan-climb", f"Promote the stack to {target}"
        command = f"outgrow promote --to {target}" if now else f"outgrow infra plan {target}"
    return Recommendation(
        rule_id=rule,
        severity=severity,
        because=case.evidence(metric),
        action=action,
        command=command,
        verify_with="outgrow assess --url URL: the decision is stay again",
        effort="weeks" if target is not None else "days",
    )


def _write_ahead_log(case: Case) -> Recommendation | None:
    mode = case.facts.journal_mode
    if mode in (None, "wal"):
        return None
    pressing = any(case.beyond_stay(name) for name in ("p95_ms", "writes_per_second", "error_rate_percent"))
    why = f"the journal mode is {mode}: every writer stops all readers"
    return Recommendation(
        rule_id="enable-wal",
        severity=Severity.WARNING if pressing else Severity.INFO,
        because=Evidence("journal_mode", mode, "wal", why),
        action="Switch the database to the write-ahead log, so that reading goes on while one writes",
        command="outgrow optimize DATABASE --apply",
        verify_with="outgrow assess --database DATABASE: the journal mode is wal",
        effort="minutes",
    )


def _short_transactions(case: Case) -> Recommendation | None:
    busy = case.facts.busy_errors
    if not busy or not case.on_sqlite:
        return None
    why = f"{busy} statements found the database locked"
    return Recommendation(
        rule_id="wait-for-the-lock",
        severity=Severity.WARNING,
        because=Evidence("busy_errors", float(busy), 0.0, why),
        action="Let connections wait for the write lock, and keep writing transactions short",
        command="PRAGMA busy_timeout=5000 on each connection; BEGIN IMMEDIATE for each writing transaction",
        verify_with="the busy errors at URL/api/metrics/scalability stop growing",
        effort="hours",
    )


def _indexes(case: Case) -> Recommendation | None:
    if not case.beyond_stay("average_query_ms"):
        return None
    query = "SELECT mean_exec_time, calls, query FROM pg_stat_statements ORDER BY 1 DESC LIMIT 10"
    return Recommendation(
        rule_id="index-slow-queries",
        severity=case.severity("average_query_ms"),
        because=case.evidence("average_query_ms"),
        action="Find the slowest queries and give them the index they lack",
        command="outgrow optimize DATABASE --url URL" if case.on_sqlite else f"psql -c '{query}'",
        verify_with="the average query time falls below its stay limit",
        effort="hours",
    )


def _slow_routes(case: Case) -> Recommendation | None:
    if not case.beyond_stay("p95_ms"):
        return None
    return Recommendation(
        rule_id="optimise-slow-routes",
        severity=case.severity("p95_ms"),
        because=case.evidence("p95_ms"),
        action="Look at the slowest routes: missing indexes, queries in a loop, work that can wait",
        command="curl -s URL/api/metrics/scalability (http.routes is sorted by total time)",
        verify_with="P95 under the same load falls below its stay limit",
        effort="days",
    )


def _failing_routes(case: Case) -> Recommendation | None:
    if not case.beyond_stay("error_rate_percent"):
        return None
    return Recommendation(
        rule_id="find-failing-routes",
        severity=case.severity("error_rate_percent"),
        because=case.evidence("error_rate_percent"),
        action="Find the routes that answer 5xx and what fails behind them; a locked database is one cause",
        command="curl -s URL/api/metrics/scalability (http.routes counts errors)",
        verify_with="the error rate falls below its stay limit",
        effort="hours",
    )


def _scale_vertically(case: Case) -> Recommendation | None:
    strained = [name for name in ("cpu_percent", "memory_percent") if case.beyond_stay(name)]
    if not strained:
        return None
    worst = min(strained, key=lambda name: case.by_id[name].utility or 0.0)
    names = " and ".join({"cpu_percent": "CPU", "memory_percent": "memory"}[name] for name in strained)
    return Recommendation(
        rule_id="scale-vertically",
        severity=case.severity(*strained),
        because=case.evidence(worst),
        action=f"See what uses the {names}; if it is the application, give the machine more of it",
        command=f"outgrow infra plan {case.assessment.phase} (after raising outgrow:sizes in its stack file)",
        verify_with="usage under the same load falls below its stay limit",
        effort="hours",
    )


def _scale_horizontally(case: Case) -> Recommendation | None:
    """The mission's capacity table: monitor the request rate at 500, scale at 1,000."""
    judged, upper = case.by_id["requests_per_second"], case.thresholds["requests_per_second"].upper
    if judged.value is None or judged.value <= upper:
        return None
    why = f"{judged.title} is {show(judged.id, judged.value)}; scaling begins at {show(judged.id, upper)}"
    one_host = "; a SQLite file serves one host, so that needs the next phase" if case.on_sqlite else ""
    return Recommendation(
        rule_id="scale-horizontally",
        severity=Severity.WARNING,
        because=Evidence(judged.id, judged.value, upper, why),
        action=f"Serve requests from more instances{one_host}",
        command=f"outgrow infra plan {case.next_phase or case.assessment.phase}",
        verify_with="each instance serves fewer requests per second than the limit",
        effort="days",
    )


def _cache(case: Case) -> Recommendation | None:
    """Requests press, or an application that is seen to read mostly is slow or short of CPU."""
    share = case.facts.write_share
    pressing = [name for name in ("requests_per_second", "p95_ms", "cpu_percent") if case.beyond_stay(name)]
    if share is None:
        pressing = [name for name in pressing if name == "requests_per_second"]
    if not pressing or (share is not None and share >= WRITE_HEAVY_FROM):
        return None
    mostly = "" if share is None else f" ({1 - share:.0%} of the operations read)"
    return Recommendation(
        rule_id="cache-repeated-reads",
        severity=Severity.INFO,
        because=case.evidence(pressing[0]),
        action=f"Put a cache before the reads that repeat{mostly}; the phase's stack brings one",
        command=f"outgrow infra plan {case.assessment.phase}",
        verify_with="the same request rate with a lower P95 and less CPU",
        effort="days",
    )


def _measure(case: Case) -> Recommendation | None:
    """Say what would make an unknown light known."""
    missing = [metric for metric in case.assessment.metrics if metric.in_matrix and metric.category is None]
    if not missing:
        return None
    names = ", ".join(metric.id for metric in missing)
    return Recommendation(
        rule_id="measure-the-missing",
        severity=Severity.INFO,
        because=Evidence(missing[0].id, None, missing[0].stay, f"not known: {names}"),
        action="Add the request middleware to the application and run the monitor beside it",
        command="outgrow monitor serve --database DATABASE",
        verify_with="outgrow assess --url URL: coverage is 100 %",
        effort="minutes",
    )


#: Every rule, in the order equally pressing advice is given.
RULES: Final[tuple[Callable[[Case], Recommendation | None], ...]] = (
    _climb_now,
    _plan_climb,
    _write_ahead_log,
    _short_transactions,
    _indexes,
    _slow_routes,
    _failing_routes,
    _scale_vertically,
    _scale_horizontally,
    _cache,
    *PHASE_RULES,
    *FACT_RULES,
    _measure,
)
