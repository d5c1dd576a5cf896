"""Plans the tables: names, types, NOT NULL, defaults, identity and generated columns."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from migration.schema import ddl
from migration.schema.chosen import by_rule, textual_conversion
from migration.schema.ddl import quote_identifier
from migration.schema.decision import as_text
from migration.schema.defaults import constant_length, translate_default
from migration.schema.enumeration import is_list_of
from migration.schema.generated import generate
from migration.schema.misfits import policy_of
from migration.schema.names import column_names
from migration.schema.nocase import folded_columns
from migration.schema.storable import as_bytes, refuse_blanks, refuse_oversized, settle_text
from migration.schema.target import Statement, TargetColumn, TargetTable
from migration.schema.types import decide
from migration.schema.unify import family, unify_references
from migration.schema.wording import counted, some_of

if TYPE_CHECKING:
    from migration.schema.decision import Decision
    from migration.schema.draft import PlanDraft
    from migration.schema.misfits import Policy
    from migration.schema.source import Column, Table
    from migration.schema.unify import Decisions


def plan_tables(draft: PlanDraft) -> None:
    """Decide every table and column, and put them into the draft."""
    decided = _decide(draft)
    identities = {table.name: _identity_column(draft, table, decided) for table in draft.source.tables}
    policy: Literal["", "citext", "icu"] = "" if draft.options.nocase == "lower" else draft.options.nocase
    decisions = unify_references(decided, draft.source, draft.profile, identities)
    views = [other.name for other in draft.source.others if other.kind == "view"]
    relations = [
        *((table.shown or table.name, "table") for table in draft.source.tables),
        *((view, "view") for view in views),
    ]
    wanted = {name: draft.options.rules.table(name).rename for name, _ in relations}
    names = draft.relations.take_all(
        ((name, kind, kind) for name, kind in relations),
        {name: new for name, new in wanted.items() if new is not None},
    )
    draft.views |= {view: names[view] for view in views}
    folded = folded_columns(draft, decisions)
    for table in draft.source.tables:
        named = names[table.shown or table.name]
        planned = _table(draft, table, named, decisions, identities[table.name])
        columns = tuple(
            replace(column, folding=policy) if (table.name, column.source.name) in folded else column
            for column in planned.columns
        )
        draft.tables[table.name] = replace(planned, columns=columns)


def _decide(draft: PlanDraft) -> Decisions:
    """Each column's type by itself; where most rows of a table would be rejected, its types are widened."""
    decisions: Decisions = {}
    for table in draft.source.tables:
        keyed = _keyed_columns(table)
        decided = {
            column.name: _decide_column(draft, table, column, keyed, policy=_policy(draft, table, column))
            for column in table.columns
        }
        _widen_most_rejected(draft, table, keyed, decided)
        decisions |= {(table.name, name): decision for name, decision in decided.items()}
    return decisions


def _policy(draft: PlanDraft, table: Table, column: Column) -> Policy:
    in_key = table.primary_key is not None and column.name in table.primary_key.columns
    nullable = not (column.not_null or in_key)
    own = draft.options_for(table.name, column.name)
    return policy_of(own, contract=draft.orm.name != "generic", nullable=nullable)


def _decide_column(
    draft: PlanDraft, table: Table, column: Column, keyed: set[str], *, policy: Policy
) -> Decision:
    profile = draft.profile.tables[table.name].columns[column.name]
    decision = decide(column, profile, compact_integers=draft.orm.compact_integers, policy=policy)
    own = draft.options_for(table.name, column.name)
    decision = as_bytes(decision, profile.text, own)
    decision = draft.orm.refine(table, column, profile, decision)
    rule = draft.options.rules.column(table.name, column.name)
    decision = by_rule(
        rule,
        profile,
        decision,
        blanks=own.blanks,
        microseconds=draft.orm.microseconds,
    )
    if not decision.chosen and decision.type == "json" and column.name in keyed:
        decision = as_text(decision, "PostgreSQL has no index and no key over json")
    length = re.fullmatch(r"character varying\((\d+)\)", decision.type)
    default = constant_length(column.default or "NULL")
    if not decision.chosen and length and default > int(length[1]):
        decision = as_text(decision, f"its default has {default} characters")
    return decision


