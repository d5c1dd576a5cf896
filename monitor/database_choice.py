"""Which database to move to from SQLite: the mission's three, weighed by what was observed. Pure.

PostgreSQL is the mission's recommendation for most cases, so it leads where nothing is known, and says
that it does so by default. MySQL gains with the share of writes, MongoDB with the share of document
columns and the absence of references; what only one of them can take over from the schema counts for that
one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from monitor.snapshot import Snapshot
    from monitor.workload import Workload


class Confidence(StrEnum):
    """How much of what the choice depends on was observed, and how clear it is."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True)
class Candidate:
    """One database.

    Args:
        name: "PostgreSQL", "MySQL" or "MongoDB".
        points: 0 to 100, comparable among the three only.
        weeks: the mission's timeline of the migration, shortest and longest.
        reasons: what speaks for and against it, from what was observed.
    """

    name: str
    points: int
    weeks: tuple[int, int]
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class DatabaseChoice:
    """The recommendation.

    Args:
        name: the first of the candidates.
        weeks: how long the migration takes, shortest and longest.
        confidence: how sure that is.
        because: what was observed and what was not.
        candidates: all three, best first.
    """

    name: str
    weeks: tuple[int, int]
    confidence: Confidence
    because: tuple[str, ...]
    candidates: tuple[Candidate, ...]


#: The mission's timelines, and where each starts: "recommended for most cases", "alternative option", "for
#: document-heavy workloads".
_WEEKS: Final = {"PostgreSQL": (2, 4), "MySQL": (3, 6), "MongoDB": (4, 8)}
_START: Final = {"PostgreSQL": 60.0, "MySQL": 40.0, "MongoDB": 20.0}
#: From this share of document columns on a schema is a store of documents.
_DOCUMENTS: Final = 0.4
_CLEAR: Final = 15
#: Below so many columns a share of them says little, and counts for less.
_FEW_COLUMNS: Final = 10


def choose_database(snapshot: Snapshot, workload: Workload) -> DatabaseChoice | None:
    """Weigh the three; None where the application is on another database than SQLite already.

    Args:
        snapshot: what was measured, with the schema's shape where it was read.
        workload: the mixture of reads and writes.
    """
    facts = snapshot.facts
    if facts.database not in (None, "sqlite") or (facts.database is None and snapshot.phase != "phase-1"):
        return None
    points = dict(_START)
    reasons: dict[str, list[str]] = {
        "PostgreSQL": ["best migration path from SQLite, and what `outgrow migrate` moves to"],
        "MySQL": [],
        "MongoDB": [],
    }
    because = [_weigh_writes(workload.write_share, points, reasons)]
    shape = facts.shape
    if shape is None or shape.tables == 0:
        because.append("the schema was not read")
    else:
        documents = shape.json_columns / max(shape.columns, 1)
        because.append(
            f"{shape.json_columns} of {shape.columns} columns hold documents, "
            f"{shape.foreign_keys} references join {shape.tables} tables"
        )
        _weigh_documents(documents * min(shape.columns / _FEW_COLUMNS, 1.0), points, reasons)
        _weigh_references(shape.foreign_keys / shape.tables, points, reasons)
        if shape.partial_indexes:
            points["PostgreSQL"] += 5
            points["MySQL"] -= 5
            reasons["PostgreSQL"].append("has the partial and expression indexes that the schema uses")
            reasons["MySQL"].append("has no partial indexes, which the schema uses")
    ranked = sorted(points, key=lambda name: (-points[name], list(_START).index(name)))
    candidates = tuple(
        Candidate(name, round(min(max(points[name], 0), 100)), _WEEKS[name], tuple(reasons[name]))
        for name in ranked
    )
    known = (workload.write_share is not None) + (shape is not None and shape.tables > 0)
    return DatabaseChoice(
        ranked[0],
        _WEEKS[ranked[0]],
        _confidence(known, points[ranked[0]] - points[ranked[1]]),
        tuple(because),
        candidates,
    )


def _weigh_writes(share: float | None, points: dict[str, float], reasons: dict[str, list[str]]) -> str:
    if share is None:
        return "the mixture of reads and writes was not observed"
    gain = 40 * min(max((share - 0.4) / 0.4, 0.0), 1.0)
    if gain:
        points["MySQL"] += gain
        reasons["MySQL"].append(f"good at many small transactions: {share:.0%} of the operations write")
    else:
        points["PostgreSQL"] += 5
        reasons["PostgreSQL"].append(f"strong at reads beside writes: {share:.0%} of the operations write")
    return f"{share:.0%} of the operations write"


def _weigh_documents(share: float, points: dict[str, float], reasons: dict[str, list[str]]) -> None:
    if share >= _DOCUMENTS:
        points["MongoDB"] += 50 * min(share / 0.6, 1.0)
        reasons["MongoDB"].append("stores documents, which many of the columns hold")
        points["MySQL"] -= 10
    elif share > 0:
        points["PostgreSQL"] += 10
        points["MongoDB"] += 25 * share
        reasons["PostgreSQL"].append("jsonb takes over the columns that hold documents")


def _weigh_references(per_table: float, points: dict[str, float], reasons: dict[str, list[str]]) -> None:
    if per_table >= 0.5:
        for name in ("PostgreSQL", "MySQL"):
            points[name] += 10
        points["MongoDB"] -= 20
        reasons["PostgreSQL"].append("keeps the references between tables and joins along them")
        reasons["MongoDB"].append("joins little, and the schema's tables refer to each other")
    elif per_table == 0:
        points["MongoDB"] += 10
        reasons["MongoDB"].append("no table refers to another")


def _confidence(known: int, margin: float) -> Confidence:
    if known == 2 and margin >= _CLEAR:
        return Confidence.HIGH
    return Confidence.MEDIUM if known and margin >= _CLEAR / 3 else Confidence.LOW
