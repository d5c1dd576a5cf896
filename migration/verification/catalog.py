"""What PostgreSQL really has in a schema, read from its catalog into values."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from migration.target.database import Connection

_ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}


@dataclass(frozen=True)
class CatalogColumn:
    """A column: `type` as format_type writes it, `kind` its pg_type.typtype.

    `base` is the bare type's name; a domain's is that of what it is made of.
    """

    name: str
    type: str
    base: str
    kind: str
    not_null: bool
    has_default: bool
    identity: bool
    generated: bool
    collation: str | None = None


@dataclass(frozen=True)
class CatalogForeignKey:
    """A foreign key."""

    name: str
    columns: tuple[str, ...]
    parent_table: str
    parent_columns: tuple[str, ...]
    on_delete: str
    on_update: str
    deferrable: bool
    initially_deferred: bool
    validated: bool


@dataclass(frozen=True)
class CatalogIndex:
    """An index that no constraint made; a None among the columns is an expression."""

    name: str
    columns: tuple[str | None, ...]
    descending: tuple[bool, ...]
    unique: bool
    partial: bool


@dataclass(frozen=True)
class CatalogTable:
    """A table with everything on it. Keys map a constraint's name to its columns."""

    columns: Mapping[str, CatalogColumn]
    primary_key: tuple[str, ...] | None
    uniques: Mapping[str, tuple[str, ...]]
    foreign_keys: tuple[CatalogForeignKey, ...]
    checks: tuple[str, ...]
    indexes: tuple[CatalogIndex, ...]


@dataclass(frozen=True)
class CatalogTrigger:
    """A trigger of a table or view: when it fires, for which events, for each row or not, and whether at all.

    `calls` says that its function is there and written in PL/pgSQL.
    """

    relation: str
    name: str
    timing: str
    events: frozenset[str]
    each_row: bool
    enabled: bool
    calls: bool


@dataclass(frozen=True)
class Catalog:
    """A schema's tables by name, its views, and the triggers of both."""

    tables: Mapping[str, CatalogTable]
    views: frozenset[str]
    triggers: tuple[CatalogTrigger, ...] = ()


_COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
       (WITH RECURSIVE made AS (
          SELECT t.oid, t.typname, t.typtype, t.typbasetype
          UNION ALL
          SELECT b.oid, b.typname, b.typtype, b.typbasetype
            FROM made JOIN pg_type AS b ON b.oid = made.typbasetype WHERE made.typtype = 'd'
        ) SELECT typname FROM made WHERE typtype <> 'd'),
       t.typtype, a.attnotnull, a.atthasdef, a.attidentity <> '', a.attgenerated <> '',
       CASE WHEN a.attcollation <> t.typcollation THEN l.collname END
  FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_type AS t ON t.oid = a.atttypid
  LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
 WHERE c.relnamespace = to_regnamespace(quote_ident(%s)) AND c.relkind IN ('r', 'p') AND a.attnum > 0
   AND NOT a.attisdropped AND (%s::text IS NULL OR c.relname = %s)
 ORDER BY c.relname, a.attnum
"""
_TABLES = """
SELECT relname, relkind IN ('v', 'm') FROM pg_class
 WHERE relnamespace = to_regnamespace(quote_ident(%s)) AND relkind IN ('r', 'p', 'v', 'm')
   AND (%s::text IS NULL OR relname = %s)
"""
_CONSTRAINTS = """
SELECT c.relname, k.contype::text, k.conname,
       ARRAY(SELECT attname FROM unnest(k.conkey) WITH ORDINALITY AS n (number, place)
               JOIN pg_attribute ON attrelid = k.conrelid AND attnum = number ORDER BY place),
       p.relname,
       ARRAY(SELECT attname FROM unnest(k.confkey) WITH ORDINALITY AS n (number, place)
               JOIN pg_attribute ON attrelid = k.confrelid AND attnum = number ORDER BY place),
       k.confdeltype::text, k.confupdtype::text, k.condeferrable, k.condeferred, k.convalidated
  FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid LEFT JOIN pg_class AS p ON p.oid =
  k.confrelid
 WHERE c.relnamespace = to_regnamespace(quote_ident(%s)) AND k.contype IN ('p', 'u', 'f', 'c')
   AND (%s::text IS NULL OR c.relname = %s)
 ORDER BY c.relname, k.conname