def _widen_most_rejected(
    draft: PlanDraft, table: Table, keyed: set[str], decided: dict[str, Decision]
) -> None:
    """Widen the columns with the most misfits until at most half of the rows can be rejected.

    The user's own word on a column stands, whatever it costs.
    """
    rows = draft.profile.tables[table.name].rows
    columns = {
        column.name: column
        for column in table.columns
        if draft.options_for(table.name, column.name).misfits == "auto"
    }
    for name in sorted(columns, key=lambda name: -decided[name].rejects):
        if not decided[name].rejects or 2 * sum(item.rejects for item in decided.values()) <= rows:
            return
        rejects = decided[name].rejects
        policy = replace(_policy(draft, table, columns[name]), reject=False)
        wider = _decide_column(draft, table, columns[name], keyed, policy=policy)
        note = (
            f"{some_of(rejects, rows, 'row')} would be rejected: {wider.type} instead of {decided[name].type}"
        )
        decided[name] = replace(wider, why=f"{wider.why}; {note}", notes=(*wider.notes, ("widened", note)))


def _keyed_columns(table: Table) -> set[str]:
    """The columns that an index or a key compares."""
    keyed = set(table.primary_key.columns) if table.primary_key else set()
    keyed.update(column for unique in table.uniques for column in unique.columns)
    keyed.update(column for key in table.foreign_keys for column in key.columns)
    for index in table.indexes:
        keyed.update(term.column for term in index.terms if term.column is not None)
    return keyed


def _identity_column(draft: PlanDraft, table: Table, decisions: Decisions) -> str | None:
    """The column whose values SQLite gives out, and so PostgreSQL must."""
    key = table.primary_key
    if key is None or len(key.columns) > 1 or not draft.orm.gives_out(table, key):
        return None
    classes = draft.profile.tables[table.name].columns[key.columns[0]].classes
    chosen = decisions[table.name, key.columns[0]]
    if chosen.chosen and (family(chosen.type) != "integer" or chosen.reading is not None):
        return None
    return key.columns[0] if set(classes) <= {"integer"} else None


def _table(
    draft: PlanDraft, table: Table, name: str, decisions: Decisions, identity: str | None
) -> TargetTable:
    refuse_oversized(draft, table, draft.profile.tables[table.name])
    rules = {column.name: draft.options.rules.column(table.name, column.name) for column in table.columns}
    spelled = column_names(
        (column.shown or column.name for column in table.columns),
        lambda kind, _seed, old, new, why: draft.renamed(kind, table.name, old, new, why),
        draft.spell,
        {column: rule.rename for column, rule in rules.items() if rule.rename is not None},
    )
    columns = []
    for column in table.columns:
        decision = decisions[table.name, column.name]
        for level, text in decision.notes:
            draft.note(level, f"{table.name}.{column.name}", text)
        shown = spelled[column.shown or column.name]
        listing = next((check.name for check in table.checks if is_list_of(check, column)), None)
        decision = _named(draft, name, shown, decision, listing)
        planned = _column(draft, table, column, decision, shown)
        columns.append(_with_identity(draft, planned, name) if column.name == identity else planned)
    floor = draft.given_out(table) if identity is not None else None
    rows = draft.profile.tables[table.name].rows
    orphans = draft.profile.tables[table.name].orphans
    target = TargetTable(name, table, tuple(columns), floor, rows, orphans)
    return replace(target, columns=tuple(generate(draft, target, column) for column in columns))


