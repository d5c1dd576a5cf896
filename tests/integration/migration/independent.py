"""Compares a SQLite file with a PostgreSQL schema, row by row and object by object, by what things mean.

Written from SQLite's and PostgreSQL's manuals alone: nothing of the project is imported, so that a mistake in
the migration cannot hide in its own verification. Also runs by itself: `python independent.py FILE DSN`.
"""

from __future__ import annotations

import json
import math
import re
import sqlite3
import struct
import sys
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

SHOWN = 5
ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
TRUTHS = {
    **dict.fromkeys((1, "1", "t", "true", "y", "yes", "on"), True),
    **dict.fromkeys((0, "0", "f", "false", "n", "no", "off"), False),
}
#: Defaults that give another value at another time.
VARYING = re.compile(
    r"current_|now|random|datetime|strftime|julianday|unixepoch|\bdate\b|\btime\b", re.IGNORECASE
)
UNKNOWN = "no such value"


@dataclass
class Index:
    """An index by its meaning: each part is a column's name, or None for an expression."""

    unique: bool
    parts: list[tuple[str | None, bool]]
    partial: bool
    loose: frozenset[int] = frozenset()  # parts with a collation, which PostgreSQL may need an expression for

    def same(self, other: Index) -> bool:
        return (
            (self.unique, self.partial, len(self.parts)) == (other.unique, other.partial, len(other.parts))
            and [desc for _, desc in self.parts] == [desc for _, desc in other.parts]
            and all(
                ours == theirs or (number in self.loose and theirs is None)
                for number, ((ours, _), (theirs, _)) in enumerate(zip(self.parts, other.parts, strict=True))
            )
        )


@dataclass
class Table:
    """What one side says of a table."""

    columns: dict[str, tuple[bool, str | None, bool]] = field(
        default_factory=dict
    )  # not null, default, generated
    types: dict[str, str] = field(default_factory=dict)
    primary: tuple[str, ...] = ()
    uniques: list[tuple[str, ...]] = field(default_factory=list)
    foreign: Counter[Any] = field(default_factory=Counter)
    checks: int = 0
    indexes: dict[str, Index] = field(default_factory=dict)
    identity: str | None = None


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def differences(
    path: Path,
    dsn: str,
    schema: str = "public",
    *,
    left: Iterable[str] = (),
    rejected: Mapping[str, int] | None = None,
    text: Callable[[bytes], str] = lambda value: value.decode("utf-8", "surrogateescape"),
) -> list[str]:
    """Everything that is not the same on both sides and not among the names in `left`.

    `rejected` are the numbers of rows that may be missing, by table. `text` says what a stored text became;
    the default holds where every text is valid.
    """
    with (
        closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as source,
        psycopg.connect(dsn, autocommit=True) as target,
    ):
        source.text_factory = text
        for setting in ("TimeZone = 'UTC'", "extra_float_digits = 3", "search_path = pg_catalog"):
            target.execute(f"SET {setting}")
        return list(_Comparison(source, target, schema, set(left), rejected or {}).all())


