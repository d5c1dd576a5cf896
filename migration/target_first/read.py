"""Reads an application's schema from the catalog of PostgreSQL; writes nothing."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from psycopg import sql

from migration.schema.target import PostgresType
from migration.target_first.existing import (
    ExistingColumn,
    ExistingForeignKey,
    ExistingIndex,
    ExistingSchema,
    ExistingTable,
    ExistingTrigger,
)

if TYPE_CHECKING:
    from migration.target.database import Connection

#: The migration's own tables, where they have no schema of their own.
_OURS = ("outgrow_migration", "outgrow_step", "_outgrow_rejects")

#: Partitions are filled through their parents; what an extension made is no table of the application's.
_TABLES = """
SELECT c.relname, pg_has_role(c.relowner, 'USAGE'), has_table_privilege(c.oid, 'INSERT'),
       has_table_privilege(c.oid, 'SELECT')
  FROM pg_class AS c
 WHERE c.relnamespace = to_regnamespace(quote_ident(%s)) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND NOT EXISTS (SELECT FROM pg_depend AS d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY 1
"""
#: A domain is followed to what it is made of; its own NOT NULL and default count as the column's.
_COLUMNS = """
WITH RECURSIVE found AS (
  SELECT c.oid AS relation, c.relname, a.*, d.oid AS default_of, a.atttypid AS base, a.atttypmod AS modifier,
         a.attnotnull AS required, (a.atthasdef OR a.attidentity <> '') AS filled
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
    LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
   WHERE c.relnamespace = to_regnamespace(quote_ident(%s)) AND c.relkind IN ('r', 'p')
     AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
), resolved AS (
  SELECT relation, attnum, base, modifier, required, filled FROM found
  UNION ALL
  SELECT r.relation, r.attnum, t.typbasetype, t.typtypmod, r.required OR t.typnotnull,
         r.filled OR t.typdefault IS NOT NULL
    FROM resolved AS r JOIN pg_type AS t ON t.oid = r.base WHERE t.typtype = 'd'
)
SELECT f.relname, f.attname, format_type(f.atttypid, f.atttypmod), t.typname, r.modifier, t.oid::int8,
       e.typname, e.oid::int8, r.required, r.filled, f.attgenerated <> '',
       (SELECT s.oid::regclass::text FROM pg_depend AS p JOIN pg_class AS s ON s.oid = p.objid
         WHERE p.classid = 'pg_class'::regclass AND p.refclassid = 'pg_class'::regclass
           AND p.refobjid = f.relation AND p.refobjsubid = f.attnum AND p.deptype IN ('a', 'i')
           AND s.relkind = 'S' ORDER BY p.deptype DESC LIMIT 1),
       (SELECT s.oid::regclass::text FROM pg_depend AS p JOIN pg_class AS s ON s.oid = p.refobjid
         WHERE p.classid = 'pg_attrdef'::regclass AND p.objid = f.default_of
           AND p.refclassid = 'pg_class'::regclass AND s.relkind = 'S' LIMIT 1)
  FROM found AS f JOIN resolved AS r USING (relation, attnum)
  JOIN pg_type AS t ON t.oid = r.base AND t.typtype <> 'd'
  LEFT JOIN pg_type AS e ON e.oid = t.typelem AND t.typlen = -1 AND t.typcategory = 'A'
 ORDER BY f.relname, f.attnum
"""
_LABELS = "SELECT enumtypid::int8, enumlabel FROM pg_enum ORDER BY enumtypid, enumsortorder"
_FOREIGN_KEYS = """
SELECT k.conname, c.relname,
       ARRAY(SELECT attname::text FROM unnest(k.conkey) WITH ORDINALITY AS n (number, place)
               JOIN pg_attribute ON attrelid = k.conrelid AND attnum = number ORDER BY place),
       p.relname,
       ARRAY(SELECT attname::text FROM unnest(k.confkey) WITH ORDINALITY AS n (number, place)
               JOIN pg_attribute ON attrelid = k.confrelid AND attnum = number ORDER BY place),
       pg_get_constraintdef(k.oid), k.convalidated, obj_description(k.oid, 'pg_constraint')
  FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid JOIN pg_class AS p ON p.oid = k.confrelid
 WHERE c.relnamespace = to_regnamespace(quote_ident(%s)) AND p.relnamespace = c.relnamespace
   AND k.contype = 'f' AND k.conparentid = 0
 ORDER BY c.relname, k.conname
"""
#: Left where it is: what a CLUSTER, a replica identity, a statistics target or an extension hangs on.
_INDEXES = """
SELECT i.relname, c.relname, pg_get_indexdef(x.indexrelid), obj_description(x.indexrelid, 'pg_class')
  FROM pg_index AS x JOIN pg_class AS c ON c.oid = x.indrelid JOIN pg_class AS i ON i.oid = x.indexrelid
 WHERE c.relnamespace = to_regnamespace(quote_ident(%s)) AND c.relkind = 'r' AND NOT c.relispartition
   AND x.indisvalid AND NOT x.indisunique AND NOT x.indisclustered AND NOT x.indisreplident
   AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = x.indexrelid)
   AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = x.indexrelid AND attstattarget > 0)
   AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = x.indexrelid
                      AND deptype IN ('e', 'x'))
 ORDER BY c.relname, i.relname
