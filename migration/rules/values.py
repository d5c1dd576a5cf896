"""The user's rules as frozen values: pinned in the journal, hashed into the plan.

Where a rule was written (file and line) is kept for messages only: moving it changes no plan.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True)
class Transform:
    """A Python function that makes a value of a stored one.

    `path` is the module's file, `sha256` the hash of its text: other code is another plan.
    """

    path: str
    function: str
    sha256: str


@dataclass(frozen=True)
class TableRule:
    """What to do with the tables that a pattern names."""

    pattern: str
    skip: bool | None = None
    rename: str | None = None
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class ColumnRule:
    """What to do with the columns that a pattern (table.column) names; None: as without the rule.

    `default` is an SQL expression; `no_default` takes the column's default away.
    """

    pattern: str
    skip: bool | None = None
    rename: str | None = None
    type: str | None = None
    conversion: str | None = None
    format: str | None = None
    time_zone: str | None = None
    default: str | None = None
    no_default: bool | None = None
    nul: str | None = None
    utf8: str | None = None
    misfits: str | None = None
    blanks: str | None = None
    transform: Transform | None = None
    line: int = field(default=0, compare=False)


Rule = TypeVar("Rule", TableRule, ColumnRule)


@dataclass(frozen=True)
class Hooks:
    """SQL statements to run at certain points of the migration, in order."""

    before_schema: tuple[str, ...] = ()
    after_schema: tuple[str, ...] = ()
    before_load: tuple[str, ...] = ()
    after_load: tuple[str, ...] = ()
    after_all: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any(getattr(self, point.name) for point in fields(self))


@dataclass(frozen=True)
class Rules:
    """A whole rules file. `file` is where it was read from."""

    tables: tuple[TableRule, ...] = ()
    columns: tuple[ColumnRule, ...] = ()
    hooks: Hooks = field(default_factory=Hooks)
    file: str = field(default="", compare=False)

    def table(self, name: str) -> TableRule:
        """What the rules say about one table: entries apply from top to bottom, exact names last."""
        return _merged(TableRule(name), self.tables, name)

    def column(self, table: str, column: str) -> ColumnRule:
        """What the rules say about one column: entries apply from top to bottom, exact names last."""
        return _merged(ColumnRule(f"{table}.{column}"), self.columns, f"{table}.{column}")

    @property
    def renames(self) -> bool:
        """Whether anything gets another name."""
        return any(rule.rename for rule in self.tables) or any(rule.rename for rule in self.columns)

    def to_json(self) -> dict[str, Any]:
        """Only what was said, so that a later version's new keys change no older plan."""
        return {
            "tables": {rule.pattern: _said(rule) for rule in self.tables},
            "columns": {rule.pattern: _said(rule) for rule in self.columns},
            "hooks": {
                point.name: list(getattr(self.hooks, point.name))
                for point in fields(self.hooks)
                if getattr(self.hooks, point.name)
            },
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Rules:
        return cls(
            tuple(TableRule(pattern, **said) for pattern, said in content["tables"].items()),
            tuple(_column_rule(pattern, said) for pattern, said in content["columns"].items()),
            Hooks(**{point: tuple(statements) for point, statements in content["hooks"].items()}),
        )


def _column_rule(pattern: str, said: Mapping[str, Any]) -> ColumnRule:
    values = dict(said)
    if "transform" in values:
        values["transform"] = Transform(**values["transform"])
    return ColumnRule(pattern, **values)


def is_glob(pattern: str) -> bool:
    """Whether a pattern can name more than one thing."""
    return "*" in pattern or "?" in pattern


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern names this; `*` stands for any text, `?` for one character; case counts as in SQLite.

    A name that is spelled exactly so matches even where it holds such a character itself.
    """
    wanted, given = ascii_lower(pattern), ascii_lower(name)
    if wanted == given:
        return True
    parts = ({"*": ".*", "?": "."}.get(part, re.escape(part)) for part in re.split(r"([*?])", wanted))
    return re.fullmatch("".join(parts), given, re.DOTALL) is not None


def ascii_lower(name: str) -> str:
    """A name as SQLite compares it, and as PostgreSQL reads it unquoted: only A to Z are folded."""
    return name.translate(_ASCII_LOWER)


_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def _merged(start: Rule, rules: Iterable[Rule], name: str) -> Rule:
    found: list[Rule] = [rule for rule in rules if matches(rule.pattern, name)]
    exact: list[Rule] = [rule for rule in found if ascii_lower(rule.pattern) == ascii_lower(name)]
    merged = start
    for rule in [*(rule for rule in found if rule not in exact), *exact]:
        said: dict[str, Any] = {
            key: getattr(rule, key) for key in _KEYS[type(rule)] if getattr(rule, key) is not None
        }
        if "default" in said:
            said["no_default"] = None
        elif said.get("no_default"):
            said["default"] = None
        merged = replace(merged, **said, line=rule.line)
    return merged


def _said(rule: TableRule | ColumnRule) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for key in _KEYS[type(rule)]:
        value = getattr(rule, key)
        if value is not None:
            said[key] = dict(vars(value)) if isinstance(value, Transform) else value
    return said


_KEYS: dict[type, tuple[str, ...]] = {
    kind: tuple(key.name for key in fields(kind) if key.name not in ("pattern", "line"))
    for kind in (TableRule, ColumnRule)
}
