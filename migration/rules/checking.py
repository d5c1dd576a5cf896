"""Holds the rules against the file they are for: a rule that names nothing is a mistake, not a wish."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.errors import RulesRefusedError
from migration.rules.values import matches
from migration.schema.chosen import leads_to_time
from migration.schema.wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from migration.rules.values import ColumnRule, Rules, TableRule
    from migration.schema.source import SourceSchema


def check_rules(rules: Rules, source: SourceSchema) -> None:
    """Refuse rules that do not fit the file.

    Raises:
        RulesRefusedError: a rule names nothing, gives a name that another has, or contradicts itself.
    """
    columns = {
        f"{table.name}.{column.name}": (table.name, column.name)
        for table in source.tables
        for column in table.columns
    }
    tables = [table.name for table in source.tables]
    relations = [*tables, *(other.name for other in source.others if other.kind in ("view", "virtual table"))]
    for table_rule in rules.tables:
        _refuse_unknown(rules, table_rule, relations, "table or view")
    for column_rule in rules.columns:
        _refuse_unknown(rules, column_rule, list(columns), "column")
    for table, column in columns.values():
        _refuse_contradiction(rules, rules.column(table, column))
    _refuse_same_names(rules, ((name, rules.table(name)) for name in relations))
    for owner in source.tables:
        named = ((column.name, rules.column(owner.name, column.name)) for column in owner.columns)
        _refuse_same_names(rules, named)


def _refused(
    rules: Rules, rule: TableRule | ColumnRule, what: str, why: str, next_step: str
) -> RulesRefusedError:
    where = f"{rules.file or 'the rules'}, line {rule.line}" if rule.line else rules.file or "the rules"
    return RulesRefusedError(f"{where}: {rule.pattern} {what}", why=why, next_step=next_step)


def _refuse_unknown(rules: Rules, rule: TableRule | ColumnRule, known: Sequence[str], kind: str) -> None:
    if not any(matches(rule.pattern, name) for name in known):
        why = did_you_mean(rule.pattern, known) or f"{len(known)} of them, none of this name"
        raise _refused(
            rules, rule, f"names no {kind} of the file", why, "outgrow migrate rules SRC lists all of them"
        )


def _refuse_contradiction(rules: Rules, rule: ColumnRule) -> None:
    if rule.type is None or (rule.format is None and rule.time_zone is None):
        return
    if not leads_to_time(rule.type):
        key = "format" if rule.format is not None else "time_zone"
        raise _refused(
            rules,
            rule,
            f"has a {key} and the type {rule.type}",
            "what a date format reads is a date or a time",
            "leave the type out, or choose timestamptz, timestamp, date or time",
        )


def _refuse_same_names(rules: Rules, named: Iterable[tuple[str, TableRule | ColumnRule]]) -> None:
    """Refuse a new name that another one of them has, or is given."""
    kept = [(name, rule) for name, rule in named if not rule.skip]
    renamed: dict[str, TableRule | ColumnRule] = {}
    for name, rule in kept:
        if rule.rename is None or rule.rename == name:
            continue
        what, next_step = f"is renamed to {rule.rename}", "choose another name, or rename both"
        if rule.rename in renamed:
            raise _refused(rules, rule, what, "another rule gives this name", next_step)
        renamed[rule.rename] = rule
    for name, rule in kept:
        if name in renamed and rule.rename is None:
            what, next_step = f"is renamed to {name}", "choose another name, or rename both"
            raise _refused(rules, renamed[name], what, "another one has this name", next_step)
