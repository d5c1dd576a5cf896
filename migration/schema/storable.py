"""What PostgreSQL cannot store: refused, or changed as the user's options say, but never unseen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.schema.target import Conversion
from migration.schema.wording import counted

if TYPE_CHECKING:
    from migration.schema.draft import PlanDraft
    from migration.schema.options import NulPolicy, PlanOptions, Utf8Policy
    from migration.schema.source import Table
    from migration.values.facts import TableProfile, TextFacts

_TEXTUAL = (Conversion.TEXT, Conversion.ANY_AS_TEXT, Conversion.JSON)
#: postgresql.org/docs/current/limits.html: 1 GB a field, which COPY's text form must not exceed either.
_LARGEST = 2**30 - 2**16
_MOST_COLUMNS = 1_600
_CODECS = {"UTF-8": "utf-8", "UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}


def settle_text(
    draft: PlanDraft,
    path: str,
    conversion: Conversion,
    facts: TextFacts,
    options: PlanOptions | None = None,
) -> str | None:
    """Note, or refuse, the texts of one column that PostgreSQL cannot store as they are.

    `options` are those of the column, where they are not everyone's.

    Returns:
        The codec to read the column's bytes with, if SQLite could not hand its texts out as they are.
    """
    if conversion in _TEXTUAL:
        if facts.with_nul:
            _settle_nul(draft, path, facts.with_nul, (options or draft.options).nul_policy)
        if facts.invalid:
            _settle_invalid(draft, path, facts.invalid, (options or draft.options).invalid_utf8)
    return _CODECS.get(draft.source.encoding, "utf-8") if facts.invalid else None


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


def _settle_nul(draft: PlanDraft, path: str, count: int, policy: NulPolicy) -> None:
    found = f"the character NUL in {counted(count, 'text')}"
    match policy:
        case "refuse":
            draft.obstacle(
                path,
                count,
                f"{found}, which PostgreSQL cannot store",
                "--nul-policy strip removes it, --nul-policy replace writes U+2400 in its place",
            )
        case "strip":
            draft.note("changed", path, f"{found}; it is removed")
        case "replace":
            draft.note("changed", path, f"{found}; U+2400 takes its place")


def _settle_invalid(draft: PlanDraft, path: str, count: int, policy: Utf8Policy) -> None:
    found = f"bytes that are no {draft.source.encoding} in {counted(count, 'text')}"
    match policy:
        case "refuse":
            draft.obstacle(
                path,
                count,
                f"{found}, which PostgreSQL cannot store",
                "--invalid-utf8 replace writes U+FFFD in their place, "
                "--invalid-utf8 latin-1 reads the whole text as Latin-1",
            )
        case "replace":
            draft.note("changed", path, f"{found}; U+FFFD takes their place")
        case "latin-1":
            draft.note("changed", path, f"{found}; the whole text is read as Latin-1")
