"""What an application on TypeORM has to know before it starts on PostgreSQL, about its own columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from migration.schema.decision import Remark
    from migration.schema.draft import PlanDraft
    from migration.schema.target import TargetColumn

#: Columns named in one sentence.
_SHOWN = 6


def advisories(draft: PlanDraft) -> Iterable[Remark]:
    """One sentence for each thing that will be different in the application's code."""
    yield (
        "info",
        (
            "for the first start set synchronize: false and run typeorm schema:log: it must propose nothing, "
            "for what it proposes may drop columns. Outgrow can run it: outgrow migrate orm-check --help"
        ),
    )
    for wanted, text in _ADVICE:
        found = _paths(draft, wanted)
        if found:
            yield "info", f"{text}: {found}"


def _is(*types: str) -> Callable[[TargetColumn], bool]:
    return lambda column: column.type.split("(", maxsplit=1)[0].strip() in types and not column.identity


def _declared(column: TargetColumn, name: str) -> bool:
    return column.source.declared_type.lower().startswith(name)


_ADVICE: tuple[tuple[Callable[[TargetColumn], bool], str], ...] = (
    (
        lambda column: _is("bigint")(column) or column.type.startswith("numeric"),
        "PostgreSQL's driver hands out bigint and numeric as strings: give these a transformer",
    ),
    (
        lambda column: column.type.startswith("timestamp"),
        (
            "timestamps without a zone were stored in UTC, and PostgreSQL's driver reads and writes them in "
            "the zone of the Node process: run it with TZ=UTC (also where the file's application did not)"
        ),
    ),
    (
        lambda column: _declared(column, "datetime") and column.source.default is None,
        (
            'the type "datetime" is called "timestamp" on PostgreSQL, where entities say it: Date and '
            "@CreateDateColumn() need no change"
        ),
    ),
    (_is("bytea"), 'the type "blob" is called "bytea" on PostgreSQL'),
    (
        lambda column: column.type.startswith("time ") or column.type.startswith("time("),
        "times come with their seconds: 12:30 is read as 12:30:00",
    ),
    (
        lambda column: bool(column.labels),
        "enumerations are types of PostgreSQL's: a new value needs ALTER TYPE ... ADD VALUE",
    ),
    (
        _is("uuid"),
        (
            "taken for UUIDs, for every value is one, or their place says so: a column that is a plain "
            "string in its entity needs the type varchar in a rules file (--rules)"
        ),
    ),
)


def _paths(draft: PlanDraft, wanted: Callable[[TargetColumn], bool]) -> str:
    found = [
        f"{table.name}.{column.name}"
        for table in draft.tables.values()
        if table.source.name not in draft.orm.bookkeeping
        for column in table.columns
        if wanted(column)
    ]
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more