class _Comparison:
    def __init__(
        self,
        source: sqlite3.Connection,
        target: psycopg.Connection[Any],
        schema: str,
        left: set[str],
        rejected: Mapping[str, int],
    ) -> None:
        self.source, self.target, self.schema, self.left = source, target, schema, left
        self.rejected = rejected

    def all(self) -> Iterator[str]:
        names = self._names("table")
        theirs = self._relations("r")
        yield from (f"table {name} is missing" for name in names if name not in theirs | self.left)
        yield from (f"table {name} is in PostgreSQL only" for name in theirs - set(names))
        for name in names:
            if name in theirs:
                ours_, theirs_ = self._sqlite_table(name), self._postgres_table(name)
                yield from (f"table {name}: {text}" for text in self._objects(name, ours_, theirs_))
                yield from (f"table {name}: {text}" for text in self._rows(name, ours_, theirs_))
        views = self._relations("v")
        for name in self._names("view"):
            if name in views:
                yield from (f"view {name}: {text}" for text in self._view(name))
            elif name not in self.left:
                yield f"view {name} is missing"
        triggers = {
            row[0]
            for row in self.target.execute(
                "SELECT tgname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid WHERE NOT tgisinternal"
                " AND relnamespace = %s::text::regnamespace",
                [quoted(self.schema)],
            )
        }
        for name in self._names("trigger"):
            cut = name.encode()[:54].decode(errors="ignore")  # names of 64 bytes and more cannot stay
            long = len(name.encode()) > 63 and any(found.startswith(cut) for found in triggers)
            if name not in triggers | self.left and not long:
                yield f"trigger {name} is missing"

    # What SQLite says

    def _names(self, kind: str) -> list[str]:
        hidden = {
            row[1] for row in self.source.execute("PRAGMA table_list") if row[2] in ("shadow", "virtual")
        }
        rows = self.source.execute("SELECT name FROM sqlite_schema WHERE type = ?", [kind])
        return [name for (name,) in rows if not name.startswith("sqlite_") and name not in hidden]

    def _sqlite_table(self, name: str) -> Table:
        table = Table()
        info = self.source.execute(f"PRAGMA table_xinfo({quoted(name)})").fetchall()
        kept = [row for row in info if row[6] != 1]
        for _, column, _, not_null, default, _, hidden in kept:
            table.columns[column] = (bool(not_null), default, hidden in (2, 3))
        keys = sorted((row for row in kept if row[5]), key=lambda row: row[5])
        table.primary = tuple(row[1] for row in keys)
        statement = self.source.execute(
            "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?", [name]
        ).fetchone()[0]
        plain = without_texts(statement)
        table.checks = len(re.findall(r"\bCHECK\s*\(", plain, re.IGNORECASE))
        if len(keys) == 1 and keys[0][2].upper() == "INTEGER" and not self._without_rowid(name):
            table.identity = keys[0][1]
        for _, index, unique, origin, partial in self.source.execute(f"PRAGMA index_list({quoted(name)})"):
            parts = [row for row in self.source.execute(f"PRAGMA index_xinfo({quoted(index)})") if row[5]]
            if origin == "u":
                table.uniques.append(tuple(row[2] for row in parts))
            elif origin == "c":
                loose = frozenset(n for n, row in enumerate(parts) if row[4] != "BINARY")
                table.indexes[index] = Index(
                    bool(unique), [(row[2], bool(row[3])) for row in parts], bool(partial), loose
                )
        foreign: dict[int, list[Any]] = {}
        for row in self.source.execute(f"PRAGMA foreign_key_list({quoted(name)})"):
            foreign.setdefault(row[0], []).append(row)
        for rows in foreign.values():
            rows.sort(key=lambda row: row[1])
            parent = self._spelt(rows[0][2])
            columns = tuple(self._column(table.columns, row[3]) for row in rows)
            others = self.source.execute(f"PRAGMA table_xinfo({quoted(parent)})").fetchall()
            if rows[0][4] is None:
                refers = tuple(r[1] for r in sorted((r for r in others if r[5]), key=lambda r: r[5]))
            else:
                refers = tuple(self._column([r[1] for r in others], row[4]) for row in rows)
            table.foreign[columns, parent, refers, rows[0][5], rows[0][6]] += 1
        return table

    def _spelt(self, name: str) -> str:
        row = self.source.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND lower(name) = lower(?)", [name]
        ).fetchone()
        return str(row[0]) if row else name

    @staticmethod
    def _column(columns: Iterable[str], name: str) -> str:
        return next((column for column in columns if column.lower() == name.lower()), name)

    def _without_rowid(self, name: str) -> bool:
        row = self.source.execute("SELECT wr FROM pragma_table_list WHERE name = ?", [name]).fetchone()
        return bool(row[0])

    # What PostgreSQL says

    def _relations(self, kind: str) -> set[str]:
        rows = self.target.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = %s::text::regnamespace AND relkind = %s",
            [quoted(self.schema), kind],
        )
        return {row[0] for row in rows}

    def _oid(self, name: str) -> int:
        row = self.target.execute(
            "SELECT oid::int8 FROM pg_class WHERE relname = %s AND relnamespace = %s::text::regnamespace"
            " AND relkind IN ('r', 'v')",
            [name, quoted(self.schema)],
        ).fetchone()
        assert row
        return int(row[0])

    def _postgres_table(self, name: str) -> Table:
        table, oid = Table(), self._oid(name)
        numbers: dict[int, str] = {}
        for number, column, type_, not_null, default, generated, identity in self.target.execute(
            "SELECT attnum, attname, format_type(atttypid, atttypmod), attnotnull,"
            " pg_get_expr(adbin, adrelid), attgenerated <> '', attidentity"
            " FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum"
            " WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            [oid],
        ):
            numbers[number] = column
            table.columns[column] = (not_null, default, generated)
            table.types[column] = type_
            if identity or "nextval(" in (default or ""):
                table.identity = column
        for kind, columns, parent, refers, update, delete in self.target.execute(
            "SELECT contype, conkey, (SELECT relname FROM pg_class WHERE oid = confrelid),"
            " ARRAY(SELECT attname::text FROM unnest(confkey) WITH ORDINALITY AS k (n, i)"
            " JOIN pg_attribute ON attrelid = confrelid AND attnum = n ORDER BY i),"
            " confupdtype, confdeltype FROM pg_constraint WHERE conrelid = %s",
            [oid],
        ):
            names = tuple(numbers[number] for number in columns or ())
            if kind == "p":
                table.primary = names
            elif kind == "u":
                table.uniques.append(names)
            elif kind == "f":
                table.foreign[names, parent, tuple(refers), ACTIONS[update], ACTIONS[delete]] += 1
            elif kind == "c":
                table.checks += 1
        for index, unique, partial, keys, options in self.target.execute(
            "SELECT relname, indisunique, indpred IS NOT NULL, indkey::int2[], indoption::int2[]"
            " FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE indrelid = %s AND NOT EXISTS"
            " (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u'))",
            [oid],
        ):
            parts = [(numbers.get(key), bool(option & 1)) for key, option in zip(keys, options, strict=True)]
            table.indexes[index] = Index(unique, parts, partial)
        return table

    # Object by object

    def _objects(self, name: str, ours: Table, theirs: Table) -> Iterator[str]:
        if list(ours.columns) != list(theirs.columns):
            yield f"columns {list(ours.columns)} became {list(theirs.columns)}"
            return
        named = any(item == name or item.startswith((f"{name} ", f"{name}.")) for item in self.left)
        yield from self._columns(name, ours, theirs)
        if ours.primary and theirs.primary != ours.primary and not self._null_in(name, ours.primary):
            yield f"primary key {ours.primary} became {theirs.primary}"
        if theirs.primary and not ours.primary:
            yield f"primary key {theirs.primary} in PostgreSQL only"
        for unique in Counter(ours.uniques) - Counter(theirs.uniques):
            as_index = [index for index in theirs.indexes.values() if index.unique and not index.partial]
            if not any(len(index.parts) == len(unique) for index in as_index) and name not in self.left:
                yield f"unique constraint {unique} is missing"
        for key in ours.foreign - theirs.foreign:
            if not {name, f"{name} ({', '.join(key[0])})"} & self.left:
                yield f"foreign key {key} is missing"
        yield from (f"foreign key {key} in PostgreSQL only" for key in theirs.foreign - ours.foreign)
        if theirs.checks < ours.checks and not named:
            yield f"{ours.checks} checks became {theirs.checks}"
        rest = dict(theirs.indexes)
        lost = {}
        for index_name, index in ours.indexes.items():
            if index_name in rest and index.same(rest[index_name]):
                del rest[index_name]
            else:
                lost[index_name] = index
        for index_name, index in lost.items():  # some are renamed: PostgreSQL has one space for all names
            found = next((key for key, other in rest.items() if index.same(other)), None)
            if found is not None:
                del rest[found]
            elif index_name not in self.left:
                yield f"index {index_name} is missing: {index}; there are {rest}"

    def _columns(self, name: str, ours: Table, theirs: Table) -> Iterator[str]:
        for column, (not_null, default, generated) in ours.columns.items():
            there = theirs.columns[column]
            if f"{name}.{column}" in self.left:
                continue
            if not_null and not there[0]:
                yield f"column {column} lost NOT NULL"
            if there[0] and not not_null and column not in ours.primary:
                yield f"column {column} became NOT NULL"
            if generated != there[2]:
                yield f"column {column} generated: {generated} became {there[2]}"
            given = default is not None and default.strip("( )").upper() != "NULL"
            if given and not generated and column != ours.identity:
                yield from self._default(column, str(default), there[1], theirs.types[column])
        if ours.identity:
            column = ours.identity
            largest = self.source.execute(f"SELECT max({quoted(column)}) FROM {quoted(name)}").fetchone()[0]
            if theirs.identity != column:
                yield f"column {column} gives out no numbers"
            else:
                row = self.target.execute(
                    "SELECT start_value, last_value FROM pg_sequences"
                    " WHERE format('%%I.%%I', schemaname, sequencename) = pg_get_serial_sequence(%s, %s)",
                    [f"{quoted(self.schema)}.{quoted(name)}", column],
                ).fetchone()
                following = row[1] + 1 if row and row[1] is not None else row[0] if row else 0
                if following <= (largest or 0) and (largest or 0) < 2**63 - 1:
                    yield f"column {column} would give out {following} again, of {largest}"

    def _default(self, column: str, ours: str, theirs: str | None, type_: str) -> Iterator[str]:
        if theirs is None:
            yield f"column {column} lost its default {ours}"
        elif not VARYING.search(ours):
            here = self.source.execute(f"SELECT {ours}").fetchone()[0]
            there = self.target.execute(
                sql.SQL("SELECT CAST({} AS {})").format(sql.SQL(theirs), sql.SQL(type_))  # type: ignore[arg-type]
            ).fetchone()
            assert there
            if isinstance(here, str) and type_ in {"bigint", "integer", "double precision", "numeric"}:
                here = float(here)
            if meant(here, type_) != held(there[0], type_):
                yield f"column {column}: default {ours} became {theirs}"

    def _null_in(self, name: str, columns: Iterable[str]) -> bool:
        test = " OR ".join(f"{quoted(column)} IS NULL" for column in columns)
        return bool(
            self.source.execute(f"SELECT EXISTS (SELECT 1 FROM {quoted(name)} WHERE {test})").fetchone()[0]
        )

    # Row by row

    def _rows(self, name: str, ours: Table, theirs: Table) -> Iterator[str]:
        if list(ours.columns) == list(theirs.columns):
            yield from self._same_rows(name, theirs.types)

    def _view(self, name: str) -> Iterator[str]:
        types = dict(
            self.target.execute(
                "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
                " WHERE attrelid = %s AND attnum > 0 ORDER BY attnum",
                [self._oid(name)],
            ).fetchall()
        )
        ours = [row[1] for row in self.source.execute(f"PRAGMA table_xinfo({quoted(name)})")]
        if list(types) != ours:
            yield f"columns {ours} became {list(types)}"
            return
        yield from self._same_rows(name, types)

    def _same_rows(self, name: str, types: dict[str, str]) -> Iterator[str]:
        columns = list(types)
        kinds = list(types.values())
        here = self.source.execute(f"SELECT {', '.join(map(quoted, columns))} FROM {quoted(name)}")
        with self.target.cursor(binary=False) as cursor:
            shown = [
                sql.SQL("{}::text").format(sql.Identifier(column))
                if kind in {"json", "jsonb"}
                else sql.Identifier(column)
                for column, kind in types.items()
            ]
            there = cursor.execute(
                sql.SQL("SELECT {} FROM {}").format(
                    sql.SQL(", ").join(shown), sql.Identifier(self.schema, name)
                )
            ).fetchall()
        ours = Counter(tuple(map(meant, row, kinds)) for row in here)
        theirs = Counter(tuple(map(held, row, kinds)) for row in there)
        lost, found = ours - theirs, theirs - ours
        if found or lost.total() != self.rejected.get(name, 0):
            yield (
                f"{lost.total()} rows lost, such as {list(lost)[:SHOWN]!r:.600};"
                f" {found.total()} found, such as {list(found)[:SHOWN]!r:.600}; types {types}"
            )


