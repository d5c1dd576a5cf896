"""Makes the two sides of every reference comparable, because PostgreSQL compares them by their types.

Columns that refer to each other, directly or through others, form a group; a group whose types PostgreSQL
would not compare is given one type that holds all of its values.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from migration.schema.decision import Decision, as_text
from migration.schema.target import Conversion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from migration.schema.source import SourceSchema
    from migration.values.facts import ColumnProfile, Profile

Path = tuple[str, str]
Decisions = dict[Path, Decision]
Common = Literal["integer", "numeric", "text"]

_INTEGERS = ("smallint", "integer", "bigint")


def family(type_name: str) -> str:
    """Types of one family can refer to each other."""
    base = type_name.split("(", maxsplit=1)[0].strip()
    if base in _INTEGERS:
        return "integer"
    return "text" if base in ("text", "character varying") else base


def unify_references(
    decisions: Decisions, source: SourceSchema, profile: Profile, identities: Mapping[str, str | None]
) -> Decisions:
    """Widen the types of columns that refer to each other and could not otherwise.

    Args:
        decisions: each column's own type, by table and column.
        source: the schema, for its foreign keys.
        profile: what the columns hold.
        identities: the identity column of each table; its type cannot change.
    """
    unified = dict(decisions)
    for group in groups(source, decisions):
        types = {family(decisions[path].type) for path in group}
        if len(types) == 1:
            continue
        if types == {"uuid", "text"} and _fill_uuid(unified, group, profile):
            continue
        whole = all(_whole_numbers(profile.tables[table].columns[name]) for table, name in group)
        common = "integer" if whole else _common(types)
        if common is None or (
            common != "integer" and any(identities[table] == name for table, name in group)
        ):
            continue  # the foreign key itself is then reported as left
        for path in group:
            unified[path] = _changed(unified[path], common)
    return unified


def _fill_uuid(decisions: Decisions, group: list[Path], profile: Profile) -> bool:
    """Where only columns without values are not UUIDs, they become so; whether that was possible."""
    others = [path for path in group if decisions[path].type != "uuid"]
    if any(profile.tables[table].columns[name].values for table, name in others):
        return False
    why = "no value is stored; it refers to, or is referred to by, UUIDs"
    decisions |= {path: Decision("uuid", Conversion.UUID, why) for path in others}
    return True


def _whole_numbers(column: ColumnProfile) -> bool:
    """Whether every value is an integer, or a text that is written exactly as one."""
    return column.integers + (column.integer_texts or 0) == column.values


def groups(source: SourceSchema, decisions: Decisions) -> Iterable[list[Path]]:
    """Columns connected by references, each group once and in the order of the file."""
    leader: dict[Path, Path] = {path: path for path in decisions}

    def find(path: Path) -> Path:
        while leader[path] != path:
            path = leader[path]
        return path

    for table in source.tables:
        for key in table.foreign_keys:
            for ours, theirs in zip(key.columns, key.parent_columns, strict=False):
                child, parent = (table.name, ours), (key.parent_table, theirs)
                if child in leader and parent in leader:
                    leader[find(child)] = find(parent)
    groups: dict[Path, list[Path]] = {}
    for path in decisions:
        groups.setdefault(find(path), []).append(path)
    return [group for group in groups.values() if len(group) > 1]


def _common(families: set[str]) -> Common | None:
    """The family that holds all of them."""
    if families <= {"integer", "numeric", "double precision", "boolean"}:
        return "numeric"
    return None if "bytea" in families else "text"


def _changed(decision: Decision, common: Common) -> Decision:
    if decision.chosen or family(decision.type) == common:
        return decision
    if common == "text":
        return as_text(decision, "it refers to, or is referred to by, a column that holds text")
    kind = "bigint" if common == "integer" else "numeric"
    conversion = Conversion.INTEGER if common == "integer" else Conversion.NUMERIC
    note = f"it refers to, or is referred to by, a column of another type: {kind} instead of {decision.type}"
    return replace(
        decision,
        type=kind,
        conversion=conversion,
        why=f"{decision.why}; {note}",
        notes=(*decision.notes, ("widened", note)),
        scale=None,
    )