"""
_INDEXES = """
SELECT c.relname, i.relname,
       ARRAY(SELECT attname FROM unnest(x.indkey::int2[]) WITH ORDINALITY AS n (number, place)
               LEFT JOIN pg_attribute ON attrelid = x.indrelid AND attnum = number AND number > 0
              WHERE place <= x.indnkeyatts ORDER BY place),
       ARRAY(SELECT (option & 1) = 1 FROM unnest(x.indoption::int2[]) WITH ORDINALITY AS o (option, place)
              ORDER BY place),
       x.indisunique, x.indpred IS NOT NULL
  FROM pg_index AS x JOIN pg_class AS c ON c.oid = x.indrelid JOIN pg_class AS i ON i.oid = x.indexrelid
 WHERE c.relnamespace = to_regnamespace(quote_ident(%s)) AND x.indisvalid
   AND (%s::text IS NULL OR c.relname = %s)
   AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = x.indexrelid AND contype IN ('p', 'u', 'x'))
 ORDER BY c.relname, i.relname
"""
_TRIGGERS = """
SELECT c.relname, t.tgname, t.tgtype::integer, t.tgenabled IN ('O', 'A'), l.lanname = 'plpgsql'
  FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_proc AS p ON p.oid = t.tgfoid
  JOIN pg_language AS l ON l.oid = p.prolang
 WHERE c.relnamespace = to_regnamespace(quote_ident(%s)) AND NOT t.tgisinternal
   AND (%s::text IS NULL OR c.relname = %s) ORDER BY 1, 2
"""
#: Bits of pg_trigger.tgtype (src/include/catalog/pg_trigger.h).
_ROW, _BEFORE, _INSTEAD = 1, 2, 64
_EVENTS = {4: "INSERT", 8: "DELETE", 16: "UPDATE"}


def read_catalog(connection: Connection, schema: str, only: str | None = None) -> Catalog:
    """Read one schema, or `only` one table of it. A schema that does not exist has nothing in it."""

    def rows(query: str) -> list[tuple[Any, ...]]:
        return connection.execute(query.encode(), [schema, only, only]).fetchall()

    columns: dict[str, dict[str, CatalogColumn]] = defaultdict(dict)
    for table, *column in rows(_COLUMNS):
        columns[table][column[0]] = CatalogColumn(*column)
    keys: dict[str, dict[str, tuple[Any, ...]]] = defaultdict(dict)
    for table, *constraint in rows(_CONSTRAINTS):
        keys[table][constraint[1]] = tuple(constraint)
    indexes: dict[str, list[CatalogIndex]] = defaultdict(list)
    for table, name, terms, descending, unique, partial in rows(_INDEXES):
        indexes[table].append(CatalogIndex(name, tuple(terms), tuple(descending), unique, partial))
    found = rows(_TABLES)
    return Catalog(
        {
            name: _table(columns[name], keys[name], tuple(indexes[name]))
            for name, is_view in found
            if not is_view
        },
        frozenset(name for name, is_view in found if is_view),
        tuple(_trigger(*trigger) for trigger in rows(_TRIGGERS)),
    )


def _trigger(relation: str, name: str, bits: int, enabled: bool, calls: bool) -> CatalogTrigger:
    timing = "INSTEAD OF" if bits & _INSTEAD else "BEFORE" if bits & _BEFORE else "AFTER"
    events = frozenset(event for bit, event in _EVENTS.items() if bits & bit)
    return CatalogTrigger(relation, name, timing, events, bool(bits & _ROW), enabled, calls)


def _table(
    columns: Mapping[str, CatalogColumn],
    constraints: Mapping[str, tuple[Any, ...]],
    indexes: tuple[CatalogIndex, ...],
) -> CatalogTable:
    by_kind: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for constraint in constraints.values():
        by_kind[constraint[0]].append(constraint)
    return CatalogTable(
        columns=columns,
        primary_key=tuple(by_kind["p"][0][2]) if by_kind["p"] else None,
        uniques={name: tuple(names) for _, name, names, *_ in by_kind["u"]},
        foreign_keys=tuple(
            CatalogForeignKey(
                name, tuple(ours), parent, tuple(theirs), _ACTIONS[delete], _ACTIONS[update], *flags
            )
            for _, name, ours, parent, theirs, delete, update, *flags in by_kind["f"]
        ),
        checks=tuple(name for _, name, *_ in by_kind["c"]),
        indexes=indexes,
    )
