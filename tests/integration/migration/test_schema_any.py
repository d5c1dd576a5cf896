"""Whatever schema SQLite accepted with whatever in it: PostgreSQL takes the plan, and every row arrives."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration.planning import PlanOptions, draft_migration
from migration.schema.ddl import qualified, quote_columns
from migration.schema.tokens import quoted
from migration.values.convert import select_list
from migration.values.copy_text import row_encoder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.local_postgres import LocalPostgres

OPTIONS = PlanOptions(schema="any", nul_policy="strip", invalid_utf8="replace")
names = st.sampled_from(
    ["a", "B", "select", "we ird", 'q"uote', "größe", "xmin", "id", "x" * 70 + "1", "x" * 70 + "2"]
)
types = st.sampled_from(
    [
        *("INTEGER", "INT", "TEXT", "VARCHAR(3)", "REAL", "BLOB", "", "BOOLEAN", "DATETIME", "DATE", "JSON"),
        *("DECIMAL(5,2)", "NUMERIC", "SMALLINT", "TINYINT(1)", "STRING", "UUID"),
    ]
)
extras = st.sampled_from(
    ["", "", "", "UNIQUE", "NOT NULL DEFAULT ''", "DEFAULT 5", "DEFAULT (datetime('now'))"]
)
collations = st.sampled_from(["", "", "COLLATE NOCASE"])
values = st.one_of(
    st.none(),
    st.integers(-3, 40000),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.sampled_from(
        ["", "x", "X", "abcd", "1", "true", "2024-01-02", "2024-01-02 03:04:05", "{}", "\0", "\\N"]
    ),
    st.binary(max_size=4),
)


@st.composite
def tables(draw: st.DrawFn, number: int) -> str:
    """CREATE TABLE t<number>, perhaps with keys, references to any table, checks, and indexes behind it."""
    columns = draw(
        st.lists(
            st.tuples(names, types, extras, collations), min_size=1, max_size=5, unique_by=lambda c: c[0]
        )
    )
    items = [" ".join((quoted(name), *rest)) for name, *rest in columns]
    listed = [quoted(name) for name, *_ in columns]
    some = st.lists(st.sampled_from(listed), min_size=1, max_size=2, unique=True).map(", ".join)
    if draw(st.booleans()):
        items.append(f"PRIMARY KEY ({draw(some)})")
    if draw(st.booleans()):
        items.append(f"CONSTRAINT {quoted(draw(names))} UNIQUE ({draw(some)})")
    for _ in range(draw(st.integers(0, 2))):
        parent, column = draw(st.integers(0, 2)), draw(names)
        target = draw(st.sampled_from([f"t{parent}", f"T{parent} ({quoted(column)})"]))
        items.append(f"FOREIGN KEY ({draw(st.sampled_from(listed))}) REFERENCES {target} ON DELETE CASCADE")
    if draw(st.booleans()):
        items.append(f"CHECK ({draw(st.sampled_from(listed))} IS NOT 'never')")
    sql = f"CREATE TABLE t{number} ({', '.join(items)});\n"
    if draw(st.booleans()):
        unique, order = (
            draw(st.sampled_from(["", "UNIQUE"])),
            draw(st.sampled_from(["", "DESC", "COLLATE NOCASE"])),
        )
        where = draw(st.sampled_from(["", f"WHERE {listed[0]} IS NOT NULL"]))
        index = quoted(draw(names) + str(number))
        sql += f"CREATE {unique} INDEX {index} ON t{number} ({listed[-1]} {order}) {where};\n"
    return sql


def refusal(target: psycopg.Connection, statement: str) -> str | None:
    try:
        target.execute(statement.encode())
    except psycopg.Error as error:
        return str(error)
    return None


@pytest.fixture(scope="module")
def target(postgres: LocalPostgres) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres.create_database("any"), autocommit=True) as connection:
        connection.prepare_threshold = None
        yield connection
    postgres.drop_database("any")


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.tuples(*(tables(number) for number in range(3))), st.data())
def test_postgresql_takes_every_plan_and_every_row(
    target: psycopg.Connection,
    tmp_path_factory: pytest.TempPathFactory,
    declared: tuple[str, ...],
    data: st.DataObject,
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.db"
    path.unlink(missing_ok=True)
    expected: dict[str, int] = {}
    with closing(sqlite3.connect(path, isolation_level=None)) as source:
        for number, sql in enumerate(declared):
            source.executescript(sql)
            width = len(source.execute(f"SELECT * FROM t{number}").description)
            for row in data.draw(st.lists(st.tuples(*[values] * width), max_size=4)):
                with suppress(sqlite3.IntegrityError):  # no integer for an INTEGER PRIMARY KEY
                    source.execute(f"INSERT OR IGNORE INTO t{number} VALUES ({', '.join('?' * width)})", row)
            expected[f"t{number}"] = source.execute(f"SELECT count(*) FROM t{number}").fetchone()[0]
    plan = draft_migration(path, OPTIONS).plan
    assert not plan.obstacles
    target.execute('DROP SCHEMA IF EXISTS "any" CASCADE')
    target.execute('CREATE SCHEMA "any"')
    for statement in plan.create:
        target.execute(statement.sql.encode())
    with closing(sqlite3.connect(path)) as source:
        for table in plan.tables:
            encode = row_encoder(table, OPTIONS)
            columns = quote_columns(column.name for column in table.copied)
            into = f"COPY {qualified('any', table.name)} ({columns}) FROM STDIN"
            with target.cursor().copy(into.encode()) as copy:
                for row in source.execute(f"SELECT {select_list(table)} FROM {quoted(table.source.name)}"):
                    copy.write(encode(row))
    for statement in plan.after_load:
        refused = refusal(target, statement.sql)
        assert refused is None or statement.optional, (statement.sql, refused)
    counted = {
        table.source.name: target.execute(
            f"SELECT count(*) FROM {qualified('any', table.name)}".encode()
        ).fetchone()
        for table in plan.tables
    }
    assert counted == {name: (count,) for name, count in expected.items()}
