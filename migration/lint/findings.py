"""What a lint found, as values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  # a field's type
from typing import TYPE_CHECKING, Any

from monitor.errors import ExitCode
from monitor.terminal import to_json

if TYPE_CHECKING:
    from migration.lint.rule import Severity


@dataclass(frozen=True)
class Finding:
    """One place in a file. `sql` is the piece it is about and `statement` all around it.

    `rewritten` is that piece as PostgreSQL takes it, None where nobody but the author can say; `why` is what
    happens there and `instead` what to write.
    """

    file: Path
    line: int
    column: int
    rule: str
    severity: Severity
    sql: str
    why: str
    instead: str
    rewritten: str | None
    statement: int


@dataclass(frozen=True)
class Statement:
    """A statement in which something was found; `number` is what its findings call it.

    `rewritten` has every rewriting that there is, and is `complete` where all its findings have one. Where
    they have not, `translated` is the whole SELECT as the file's types decide it, if it can be translated.
    """

    number: int
    file: Path
    line: int
    kind: str
    sql: str
    rewritten: str | None
    complete: bool
    translated: str | None = None


@dataclass(frozen=True)
class Unread:
    """SQL, or a file, that could not be read, and why."""

    file: Path
    line: int
    why: str


@dataclass(frozen=True)
class LintReport:
    """Everything. `pieces` counts the statements and fragments that were read.

    `postgres` are those of them that are PostgreSQL's already: no rule was asked about them.

    `unparsed` are those that no parser takes for a whole statement: their words were looked at all the same.
    `unread` are those that could not be read.
    """

    files: int
    pieces: int
    postgres: int
    findings: tuple[Finding, ...]
    statements: tuple[Statement, ...]
    unparsed: tuple[Unread, ...]
    unread: tuple[Unread, ...]
    source: Path | None
    skipped_rules: tuple[str, ...]

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.DIFFERS if self.findings else ExitCode.DONE

    def to_json(self) -> dict[str, Any]:
        return {**to_json(self), "exit_code": int(self.exit_code)}
