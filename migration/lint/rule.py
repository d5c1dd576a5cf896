"""What a rule is, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from migration.lint.statement import Sql

#: `fails`: PostgreSQL refuses it. `differs`: it runs, with another result. `check`: another result is
#: possible, and the SQL alone does not tell.
Severity = Literal["fails", "differs", "check"]


@dataclass(frozen=True)
class Edit:
    """Other text for a part of the SQL, by positions in it."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Hit:
    """One place that a rule is about.

    Where `edits` are given, the SQL with them means on PostgreSQL what it meant on SQLite, as far as this
    rule goes. `severity`, `why` and `instead` replace the rule's own, where the place tells more.
    """

    start: int
    end: int
    edits: tuple[Edit, ...] = ()
    severity: Severity | None = None
    why: str = ""
    instead: str = ""


@dataclass(frozen=True)
class Rule:
    """One difference between the two databases. `needs_source`: without the SQLite file it finds nothing.

    `why` says what happens on PostgreSQL and `instead` what to write; `link` is where PostgreSQL says so.
    """

    id: str
    title: str
    severity: Severity
    why: str
    instead: str
    link: str
    find: Callable[[Sql], Iterable[Hit]]
    needs_source: bool = False
