"""COLLATE NOCASE on PostgreSQL, by the user's policy.

`lower`: columns compare bytes, and what must be unique without case is so by an index over lower(). `citext`:
the columns have the type of that extension. `icu`: they have a nondeterministic collation of ICU's, which
needs no extension, but has no LIKE before PostgreSQL 18. All of them fold every letter; NOCASE folds A to Z.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.schema import ddl
from migration.schema.target import Statement
from migration.schema.unify import groups
from migration.schema.wording import counted

if TYPE_CHECKING:
    from migration.schema.draft import PlanDraft
    from migration.schema.source import Table
    from migration.schema.unify import Decisions, Path

#: The name of the collation that the policy icu makes, and of the extension that citext needs.
COLLATION = "nocase"
EXTENSION = "citext"


def folded_columns(draft: PlanDraft, decisions: Decisions) -> set[Path]:
    """The columns that get a type or collation without case: those with NOCASE, and what refers to them."""
    if draft.options.nocase == "lower":
        return set()
    found = {
        (table.name, column.name)
        for table in draft.source.tables
        for column in table.columns
        if is_nocase(column.collation) and is_text(decisions[table.name, column.name].type)
    }
    for group in groups(draft.source, decisions):
        if found.intersection(group):
            found |= {path for path in group if is_text(decisions[path].type)}
    return found


def note_merged(draft: PlanDraft, table: Table, columns: tuple[str, ...], item: str) -> None:
    """Tell of rows that SQLite has beside each other, and a key without case on PostgreSQL would not."""
    merged = draft.profile.tables[table.name].merged.get(columns, 0)
    if merged:
        draft.note(
            "changed",
            item,
            f"{counted(merged, 'row')} differ only in the case of letters beyond A to Z, which NOCASE tells "
            "apart and PostgreSQL does not: the key without case is refused until they are changed",
        )


def is_nocase(collation: str | None) -> bool:
    return collation is not None and collation.upper() == "NOCASE"


def is_text(type_name: str) -> bool:
    return type_name.startswith(("text", "character varying"))


def plan_collations(draft: PlanDraft) -> list[Statement]:
    """What the columns need before they are made; and what a comparison means afterwards, in a note each."""
    policy, needed = draft.options.nocase, False
    for table, target in draft.tables_in_order():
        for column in target.columns:
            path = f"{table.name}.{column.source.name}"
            if column.folding:
                needed = True
                draft.note("changed", path, _MEANING[column.folding])
            elif is_nocase(column.source.collation) and is_text(column.type):
                name = ddl.quote_identifier(column.name)
                text = f"ignored case; in PostgreSQL = tells 'A' from 'a': ask lower({name}) = lower('A')"
                draft.note("changed", path, text)
            elif column.source.collation is not None and not is_nocase(column.source.collation):
                draft.note("changed", path, _other(column.source.collation))
    if not needed:
        return []
    if policy == "citext":
        schema = ddl.quote_identifier(draft.schema)
        sql = f"CREATE EXTENSION IF NOT EXISTS {EXTENSION} WITH SCHEMA {schema}"
        return [Statement("extension", EXTENSION, "", sql)]
    return [
        Statement(
            "collation",
            COLLATION,
            "",
            f"CREATE COLLATION {ddl.qualified(draft.schema, COLLATION)}"
            " (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
        )
    ]


_MEANING = {
    "citext": (
        "is citext: = and LIKE ignore case, if the application's search_path has the schema of the extension "
        "and the other side is no text or varchar by its own declaration"
    ),
    "icu": (
        "has the collation nocase: = ignores the case of every letter; before PostgreSQL 18 LIKE needs "
        'COLLATE "default", and ILIKE always does'
    ),
}


def _other(collation: str) -> str:
    if collation.upper() == "RTRIM":
        return "compared without the blanks at the end; in PostgreSQL = counts them: ask rtrim(column, ' ')"
    return f"the collation {collation} exists in its application only; PostgreSQL compares its texts by bytes"
