"""A migration of TypeORM's that makes the migrated schema, for every database that comes after this one.

The migrations of a SQLite application hold SQLite's SQL, so they cannot make a PostgreSQL database; this one
can. Where the tables are there already, as after `outgrow migrate run`, it does nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from migration.orm.signs import find_table
from migration.orm.typeorm import is_metadata
from migration.schema.ddl import qualified, quote_identifier, quote_literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from migration.schema.target import TargetPlan

Language = Literal["ts", "js"]
#: The table in which TypeORM remembers its migrations, unless the application has another name for it.
MIGRATIONS = "migrations"


@dataclass(frozen=True)
class Baseline:
    """The migration: its class, which ends with its time in milliseconds, and its file's name and text."""

    name: str
    timestamp: int
    file: str
    text: str


def write_baseline(
    plan: TargetPlan, metadata: Sequence[Mapping[str, str | None]], timestamp: int, language: Language
) -> Baseline:
    """Write the migration.

    Args:
        plan: of the file.
        metadata: the rows of typeorm_metadata, by column.
        timestamp: milliseconds since 1970; TypeORM orders migrations by it.
        language: TypeScript, or JavaScript as CommonJS.
    """
    name = f"Baseline{timestamp}"
    own = set(_bookkeeping(plan))
    tables = [table.name for table in plan.tables if table.name not in own]
    statements = [
        statement.sql
        for statement in (*plan.create, *plan.after_load)
        if statement.table not in own and statement.kind != "rows"
    ]
    up = [*statements, *_remembered(plan, metadata)]
    down = list(_undo(plan, tables))
    text = _TEMPLATES[language].format(
        name=name,
        source=plan.source.path.name,
        table=_quoted(f"{plan.schema}.{tables[0]}" if tables else ""),
        up="\n".join(map(_query, up)),
        down="\n".join(map(_query, down)),
    )
    return Baseline(name, timestamp, f"{timestamp}-baseline.{language}", text)


def make_table(schema: str) -> str:
    """The statement with which TypeORM makes the table of its migrations."""
    return (
        f"CREATE TABLE IF NOT EXISTS {qualified(schema, MIGRATIONS)} ("
        '"id" SERIAL NOT NULL, "timestamp" bigint NOT NULL, "name" character varying NOT NULL, '
        'CONSTRAINT "PK_8c82d7f526340ab734260ea46be" PRIMARY KEY ("id"))'
    )


def _bookkeeping(plan: TargetPlan) -> Iterable[str]:
    """The tables that TypeORM makes itself, before it runs a migration."""
    remembered = find_table(plan.source, MIGRATIONS, {"id", "timestamp", "name"})
    for table in plan.tables:
        if table.source is remembered or is_metadata(table.source):
            yield table.name


def _remembered(plan: TargetPlan, metadata: Sequence[Mapping[str, str | None]]) -> Iterable[str]:
    """What TypeORM wants to know about views and generated columns."""
    table = next((table.name for table in plan.tables if is_metadata(table.source)), None)
    for row in metadata:
        if table is None:
            return
        generated = row["type"] == "GENERATED_COLUMN"
        values = {
            "database": "current_database()" if generated else "NULL",
            "schema": quote_literal(plan.schema),
            **{name: _value(row[name]) for name in ("table", "type", "name", "value")},
        }
        names = ", ".join(map(quote_identifier, values))
        into = qualified(plan.schema, table)
        yield f"INSERT INTO {into} ({names}) VALUES ({', '.join(values.values())})"  # noqa: S608  # quoted


def _value(text: str | None) -> str:
    return "NULL" if text is None else quote_literal(text)


def _undo(plan: TargetPlan, tables: Sequence[str]) -> Iterable[str]:
    for statement in reversed(plan.after_load):
        if statement.kind == "view":
            yield f"DROP VIEW {qualified(plan.schema, statement.name)}"
    for statement in plan.after_load:
        if statement.kind == "foreign key" and statement.table in tables:
            constraint = quote_identifier(statement.name)
            yield f"ALTER TABLE {qualified(plan.schema, statement.table)} DROP CONSTRAINT {constraint}"
    for name in reversed(tables):
        yield f"DROP TABLE {qualified(plan.schema, name)}"
    for statement in plan.create:
        if statement.kind == "type":
            yield f"DROP TYPE {qualified(plan.schema, statement.name)}"


def _query(sql: str) -> str:
    escaped = sql.replace("\\", "\\\\").replace("`", "\\`").replace("${", "\\${")
    return f"    await queryRunner.query(`{escaped}`);"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_BODY = """  name = "{name}";

  /** The schema as it came from {source}; it is left alone where it is there already. */
  {up_head} {{
    if (await queryRunner.hasTable({table})) return;
{up}
  }}

  {down_head} {{
{down}
  }}
}}"""
_TEMPLATES: dict[Language, str] = {
    "ts": 'import type {{ MigrationInterface, QueryRunner }} from "typeorm";\n\n'
    "export class {name} implements MigrationInterface {{\n"
    + _BODY.replace("{up_head}", "async up(queryRunner: QueryRunner): Promise<void>").replace(
        "{down_head}", "async down(queryRunner: QueryRunner): Promise<void>"
    )
    + "\n",
    "js": "module.exports = class {name} {{\n"
    + _BODY.replace("{up_head}", "async up(queryRunner)").replace("{down_head}", "async down(queryRunner)")
    + ";\n",
}
