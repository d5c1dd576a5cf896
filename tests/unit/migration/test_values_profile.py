from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from migration.schema.read import read_schema
from migration.schema.source import Column, Table
from migration.values import measure, scan
from migration.values.measure import measure_table
from migration.values.profile import profile_values

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from migration.values.facts import ColumnProfile, TableProfile

DECLARED = [
    "INTEGER",
    "TEXT",
    "REAL",
    "BLOB",
    "",
    "BOOLEAN",
    "DATETIME",
    "DECIMAL(6,2)",
    "VARCHAR(5)",
    "JSON",
    "UUID",
]


def profiled(path: Path, sql: str, rows: list[tuple[Any, ...]] | None = None) -> TableProfile:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(sql)
        if rows:
            connection.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(rows[0]))})", rows)
    return profile_values(path, read_schema(path)).tables["t"]


def column(path: Path, declared: str, values: list[Any]) -> ColumnProfile:
    return profiled(path, f"CREATE TABLE t (x {declared})", [(value,) for value in values]).columns["x"]


values = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.binary(max_size=8),
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(DECLARED), st.lists(values, max_size=12))
def test_the_counts_are_those_of_an_independent_count(declared: str, stored: list[Any]) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"CREATE TABLE t (x {declared})")
        connection.executemany("INSERT INTO t VALUES (?)", [(value,) for value in stored])
        classes = dict(connection.execute("SELECT typeof(x), count(*) FROM t GROUP BY 1").fetchall())
        integers = [x for (x,) in connection.execute("SELECT x FROM t WHERE typeof(x) = 'integer'")]
        texts = [x for (x,) in connection.execute("SELECT x FROM t WHERE typeof(x) = 'text'")]
        table = Table("t", (Column("x", declared, not_null=False),))
        found = measure_table(connection, table, "UTF-8").columns["x"]
    assert found.nulls == classes.pop("null", 0)
    assert found.classes == classes
    assert (found.min_integer, found.max_integer) == (
        min(integers, default=None),
        max(integers, default=None),
    )
    assert found.text.with_nul == sum("\0" in text for text in texts)
    assert found.text.invalid == 0


def test_texts_that_are_no_utf_8_are_counted_though_their_halves_would_match(tmp_path: Path) -> None:
    halves = profiled(
        tmp_path / "a.db",
        "CREATE TABLE t (x TEXT);"
        "INSERT INTO t VALUES (CAST(x'C3' AS TEXT)), (CAST(x'A9' AS TEXT)), ('é'), ('a')",
    )
    assert halves.columns["x"].text.invalid == 2


def test_lone_surrogates_are_invalid_in_both_encodings(tmp_path: Path) -> None:
    eight = profiled(
        tmp_path / "8.db", "CREATE TABLE t (x TEXT); INSERT INTO t VALUES (CAST(x'EDA080' AS TEXT))"
    )
    sixteen = profiled(
        tmp_path / "16.db",
        "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (x TEXT);"
        "INSERT INTO t VALUES (CAST(x'00D86100' AS TEXT)), ('ok')",
    )
    assert (eight.columns["x"].text.invalid, sixteen.columns["x"].text.invalid) == (1, 1)


def test_dates_are_counted_by_shape(tmp_path: Path) -> None:
    stored = [
        "2024-01-02",
        "2024-01-02 03:04:05",
        "2024-01-02T03:04:05Z",
        "2024-01-02 03:04:05+01:00",
        "03:04",
        "x",
        "",
    ]
    facts = column(tmp_path / "t.db", "DATETIME", stored * 3).temporal
    assert facts is not None
    assert (facts.dates, facts.datetimes, facts.zoned, facts.offsets, facts.times) == (3, 3, 6, 3, 3)
    assert (facts.unreadable, facts.blank, facts.example) == (6, 3, "x")


def test_decimals_know_which_digits_would_be_lost(tmp_path: Path) -> None:
    facts = column(tmp_path / "t.db", "DECIMAL(6,2)", [1.25, 5, 0.1 + 0.2, 1.005, -99.5]).decimal
    assert facts is not None
    assert (facts.noisy, facts.beyond, facts.largest) == (1, 1, 99.5)


def test_orphans_are_counted_for_each_foreign_key(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    found = profiled(
        path,
        """CREATE TABLE p (id INTEGER PRIMARY KEY, a INT, b INT, UNIQUE (a, b));
        INSERT INTO p VALUES (1, 1, 2);
        CREATE TABLE t (p INT REFERENCES p, a INT, b INT, g INT REFERENCES gone,
          FOREIGN KEY (a, b) REFERENCES p (a, b));
        INSERT INTO t VALUES (1, 1, 2, 5), (2, 1, 1, 5), (NULL, 1, NULL, 5)""",
    )
    assert found.orphans == (1, None, 1)


def test_a_wide_table_is_asked_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "_COLUMNS_AT_ONCE", 3)
    names = ", ".join(f"c{number} INT" for number in range(10))
    found = profiled(tmp_path / "t.db", f"CREATE TABLE t ({names})", [tuple(range(10))])
    assert [profile.max_integer for profile in found.columns.values()] == list(range(10))


def test_large_texts_are_looked_at_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "_BYTES", 1000)
    found = column(tmp_path / "t.db", "TEXT", ["x" * 300, "y\0z", "é" * 200] * 5)
    assert (found.texts, found.text.with_nul, found.max_characters) == (15, 5, 300)


def test_the_connection_that_is_lent_keeps_its_text_factory(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    profiled(path, "CREATE TABLE t (x TEXT)", [("a",)])
    with closing(sqlite3.connect(path)) as connection:
        profile_values(path, read_schema(path, connection=connection), connection=connection)
        assert connection.text_factory is str
