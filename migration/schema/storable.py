"""What PostgreSQL cannot store: refused, or changed as the user's options say, but never unseen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.schema.decision import Decision
from migration.schema.declared import type_of
from migration.schema.misfits import blank_values
from migration.schema.target import Conversion
from migration.schema.wording import counted

if TYPE_CHECKING:
    from migration.schema.draft import PlanDraft
    from migration.schema.options import NulPolicy, PlanOptions, Utf8Policy
    from migration.schema.source import Column, Table
    from migration.values.facts import ColumnProfile, TableProfile, TextFacts

_TEXTUAL = (Conversion.TEXT, Conversion.ANY_AS_TEXT, Conversion.JSON)
#: postgresql.org/docs/current/limits.html: 1 GB a field, which COPY's text form must not exceed either.
_LARGEST = 2**30 - 2**16
_MOST_COLUMNS = 1_600
_CODECS = {"UTF-8": "utf-8", "UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}


@dataclass(frozen=True)
class SettledText:
    """How a column's texts are read: the codec for their bytes, if SQLite cannot hand them out as they are.

    `rejects` of them cannot be stored, and their rows are kept aside.
    """

    codec: str | None = None
    rejects: int = 0


def settle_text(
    draft: PlanDraft,
    path: str,
    conversion: Conversion,
    facts: TextFacts,
    options: PlanOptions | None = None,
) -> SettledText:
    """Note, or refuse, the texts of one column that PostgreSQL cannot store as they are.

    `options` are those of the column, where they are not everyone's.
    """
    own, rejects = options or draft.options, 0
    if conversion in _TEXTUAL:
        if facts.with_nul:
            rejects += _settle_nul(draft, path, facts.with_nul, own.nul_policy)
        if facts.invalid:
            rejects += _settle_invalid(draft, path, facts.invalid, own.invalid_utf8)
    codec = _CODECS.get(draft.source.encoding, "utf-8") if facts.invalid else None
    return SettledText(codec, rejects)


def as_bytes(decision: Decision, facts: TextFacts, options: PlanOptions) -> Decision:
    """The column's bytes as they are, where the user wants that for text that PostgreSQL cannot store."""
    damaged = []
    if facts.with_nul and options.nul_policy == "bytea":
        damaged.append(f"the character NUL in {counted(facts.with_nul, 'text')}")
    if facts.invalid and options.invalid_utf8 == "bytea":
        damaged.append(f"damaged characters in {counted(facts.invalid, 'text')}")
    if not damaged or decision.conversion not in _TEXTUAL:
        return decision
    note = f"{' and '.join(damaged)}: bytea instead of {decision.type}"
    return Decision("bytea", Conversion.BYTES, f"{decision.why}; {note}", (("widened", note),))


def refuse_blanks(draft: PlanDraft, path: str, column: Column, profile: ColumnProfile) -> None:
    """Refuse blank values of dates, numbers and booleans: the user wants to settle them in the source."""
    count = blank_values(type_of(column), profile)
    if count:
        what = (
            f"{counted(count, 'blank value')} ('', 0000-00-00 or, as a date, 0) in a column of other values"
        )
        next_step = (
            "--blanks null stores NULL where the column takes it, --blanks reject keeps the rows aside"
        )
        draft.obstacle(path, count, what, next_step)


def refuse_oversized(draft: PlanDraft, table: Table, profile: TableProfile) -> None:
    """Refuse what is larger than PostgreSQL's limits, which no option changes."""
    if len(table.columns) > _MOST_COLUMNS:
        what = (
            f"{counted(len(table.columns), 'column')}; a table of PostgreSQL's has at most {_MOST_COLUMNS:,}"
        )
        draft.obstacle(table.name, len(table.columns), what, "split the table before the migration")
    for column in table.columns:
        found = profile.columns[column.name]
        # COPY writes each byte of a blob as two digits.
        size = max(2 * (found.max_bytes or 0), found.max_characters or 0)
        if size > _LARGEST:
            what = f"a value of about {size:,} bytes of COPY text; PostgreSQL takes at most {_LARGEST:,}"
            draft.obstacle(
                f"{table.name}.{column.name}", 1, what, "move such values into files before the migration"
            )


def _settle_nul(draft: PlanDraft, path: str, count: int, policy: NulPolicy) -> int:
    found = f"the character NUL in {counted(count, 'text')}"
    match policy:
        case "refuse":
            draft.obstacle(
                path,
                count,
                f"{found}, which PostgreSQL cannot store",
                "--nul-policy strip removes it, replace writes U+2400 in its place, reject keeps such rows "
                "aside, bytea stores the column's bytes",
            )
        case "strip":
            draft.note("changed", path, f"{found}; it is removed")
        case "replace":
            draft.note("changed", path, f"{found}; U+2400 takes its place")
        case "reject":
            draft.note("rejected", path, f"{found}; their rows are rejected")
            return count
        case "bytea":
            pass  # such a column is no text any more: see `as_bytes`
    return 0


def _settle_invalid(draft: PlanDraft, path: str, count: int, policy: Utf8Policy) -> int:
    found = f"bytes that are no {draft.source.encoding} in {counted(count, 'text')}"
    match policy:
        case "refuse":
            draft.obstacle(
                path,
                count,
                f"{found}, which PostgreSQL cannot store",
                "--invalid-utf8 replace writes U+FFFD in their place, latin-1 reads the whole text so, "
                "reject keeps such rows aside, bytea stores the column's bytes",
            )
        case "replace":
            draft.note("changed", path, f"{found}; U+FFFD takes their place")
        case "latin-1" if draft.source.encoding != "UTF-8":
            draft.note("changed", path, f"{found}; U+FFFD takes their place, for that is not Latin-1")
        case "latin-1":
            draft.note("changed", path, f"{found}; the whole text is read as Latin-1")
        case "reject":
            draft.note("rejected", path, f"{found}; their rows are rejected")
            return count
        case "bytea":
            pass
    return 0
