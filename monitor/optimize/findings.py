"""What is wrong with a file or the queries on it, and what puts it right: one value for all kinds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from monitor.advice import Severity  # noqa: TC001  # JSON and tests read it at run time


class Place(StrEnum):
    """Who puts it right."""

    FILE = "file"  # outgrow optimize --apply: it is kept in the file
    CONNECTION = "connection"  # the application's settings: it holds for one connection only
    QUERY = "query"  # the application's code
    BY_HAND = "by hand"  # a decision, or a quiet hour, that a program must not take


@dataclass(frozen=True)
class Finding:
    """One finding.

    Args:
        rule_id: stable name of the rule.
        severity: how pressing it is.
        place: who puts it right.
        title: what is to be done, one line.
        evidence: what was found or measured.
        sql: what puts it right, statement by statement; `--apply` runs it where place is "file".
        undo: what takes that back.
        before: a measurement, where the change was tried on the copy.
        after: the same with the change.
    """

    rule_id: str
    severity: Severity
    place: Place
    title: str
    evidence: str
    sql: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()
    before: str = ""
    after: str = ""
