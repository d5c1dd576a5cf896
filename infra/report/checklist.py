"""The mission's implementation checklist; every tick is derived from what is really there. Pure.

What cannot be seen from here is unknown and says what would show it. "Planned" means that the phase's stack,
evaluated offline, contains it; only a measurement makes it done.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from infra.report.success import success
from monitor.kpis import KpiStatus

if TYPE_CHECKING:
    from infra.report.facts import Gathered, PhasePlan


class Tick(StrEnum):
    """The state of an item."""

    DONE = "done"
    PLANNED = "planned"
    OPEN = "open"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Item:
    """One item: its state, what that rests on, and what to type for it."""

    title: str
    tick: Tick
    basis: str
    command: str = ""


@dataclass(frozen=True)
class Stage:
    """One part of the checklist."""

    title: str
    items: tuple[Item, ...]


_INVISIBLE: Final = "cannot be seen from here"


def checklist(gathered: Gathered) -> tuple[Stage, ...]:
    """Derive the whole list."""
    return (
        Stage("Immediate actions (next 30 days)", tuple(_immediate(gathered))),
        Stage("Short-term goals (3 months)", tuple(_short(gathered))),
        Stage("Medium-term goals (6 months)", tuple(_medium(gathered))),
    )


def _immediate(g: Gathered) -> list[Item]:
    serve = "outgrow monitor serve --database FILE"
    requests = g.value("p95_ms") is not None
    return [
        Item(
            "Scalability monitoring system implemented",
            Tick.DONE if g.live and requests else Tick.OPEN if g.live else Tick.UNKNOWN,
            "a monitor answers and the middleware reports requests"
            if g.live and requests
            else "a monitor answers; no requests are reported yet"
            if g.live
            else f"no monitor was asked; {_INVISIBLE}",
            "" if g.live and requests else serve,
        ),
        Item(
            "Automated assessment endpoints created",
            Tick.DONE if g.live else Tick.UNKNOWN,
            "the assessment of this report came from one" if g.live else "no monitor was asked",
            "" if g.live else "outgrow report --url http://127.0.0.1:9464 --out report.html",
        ),
        Item(
            "Prometheus metrics integration added",
            {True: Tick.DONE, False: Tick.OPEN, None: Tick.UNKNOWN}[g.exposition],
            {
                True: "the endpoint answers",
                False: "the endpoint does not answer",
                None: "no monitor was asked",
            }[g.exposition],
        ),
        Item("Set up alerting thresholds", Tick.UNKNOWN, _INVISIBLE, "outgrow monitor rules --out alerts"),
        Item(
            "Configure monitoring dashboards",
            Tick.UNKNOWN,
            _INVISIBLE,
            "outgrow monitor dashboards --out boards",
        ),
        _wal(g),
        Item(
            "Add Redis caching layer",
            Tick.DONE if g.cache_seen else _planned(g, g.position, "aws:elasticache"),
            "a Redis was measured" if g.cache_seen else _in_stack(g, g.position, "aws:elasticache", "cache"),
            "" if g.cache_seen else f"outgrow infra plan {g.assessment.phase}",
        ),
    ]


def _wal(g: Gathered) -> Item:
    title = "Implement SQLite WAL mode"
    if g.database == "postgresql":
        return Item(title, Tick.DONE, "the application has left SQLite")
    if g.journal_mode is None:
        return Item(title, Tick.UNKNOWN, "the journal mode is not known", "outgrow assess --database FILE")
    if g.journal_mode == "wal":
        return Item(title, Tick.DONE, "the journal mode is wal")
    return Item(title, Tick.OPEN, f"the journal mode is {g.journal_mode}", "outgrow optimize FILE --apply")


def _short(g: Gathered) -> list[Item]:
    moved = g.database == "postgresql"
    baselines = g.baselines
    kept = Tick.UNKNOWN if baselines is None else Tick.DONE if baselines else Tick.OPEN
    return [
        Item(
            "Complete SQLite optimization",
            Tick.DONE if moved else Tick.UNKNOWN,
            "the application has left SQLite" if moved else "this report does not try indexes",
            "" if moved else "outgrow optimize FILE --queries LOG (exit status 0: nothing remains)",
        ),
        Item(
            "Establish performance baselines",
            kept,
            "no store was read" if baselines is None else ", ".join(baselines) or "the store has none",
            "" if baselines else "outgrow monitor baseline save NAME",
        ),
        *(
            Item(
                title,
                Tick.DONE if moved else Tick.UNKNOWN,
                "the application is on PostgreSQL" if moved else _INVISIBLE,
                "" if moved else command,
            )
            for title, command in (
                ("Plan PostgreSQL migration timeline", "outgrow migrate inspect FILE"),
                ("Set up staging environment", "outgrow infra up phase-2"),
                ("Create migration scripts", "outgrow migrate script FILE --out migration"),
                ("Implement gradual migration strategy", "outgrow promote --to phase-2"),
            )
        ),
    ]


def _medium(g: Gathered) -> list[Item]:
    moved = g.database == "postgresql"
    p95 = next((kpi for kpi in success(g) if kpi.id == "response_time"), None)
    performance = (
        Tick.UNKNOWN
        if p95 is None or p95.value is None
        else Tick.DONE
        if p95.status is KpiStatus.MET
        else Tick.OPEN
    )
    state = Tick.DONE if moved else Tick.OPEN if g.database == "sqlite" else Tick.UNKNOWN
    return [
        Item(
            "Complete PostgreSQL migration",
            state,
            f"the application runs on {g.database}" if g.database else "the database is not known",
            "" if moved else "outgrow migrate run FILE DSN",
        ),
        *(
            Item(
                title,
                _planned(g, place, kind),
                _in_stack(g, place, kind, words),
                f"outgrow infra plan phase-{place + 1}",
            )
            for title, place, kind, words in (
                ("Add read replicas", 1, "aws:rds/instance", "databases"),
                ("Implement auto-scaling", 1, "aws:autoscaling", "auto-scaling parts"),
                ("Set up multi-region deployment", 2, "aws:rds/globalCluster", "global databases"),
                ("Advanced monitoring and alerting", 1, "aws:cloudwatch", "alarms and logs"),
            )
        ),
        Item(
            "Performance optimization",
            performance,
            "P95 is not known"
            if p95 is None or p95.value is None
            else f"P95 is {p95.value:,.0f} ms, the target {p95.target:g} ms",
        ),
    ]


def _plan_at(g: Gathered, place: int) -> PhasePlan | None:
    return g.roadmap[place] if place < len(g.roadmap) else None


def _count(g: Gathered, place: int, kind: str) -> int | None:
    plan = _plan_at(g, place)
    if plan is None or plan.monthly_usd is None:
        return None
    return sum(count for name, count in plan.resources.items() if name.startswith(kind))


def _planned(g: Gathered, place: int, kind: str) -> Tick:
    count = _count(g, place, kind)
    return Tick.UNKNOWN if count is None else Tick.PLANNED if count else Tick.OPEN


def _in_stack(g: Gathered, place: int, kind: str, words: str) -> str:
    count = _count(g, place, kind)
    if count is None:
        return "the stack could not be evaluated"
    return f"the stack of phase-{place + 1} has {count or 'no'} {words}; whether it is deployed {_INVISIBLE}"
