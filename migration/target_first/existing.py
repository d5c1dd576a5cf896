"""What an application's schema has, as values: what loading needs to know, and to put back as it was."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from migration.schema.target import PostgresType

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class ExistingColumn:
    """A column: `shown` is its type as format_type writes it, `sequence` the quoted name of what numbers it.

    `filled` says that PostgreSQL has a value for it where none is given: a default, or an identity.
    """

    name: str
    shown: str
    type: PostgresType
    not_null: bool
    filled: bool
    generated: bool
    sequence: str | None


@dataclass(frozen=True)
class ExistingForeignKey:
    """A foreign key with its own definition, word for word; `comment` is what COMMENT ON gave it."""

    name: str
    table: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    definition: str
    validated: bool
    comment: str | None


@dataclass(frozen=True)
class ExistingIndex:
    """An index that can be dropped and made again without a trace: not unique, no constraint's."""

    name: str
    table: str
    definition: str
    comment: str | None


@dataclass(frozen=True)
class ExistingTrigger:
    """A trigger that would run while rows are loaded; `always` is whether it was enabled so."""

    name: str
    table: str
    always: bool


@dataclass(frozen=True)
class ExistingTable:
    """A table. `owned`: the role may alter it; `writable`: it may insert; `occupied`: it holds rows."""

    name: str
    columns: tuple[ExistingColumn, ...]
    owned: bool
    writable: bool
    occupied: bool


@dataclass(frozen=True)
class ExistingSchema:
    """Everything of one schema; foreign keys are those of its tables and those that refer to them.

    `views` are the names of its views.
    """

    schema: str
    tables: tuple[ExistingTable, ...]
    foreign_keys: tuple[ExistingForeignKey, ...]
    indexes: tuple[ExistingIndex, ...]
    triggers: tuple[ExistingTrigger, ...]
    views: tuple[str, ...]

    def table(self, name: str) -> ExistingTable | None:
        return next((table for table in self.tables if table.name == name), None)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> ExistingSchema:
        """What `to_json` has written, after a way through JSON."""
        return cls(
            content["schema"],
            tuple(
                ExistingTable(**{**table, "columns": tuple(map(_column, table["columns"]))})
                for table in content["tables"]
            ),
            tuple(
                ExistingForeignKey(
                    **{
                        **key,
                        "columns": tuple(key["columns"]),
                        "parent_columns": tuple(key["parent_columns"]),
                    }
                )
                for key in content["foreign_keys"]
            ),
            tuple(ExistingIndex(**index) for index in content["indexes"]),
            tuple(ExistingTrigger(**trigger) for trigger in content["triggers"]),
            tuple(content["views"]),
        )


def _column(content: Mapping[str, Any]) -> ExistingColumn:
    return ExistingColumn(**{**content, "type": _type(content["type"])})


def _type(content: Mapping[str, Any]) -> PostgresType:
    element = content["element"]
    return PostgresType(
        content["name"],
        content["modifier"],
        tuple(content["labels"]),
        _type(element) if element is not None else None,
    )