"""
_TRIGGERS = """
SELECT t.tgname, c.relname, t.tgenabled = 'A' FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
 WHERE c.relnamespace = to_regnamespace(quote_ident(%s)) AND NOT t.tgisinternal AND NOT c.relispartition
   AND t.tgenabled IN ('O', 'A')
 ORDER BY c.relname, t.tgname
"""
_VIEWS = """
SELECT relname::text FROM pg_class
 WHERE relnamespace = to_regnamespace(quote_ident(%s)) AND relkind IN ('v', 'm') ORDER BY 1
"""


def read_existing(connection: Connection, schema: str) -> ExistingSchema:
    """Read one schema; one that does not exist has nothing in it."""

    def rows(query: str) -> list[tuple[Any, ...]]:
        return connection.execute(query.encode(), [schema]).fetchall()

    labels: dict[int, list[str]] = defaultdict(list)
    for owner, label in connection.execute(_LABELS):
        labels[owner].append(label)
    columns: dict[str, list[ExistingColumn]] = defaultdict(list)
    for table, *column in rows(_COLUMNS):
        columns[table].append(_column(column, labels))
    tables = [row for row in rows(_TABLES) if row[0] not in _OURS]
    return ExistingSchema(
        schema,
        tuple(
            ExistingTable(
                name,
                tuple(columns[name]),
                owned,
                writable,
                readable and occupied(connection, schema, name),
            )
            for name, owned, writable, readable in tables
        ),
        tuple(
            ExistingForeignKey(name, table, tuple(ours), parent, tuple(theirs), *rest)
            for name, table, ours, parent, theirs, *rest in rows(_FOREIGN_KEYS)
        ),
        tuple(ExistingIndex(*index) for index in rows(_INDEXES)),
        tuple(ExistingTrigger(*trigger) for trigger in rows(_TRIGGERS)),
        tuple(name for (name,) in rows(_VIEWS)),
    )


def occupied(connection: Connection, schema: str, table: str) -> bool:
    """Whether a table holds rows."""
    query = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(schema, table))
    row = connection.execute(query).fetchone()
    return bool(row and row[0])


def schemas_with_tables(connection: Connection) -> tuple[str, ...]:
    """The schemas of this database in which an application has made tables."""
    rows = connection.execute(
        "SELECT DISTINCT n.nspname::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
        " ORDER BY 1"
    )
    return tuple(name for (name,) in rows)


def _column(row: list[Any], labels: dict[int, list[str]]) -> ExistingColumn:
    name, shown, base, modifier, oid, element, element_oid, required, filled, generated, owned, used = row
    inner = None
    if element is not None:
        inner = PostgresType(element, modifier, tuple(labels[element_oid]))
    kind = PostgresType(base, modifier, tuple(labels[oid]), inner)
    return ExistingColumn(name, shown, kind, required, filled, generated, owned or used)