def without_texts(statement: str) -> str:
    """A statement without its comments, strings and quoted names."""
    return re.sub(
        r"--[^\n]*|/\*.*?(?:\*/|$)|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`|\[[^\]]*\]",
        " x ",
        statement,
        flags=re.DOTALL,
    )


def meant(value: Any, kind: str) -> Any:
    """What a value stored by SQLite is in a column of a PostgreSQL type."""
    if value is None:
        return None
    try:
        if kind in {"smallint", "integer", "bigint"}:
            return int(value)
        if kind == "double precision":
            return struct.pack(">d", float(value)) if not isinstance(value, str) else (UNKNOWN, value)
        if kind.startswith("numeric"):
            return _number(value, kind)
        if kind == "bytea":
            return value if isinstance(value, bytes) else spelt(value).encode("utf-8", "surrogateescape")
        if kind == "boolean":
            return TRUTHS[value.lower() if isinstance(value, str) else value]
        if kind.startswith("timestamp"):
            return _moment(value, "with time zone" in kind)
        if kind == "date":
            return date.fromisoformat(value)
        if kind.startswith("time"):
            return time.fromisoformat(value)
        if kind == "uuid":
            return UUID(bytes=value) if isinstance(value, bytes) else UUID(value)
        if kind == "jsonb":
            return json.dumps(json.loads(value), sort_keys=True)
        return spelt(value)
    except (ValueError, KeyError, TypeError, ArithmeticError):
        return (UNKNOWN, repr(value))


