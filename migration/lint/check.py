"""Lints files: finds their SQL, asks every rule, and writes the statements as PostgreSQL takes them."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

import sqlglot
from sqlglot.errors import SqlglotError

from migration.errors import MigrationError, OptionRefusedError
from migration.lint.catalogue import BY_ID, RULES
from migration.lint.extract import ENDINGS, extract
from migration.lint.findings import Finding, LintReport, Statement, Unread
from migration.lint.operators import find_operators
from migration.lint.pieces import Piece, SourceFile
from migration.lint.rewriting import apply, settle
from migration.lint.statement import Sql
from migration.lint.translation import translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from migration.lint.known import KnownSchema
    from migration.lint.rule import Hit, Rule

#: Folders of other people's code, and of what tools write.
_SKIPPED = frozenset(
    ("node_modules", "dist", "build", "vendor", "venv", "site-packages", "__pycache__", "coverage", "target")
)
#: Bytes. A longer file is data, or written by a tool.
_LONGEST = 5_000_000

#: Which library a program speaks through, by what it imports.
_IMPORTS = (
    ("typeorm", re.compile(r"""(?:from|require\()\s*["']typeorm["']""")),
    ("knex", re.compile(r"""(?:from|require\()\s*["']knex["']""")),
    ("sequelize", re.compile(r"""(?:from|require\()\s*["'](?:@sequelize/core|sequelize)["']""")),
    ("drizzle", re.compile(r"""(?:from|require\()\s*["']drizzle-orm""")),
    ("prisma", re.compile(r"""(?:from|require\()\s*["']@prisma/client["']""")),
    ("sqlalchemy", re.compile(r"^\s*(?:from|import)\s+sqlalchemy\b", re.MULTILINE)),
    ("django", re.compile(r"^\s*(?:from|import)\s+django\b", re.MULTILINE)),
    ("rails", re.compile(r"\bActiveRecord\b|\bApplicationRecord\b")),
)


class FileUnreadableError(MigrationError):
    """A file that was named cannot be read."""


def lint_files(
    paths: Sequence[Path],
    *,
    known: KnownSchema | None = None,
    source: Path | None = None,
    library: str = "auto",
    rules: Sequence[Rule] = RULES,
) -> LintReport:
    """Lint files, and all files with SQL or program code in folders.

    Args:
        paths: files and folders.
        known: what the SQLite file tells; without it, rules that need types and keys find nothing.
        source: that file, for the report.
        library: who speaks to the driver (auto: by each file's imports).
        rules: the rules to ask.

    Raises:
        OptionRefusedError: a path does not exist, or a file is of a kind that is not known.
    """
    findings: list[Finding] = []
    statements: list[Statement] = []
    unparsed: list[Unread] = []
    unread: list[Unread] = []
    pieces = files = postgres = 0
    for path in _files(paths):
        text = _read(path, unread)
        if text is None:
            continue
        files += 1
        file = SourceFile.of(path, text)
        spoken = _library(file, library)
        extracted = extract(file)
        unread += [
            Unread(path, file.place(offset)[0], "a quote in this SQL never ends")
            for offset in extracted.unread
        ]
        if BY_ID["like-case"] in rules:
            _report_operators(file, spoken, findings, statements)
        for piece in extracted.pieces:
            pieces += 1
            sql = Sql(piece, known, spoken)
            if sql.postgres:
                postgres += 1
                continue
            line = file.place(piece.offsets[0])[0]
            hits = _hits(sql, rules)
            if hits:
                _report(file, sql, hits, findings, statements)
            why = _misfit(piece)
            if why:
                unparsed.append(Unread(path, line, why))
    return LintReport(
        files,
        pieces,
        postgres,
        tuple(findings),
        tuple(statements),
        tuple(unparsed),
        tuple(unread),
        source,
        tuple(rule.id for rule in rules if rule.needs_source) if known is None else (),
    )


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            for found in sorted(path.rglob("*")):
                inside = found.relative_to(path).parts
                hidden = any(part in _SKIPPED or part.startswith(".") for part in inside)
                if found.suffix.lstrip(".").lower() in ENDINGS and not hidden and found.is_file():
                    yield found
        elif not path.exists():
            raise OptionRefusedError(
                f"there is no {path}",
                next_step="name files and folders that exist: outgrow migrate lint --help",
            )
        elif path.suffix.lstrip(".").lower() not in ENDINGS:
            raise OptionRefusedError(
                f"{path} cannot be linted",
                why=f"files that end in {', '.join(ENDINGS)} are read",
                next_step="name the files with the SQL, or their folder",
            )
        else:
            yield path


def _read(path: Path, unread: list[Unread]) -> str | None:
    try:
        if path.stat().st_size > _LONGEST:
            unread.append(Unread(path, 1, f"it has more than {_LONGEST:,} bytes"))
            return None
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        unread.append(Unread(path, 1, "it is not UTF-8"))
    except OSError as error:
        unread.append(Unread(path, 1, error.strerror or str(error)))
    return None


def _library(file: SourceFile, chosen: str) -> str:
    if chosen != "auto":
        return chosen
    return next((name for name, sign in _IMPORTS if sign.search(file.text)), "")


def _hits(sql: Sql, rules: Sequence[Rule]) -> list[tuple[Rule, Hit]]:
    return [(rule, hit) for rule in rules if sql.known or not rule.needs_source for hit in rule.find(sql)]


def _report(
    file: SourceFile,
    sql: Sql,
    hits: Sequence[tuple[Rule, Hit]],
    findings: list[Finding],
    statements: list[Statement],
) -> None:
    """Add a statement and what was found in it."""
    number, piece = len(statements), sql.piece
    edits, kept = settle([hit.edits for _, hit in hits])
    for rule, hit in sorted(hits, key=lambda item: item[1].start):
        line, column = file.place(piece.offsets[hit.start])
        start = min((hit.start, *(edit.start for edit in hit.edits)))
        end = max((hit.end, *(edit.end for edit in hit.edits)))
        rewritten = apply(piece, hit.edits, start, end) if hit.edits else None
        findings.append(
            Finding(
                file.path,
                line,
                column,
                rule.id,
                hit.severity or rule.severity,
                piece.shown[start:end] if hit.edits else piece.shown[hit.start : hit.end],
                hit.why or rule.why,
                hit.instead or rule.instead,
                rewritten,
                number,
            )
        )
    statements.append(
        Statement(
            number,
            file.path,
            file.place(piece.offsets[0])[0],
            piece.kind,
            piece.shown,
            apply(piece, edits) if edits else None,
            all(kept),
            None if all(kept) else translated(sql),
        )
    )


def _report_operators(
    file: SourceFile, library: str, findings: list[Finding], statements: list[Statement]
) -> None:
    """Add what the library of a program writes as LIKE."""
    rule = BY_ID["like-case"]
    for operator, start, end in find_operators(file, library):
        line, column = file.place(start)
        code = file.text[file.starts[line - 1] :].partition("\n")[0].strip()
        number, written = len(statements), file.text[start:end]
        instead = operator.instead or None
        findings.append(
            Finding(
                *(file.path, line, column, rule.id, rule.severity, written),
                *(rule.why, operator.advice, instead, number),
            )
        )
        statements.append(Statement(number, file.path, line, "code", code, None, instead is not None))


_PERCENT = re.compile(r"%(?:\(\w+\))?s")


def _misfit(piece: Piece) -> str:
    """Why no parser takes a piece; '' where one does."""
    text = _PERCENT.sub("?", piece.text) if piece.language == "py" else piece.text
    if piece.kind == "fragment":
        return ""
    logger = logging.getLogger("sqlglot")
    before, logger.disabled = logger.disabled, True
    try:
        sqlglot.parse(text, dialect="sqlite")
    except (SqlglotError, RecursionError) as error:
        filled = " (parts of it are filled in by the program)" if piece.holes else ""
        return f"{str(error).splitlines()[0][:120]}{filled}"
    finally:
        logger.disabled = before
    return ""
