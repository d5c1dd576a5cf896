"""The technical dashboard: what is slow, what grows, what to do about it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from monitor.page.status import SEVERITIES
from monitor.page.words import span
from monitor.units import show, show_amount, show_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from monitor.page.seen import Seen
    from monitor.serve.workers import Worker

_ROUTES: Final = 10
_WORKERS: Final = 8
_STATEMENTS: Final = 5
_UNKNOWN: Final = "–"  # noqa: RUF001  # the sign for "no value", not a hyphen


def _metrics(seen: Seen) -> dict[str, Any]:
    return {"rooms": seen.rooms}


def _database(seen: Seen) -> dict[str, Any]:
    reading = seen.published.database
    if reading is None:
        return {"database": None}
    facts = [("Name", reading.name), ("Kind", {"sqlite": "SQLite"}.get(reading.database, "PostgreSQL"))]
    if reading.journal_mode is not None:
        facts.append(("Journal mode", reading.journal_mode))
    facts.append(("Size", _UNKNOWN if reading.size_bytes is None else show_bytes(reading.size_bytes)))
    facts += [(f"File: {name}", show_bytes(size)) for name, size in reading.files.items()]
    facts.append(("Write transactions", show("writes_per_second", seen.value("writes_per_second"))))
    facts += [(_title(name), _detail(name, value)) for name, value in reading.details.items()]
    queries = seen.published.total.queries
    if queries is not None:
        facts += [("Slow statements", f"{queries.slow:,}"), ("Busy errors", f"{queries.busy:,}")]
    return {
        "database": reading,
        "database_facts": facts,
        "database_notes": sorted(set(reading.notes.values())),
    }


def _title(name: str) -> str:
    """Make words of a detail's name: "writer_occupancy_ratio" is "Writer occupancy"."""
    words = re.sub(r"_(ratio|bytes|seconds|percent|ms)$", "", name).replace("_", " ")
    return words[:1].upper() + words[1:]


def _detail(name: str, value: float) -> str:
    if name.endswith("_ratio"):
        return show_amount("%", 100 * value)
    if name.endswith("_percent"):
        return show_amount("%", value)
    if name.endswith("_bytes"):
        return show_bytes(value)
    if name.endswith("_seconds"):
        return span(value) if value >= 1 else show_amount("ms", 1000 * value)
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def _runtime(seen: Seen) -> dict[str, Any]:
    workers = sorted(
        seen.published.workers, key=lambda worker: (worker.document.instance, worker.document.worker)
    )
    return {
        "workers": [_worker(worker, seen.published.clock) for worker in workers[:_WORKERS]],
        "more_workers": max(len(workers) - _WORKERS, 0),
    }


def _worker(worker: Worker, clock: float) -> dict[str, str]:
    document, loop = worker.document, worker.document.event_loop
    return {
        "name": f"{document.instance} / {document.worker}",
        "in_flight": f"{document.requests.in_flight:,}",
        "delay": _UNKNOWN if loop is None else show_amount("ms", loop.delay_p99_ms),
        "busy": _UNKNOWN if loop is None else show_amount("%", 100 * loop.utilization),
        "age": span(max(clock - worker.heard, 0)),
    }


def _routes(seen: Seen) -> dict[str, Any]:
    total = seen.published.total
    routes = sorted(total.routes.items(), key=lambda item: item[1].seconds, reverse=True)
    seconds = sum(counts.seconds for _, counts in routes)
    shown = [
        {
            "name": name,
            "count": counts.count,
            "errors": f"{counts.errors:,}",
            "average": show_amount("ms", 1000 * counts.seconds / counts.count if counts.count else None),
            "share": show_amount("%", 100 * counts.seconds / seconds if seconds else None),
        }
        for name, counts in routes[:_ROUTES]
    ]
    slow = sorted(total.statements.items(), key=lambda item: item[1].seconds, reverse=True)
    statements = [
        {
            "sql": sql,
            "count": f"{counts.count:,}",
            "average": show_amount("ms", 1000 * counts.seconds / counts.count if counts.count else None),
            "longest": show_amount("ms", 1000 * counts.longest_seconds),
        }
        for sql, counts in slow[:_STATEMENTS]
    ]
    return {"routes": shown, "routes_counted": len(routes), "statements": statements}


def _advice(seen: Seen) -> dict[str, Any]:
    advice = [
        {
            "badge": SEVERITIES[one.severity.value],
            "action": one.action,
            "because": one.because.text,
            "rule": one.rule_id,
            "command": command_here(one.command, seen),
            "verify": one.verify_with,
        }
        for one in seen.published.assessment.recommendations
    ]
    database = seen.published.database
    sqlite = database is not None and database.database == "sqlite"
    indexes = command_here("outgrow optimize DATABASE", seen) if sqlite else ""
    note = f"Missing indexes are found from the slow statements with: {indexes}" if indexes else ""
    return {"advice": advice, "index_note": note}


def command_here(command: str, seen: Seen) -> str:
    """Put the watched file's name into a command; a connection string, which may hold a password, never."""
    database = seen.published.database
    if database is None or database.database != "sqlite" or not re.fullmatch(r"[\w.-]+", database.name):
        return command
    return re.sub(r"\bDATABASE\b", lambda _: database.name, command)


#: What each region of the dashboard needs beside what all of them get.
TECHNICAL: Final[Mapping[str, Callable[[Seen], dict[str, Any]]]] = {
    "metrics": _metrics,
    "database": _database,
    "runtime": _runtime,
    "routes": _routes,
    "advice": _advice,
}
