"""Reads the schema of a SQLite file; nothing is written, and no collation needs to be known."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from migration.schema.comments import read_comments
from migration.schema.connection import reading
from migration.schema.declaration import TableDeclaration, parse_table
from migration.schema.index_text import parse_index
from migration.schema.shadow import shadow_tables
from migration.schema.source import (
    FENCE_PREFIX,
    Check,
    Column,
    ForeignKey,
    Index,
    IndexTerm,
    OtherObject,
    PrimaryKey,
    SourceSchema,
    Table,
    UniqueConstraint,
)
from migration.schema.tokens import BadSqlError, tokenize
from migration.schema.virtual import parse_virtual, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_VIRTUAL = re.compile(r"\s*CREATE\s+VIRTUAL\s+TABLE\b", re.IGNORECASE)
_GENERATED = {2: "virtual", 3: "stored"}


def read_schema(path: Path, *, connection: sqlite3.Connection | None = None) -> SourceSchema:
    """Read everything the file declares.

    Args:
        path: the SQLite file.
        connection: reads through this connection, so in its snapshot; without one, one is opened and closed.

    Raises:
        SourceRefusedError: the file cannot be read as a SQLite database.
    """
    with reading(path, connection) as reader:
        reader.text_factory = _lenient
        return _Reader(reader).schema(path)


def _lenient(text: bytes) -> str:
    """Names and SQL are UTF-8; what is not is shown as U+FFFD instead of ending the reading."""
    return text.decode("utf-8", "replace")


class _Reader:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def schema(self, path: Path) -> SourceSchema:
        rows = self._rows("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY rowid")
        made = {row["name"]: row["sql"] or "" for row in rows if row["type"] == "table"}
        virtual = {name: sql for name, sql in made.items() if _VIRTUAL.match(sql)}
        shadows = shadow_tables(virtual, made)
        ordinary = [
            name
            for name in made
            if name not in virtual and name not in shadows and not name.startswith("sqlite_")
        ]
        names = {name.casefold(): name for name in made}
        index_sql = {row["name"]: row["sql"] for row in rows if row["type"] == "index"}
        primary_keys = {name: self._key_columns(name) for name in ordinary}
        tables = (
            *(self._table(name, made[name], names, index_sql, primary_keys) for name in ordinary),
            *self._shown(virtual, made),
        )
        others = (
            *(OtherObject("virtual table", name, sql=sql) for name, sql in virtual.items()),
            *(
                OtherObject("shadow table", name, shadows[name], made[name])
                for name in made
                if name in shadows
            ),
            *(OtherObject("view", row["name"], sql=row["sql"]) for row in rows if row["type"] == "view"),
            *(
                OtherObject("trigger", row["name"], row["tbl_name"], row["sql"])
                for row in rows
                if row["type"] == "trigger" and not row["name"].startswith(FENCE_PREFIX)
            ),
        )
        return SourceSchema(
            path,
            tables,
            others,
            self._sequences() if "sqlite_sequence" in made else {},
            str(self._pragma("encoding")),
            int(self._pragma("page_count")),
            int(self._pragma("page_size")),
            str(self._pragma("journal_mode")),
        )

    def _shown(self, virtual: Mapping[str, str], made: Mapping[str, str]) -> Iterator[Table]:
        """The rows of virtual tables that have their own, as tables."""
        for name, sql in virtual.items():
            table = rows_of(parse_virtual(name, sql), made, self._readable)
            if table is not None:
                yield table

    def _readable(self, table: str) -> bool:
        """Whether the module of a virtual table is here."""
        try:
            self._connection.execute(f"SELECT 1 FROM {_quoted(table)} LIMIT 1").fetchone()  # noqa: S608
        except sqlite3.OperationalError:
            return False
        return True

    def _table(
        self,
        name: str,
        sql: str,
        names: Mapping[str, str],
        index_sql: Mapping[str, str | None],
        primary_keys: Mapping[str, tuple[str, ...]],
    ) -> Table:
        try:
            said = parse_table(sql)
        except (
            BadSqlError
        ):  # declared by a newer SQLite than this parser knows: the pragmas still tell the columns and keys
            said = TableDeclaration()
        comment, beside = read_comments(sql, said.columns) if said.columns else ("", {})
        info = self._rows(f"PRAGMA table_xinfo({_quoted(name)})")
        listed = self._rows(f"PRAGMA index_list({_quoted(name)})")
        tail = _after_columns(sql)
        without_rowid = "WITHOUT ROWID" in tail
        columns = tuple(
            replace(column, comment=beside.get(column.name, "")) for column in self._columns(info, said)
        )
        spelling = {column.name.casefold(): column.name for column in columns}
        return Table(
            name,
            columns,
            self._primary_key(primary_keys[name], listed, said, without_rowid=without_rowid),
            self._uniques(listed, said, spelling),
            self._foreign_keys(name, said, names, spelling, primary_keys),
            tuple(Check(check.expression, check.name) for check in said.checks),
            tuple(self._index(row, name, index_sql) for row in reversed(listed) if row["origin"] == "c"),
            without_rowid,
            "STRICT" in tail,
            sql,
            comment=comment,
        )

    def _columns(self, info: list[sqlite3.Row], said: TableDeclaration) -> tuple[Column, ...]:
        told = {column.name.casefold(): column for column in said.columns}
        columns = []
        for row in info:
            column = told.get(row["name"].casefold())
            generated = _GENERATED.get(row["hidden"])
            collation = column.collation if column else None
            columns.append(
                Column(
                    row["name"],
                    " ".join((row["type"] or "").split()),
                    bool(row["notnull"]),
                    row["dflt_value"] if generated is None else None,
                    None if collation is None or collation.upper() == "BINARY" else collation,
                    generated,  # type: ignore[arg-type]  # the two words of _GENERATED
                    column.generation_expression if column and generated else None,
                )
            )
        return tuple(columns)

    def _key_columns(self, table: str) -> tuple[str, ...]:
        info = self._rows(f"PRAGMA table_xinfo({_quoted(table)})")
        keyed = sorted((row for row in info if row["pk"]), key=lambda row: row["pk"])
        return tuple(row["name"] for row in keyed)

    def _primary_key(
        self,
        columns: tuple[str, ...],
        listed: list[sqlite3.Row],
        said: TableDeclaration,
        *,
        without_rowid: bool,
    ) -> PrimaryKey | None:
        if not columns:
            return None
        told = said.keys[0] if said.keys else None
        indexes = [row for row in listed if row["origin"] == "pk"]
        # An INTEGER PRIMARY KEY is the rowid itself and has no index: the only primary key without one.
        alias = len(columns) == 1 and not indexes and not without_rowid
        return PrimaryKey(
            columns,
            told.name if told else None,
            autoincrement=told.autoincrement if told else False,
            rowid_alias=alias,
            collations=self._collations(indexes[0]["name"]) if indexes else (),
            on_conflict=told.on_conflict if told else None,
        )

    def _uniques(
        self, listed: list[sqlite3.Row], said: TableDeclaration, spelling: Mapping[str, str]
    ) -> tuple[UniqueConstraint, ...]:
        made = [row for row in listed if row["origin"] == "u"]
        made.sort(key=lambda row: int(row["name"].rpartition("_")[2]))
        unnamed = list(said.uniques)
        uniques = []
        for row in made:
            columns = tuple(term["name"] for term in self._index_terms(row["name"]))
            told = next(
                (u for u in unnamed if tuple(spelling.get(c.casefold()) for c in u.columns) == columns), None
            )
            if told:
                unnamed.remove(told)
            uniques.append(
                UniqueConstraint(
                    columns,
                    told.name if told else None,
                    collations=self._collations(row["name"]),
                    on_conflict=told.on_conflict if told else None,
                )
            )
        return tuple(uniques)

    def _foreign_keys(
        self,
        table: str,
        said: TableDeclaration,
        names: Mapping[str, str],
        spelling: Mapping[str, str],
        primary_keys: Mapping[str, tuple[str, ...]],
    ) -> tuple[ForeignKey, ...]:
        grouped: dict[int, list[sqlite3.Row]] = {}
        for row in self._rows(f"PRAGMA foreign_key_list({_quoted(table)})"):
            grouped.setdefault(row["id"], []).append(row)
        # SQLite numbers foreign keys from the last declared to the first.
        declared = [grouped[number] for number in sorted(grouped, reverse=True)]
        keys = []
        for position, rows in enumerate(declared):
            rows.sort(key=lambda row: row["seq"])
            columns = tuple(spelling.get(row["from"].casefold(), row["from"]) for row in rows)
            parent = names.get(rows[0]["table"].casefold(), rows[0]["table"])
            told = said.references[position] if len(said.references) == len(declared) else None
            keys.append(
                ForeignKey(
                    columns,
                    parent,
                    self._parent_columns(parent, [row["to"] for row in rows], primary_keys),
                    told.name if told else None,
                    rows[0]["on_delete"],
                    rows[0]["on_update"],
                    deferrable=told.deferrable if told else False,
                    initially_deferred=told.initially_deferred if told else False,
                )
            )
        return tuple(keys)

    def _parent_columns(
        self, parent: str, named: list[str | None], primary_keys: Mapping[str, tuple[str, ...]]
    ) -> tuple[str, ...]:
        if any(column is None for column in named):
            return primary_keys.get(parent, ())
        spelling = {
            row["name"].casefold(): row["name"]
            for row in self._rows(f"PRAGMA table_xinfo({_quoted(parent)})")
        }
        return tuple(spelling.get(column.casefold(), column) for column in named if column is not None)

    def _index(self, row: sqlite3.Row, table: str, index_sql: Mapping[str, str | None]) -> Index:
        sql = index_sql.get(row["name"]) or ""
        expressions, where = parse_index(sql) if sql else ([], None)
        terms = []
        for position, term in enumerate(self._index_terms(row["name"])):
            collation = None if term["coll"].upper() == "BINARY" else term["coll"]
            if term["cid"] >= 0:
                terms.append(IndexTerm(term["name"], None, bool(term["desc"]), collation))
            else:
                expression = "rowid" if term["cid"] == -1 else expressions[position]
                terms.append(IndexTerm(None, expression, bool(term["desc"]), collation))
        return Index(row["name"], table, tuple(terms), bool(row["unique"]), where, sql)

    def _index_terms(self, index: str) -> list[sqlite3.Row]:
        return [row for row in self._rows(f"PRAGMA index_xinfo({_quoted(index)})") if row["key"]]

    def _collations(self, index: str) -> tuple[str | None, ...]:
        found = [term["coll"] for term in self._index_terms(index)]
        return tuple(None if collation.upper() == "BINARY" else collation for collation in found)

    def _sequences(self) -> dict[str, int]:
        rows = self._rows("SELECT name, seq FROM sqlite_sequence WHERE typeof(seq) = 'integer'")
        return {row["name"]: row["seq"] for row in rows}

    def _pragma(self, name: str) -> Any:
        return self._connection.execute(f"PRAGMA {name}").fetchone()[0]

    def _rows(self, sql: str) -> list[sqlite3.Row]:
        cursor = self._connection.cursor()
        cursor.row_factory = sqlite3.Row
        return cursor.execute(sql).fetchall()


def _after_columns(sql: str) -> str:
    """The words behind the last closing parenthesis, in upper case and with single blanks."""
    try:
        tokens = tokenize(sql)
    except BadSqlError:
        return ""
    last = max((i for i, token in enumerate(tokens) if token.is_operator(")")), default=len(tokens))
    return " ".join(token.value.upper() for token in tokens[last + 1 :])


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