def spelt(value: Any) -> str:
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else "Infinity" if value > 0 else "-Infinity"
    return str(value)


def _number(value: Any, kind: str) -> Decimal:
    if isinstance(value, str):
        return Decimal(value).normalize()
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    scale = re.search(r",(\d+)\)", kind)
    if scale and isinstance(value, float) and exact.is_finite():
        rounded = Decimal(f"{value:.{int(scale[1])}f}")
        if f"{float(rounded):.15g}" == f"{value:.15g}":
            return rounded.normalize()
    return exact.normalize()


def _moment(value: Any, zone: bool) -> datetime:
    if isinstance(value, float) and 1e6 < value < 6e6:  # a julian day; SQLite keeps them to the millisecond
        found = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
            milliseconds=round((value - 2440587.5) * 86_400_000)
        )
        return found if zone else found.replace(tzinfo=None)
    if isinstance(value, (int, float)):
        unit = next(size for size, top in ((1, 1e11), (10**3, 1e14), (10**6, 1e17)) if abs(value) < top)
        found = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=round(value * (10**6 // unit)))
        return found if zone else found.replace(tzinfo=None)
    found = datetime.fromisoformat(value)
    if not zone:
        return found
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def held(value: Any, kind: str) -> Any:
    """What PostgreSQL holds, in the same form."""
    if value is None:
        return None
    if kind == "double precision":
        return struct.pack(">d", value)
    if kind.startswith("numeric"):
        return value.normalize()
    if kind == "jsonb":
        return json.dumps(json.loads(value), sort_keys=True)
    if "with time zone" in kind and isinstance(value, datetime):
        return value.astimezone(UTC)
    return value


if __name__ == "__main__":
    found = differences(Path(sys.argv[1]), sys.argv[2], *sys.argv[3:4])
    print("\n".join(found) or "no difference")
    sys.exit(bool(found))