def _named(draft: PlanDraft, table: str, column: str, decision: Decision, listing: str | None) -> Decision:
    """Make a type for an enumeration, and name it; columns of one name and one list share it."""
    if not decision.labels:
        return decision
    wanted = draft.orm.enum_type_name(table, column, listing)
    made = draft.enumerations.get((wanted, decision.labels))
    if made is None:
        made = draft.relations.take(wanted, f"{table}.{column}", kind="type")
        draft.enumerations[wanted, decision.labels] = made
        sql = ddl.create_enum(draft.schema, made, decision.labels)
        draft.types.append(Statement("type", made, table, sql))
    return replace(decision, type=ddl.qualified(draft.schema, made))


def _column(draft: PlanDraft, table: Table, column: Column, decision: Decision, name: str) -> TargetColumn:
    path = f"{table.name}.{column.name}"
    profile = draft.profile.tables[table.name].columns[column.name]
    rule = draft.options.rules.column(table.name, column.name)
    default = rule.default
    if column.default is None and default is None and not rule.no_default:
        default = draft.orm.computed_default(table, column, profile, decision)
    if column.default is not None and default is None and not rule.no_default:
        wanted = "text" if decision.labels else decision.type
        translated = translate_default(
            column.default,
            wanted,
            session_clock=draft.orm.session_clock,
            quotes_numbers=draft.orm.quotes_numbers,
        )
        default = draft.orm.default(translated.sql) if translated.sql is not None else None
        if translated.note is not None and translated.level == "left":
            sql = f"{quote_identifier(column.name)} {column.declared_type} DEFAULT {column.default}"
            draft.left("default", path, translated.note, sql, table=table.name)
        elif translated.note is not None:
            draft.note(translated.level, path, translated.note)
    if rule.no_default and column.default is not None:
        draft.note("changed", path, f"has no default, as the rules say; in SQLite it is {column.default}")
    own = draft.options_for(table.name, column.name)
    if own.blanks == "refuse":
        refuse_blanks(draft, path, column, profile)
    settled = settle_text(draft, path, textual_conversion(decision), profile.text, own)
    if column.not_null and profile.nulls:  # a damaged file, or one written past SQLite's own checks
        draft.note("changed", path, f"declared NOT NULL, but stored is {counted(profile.nulls, 'NULL')}")
    key = table.primary_key.columns if table.primary_key is not None else ()
    columns = draft.profile.tables[table.name].columns
    in_key = column.name in key and not any(columns[name].nulls for name in key)
    return TargetColumn(
        name,
        column,
        decision.type,
        decision.conversion,
        (column.not_null or in_key) and profile.nulls == 0,
        default,
        epoch=decision.epoch,
        scale=decision.scale,
        raw_codec=settled.codec,
        unreadable=not profile.readable,
        labels=decision.labels,
        filled=draft.orm.fills(table, column),
        why=decision.why,
        cast=decision.cast,
        blanks=decision.blanks,
        rejects=decision.rejects + settled.rejects,
        reading=decision.reading,
        nul=own.nul_policy if own.nul_policy != draft.options.nul_policy else None,
        utf8=own.invalid_utf8 if own.invalid_utf8 != draft.options.invalid_utf8 else None,
        tried=decision.tried,
    )


def _with_identity(draft: PlanDraft, column: TargetColumn, table: str) -> TargetColumn:
    """Give the column a sequence: a serial where the library expects one, otherwise an identity column.

    PostgreSQL names the sequence table_column_seq; where that name is taken, only an identity column can name
    its sequence otherwise.
    """
    usual = f"{table}_{column.name}_seq"
    name = draft.relations.invent(table, (column.name,), "seq")
    serial = draft.orm.serial_keys and name == usual
    if draft.orm.serial_keys and not serial:
        draft.note(
            "info",
            f"{table}.{column.name}",
            f"an identity column and no serial: {usual} cannot be its sequence",
        )
    return replace(
        column, identity=True, serial=serial, default=None, sequence=None if name == usual else name
    )
