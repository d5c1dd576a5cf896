"""Reading the application's queries, whatever form they are logged in."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.optimize.errors import BadQueryLog
from monitor.optimize.querylog import as_values, parse_log, read_log
from monitor.optimize.statement import parameters, quoted, shape, split, verb

if TYPE_CHECKING:
    from pathlib import Path


def test_a_typeorm_console_log_gives_statements_with_their_values() -> None:
    log = parse_log('query: SELECT "a" FROM "t" WHERE "b" = ? -- PARAMETERS: [7]\nquery: START TRANSACTION\n')
    assert log.form == "typeorm"
    assert [(query.sql, query.runs[0].values) for query in log.queries] == [
        ('SELECT "a" FROM "t" WHERE "b" = ?', (7,))
    ]
    assert log.skipped == {"START": 1}


def test_a_typeorm_file_log_gives_durations_and_leaves_failed_statements_out() -> None:
    log = parse_log(
        "[2026-01-01T00:00:00.000Z][SLOW QUERY: 312 ms]: SELECT 1\n"
        "FROM t\n"
        "[2026-01-01T00:00:01.000Z][FAILED QUERY]: SELECT broken\n"
        "[2026-01-01T00:00:01.000Z][QUERY ERROR]: no such column\n"
        "[2026-01-01T00:00:02.000Z][QUERY]: SELECT 2 -- PARAMETERS: []\n"
    )
    assert [(query.sql, query.logged_ms) for query in log.queries] == [("SELECT 1\nFROM t", 312.0)] or [
        query.sql for query in log.queries
    ] == ["SELECT 1\nFROM t", "SELECT 2"]


def test_colours_of_a_terminal_are_taken_out() -> None:
    log = parse_log("\x1b[4mquery:\x1b[24m \x1b[34mSELECT\x1b[0m 1\n")
    assert log.queries[0].sql == "SELECT 1"


def test_json_lines_give_statements_values_and_counts() -> None:
    log = parse_log(
        '{"sql": "SELECT :a", "params": {"a": 1}, "ms": 4, "count": 3}\n{"msg": "started"}\n{"sql'
    )
    assert log.form == "json lines"
    assert log.queries[0].count == 3
    assert log.queries[0].runs[0].values == {"a": 1}


def test_plain_sql_is_split_at_semicolons_outside_of_strings_comments_and_triggers() -> None:
    text = "select ';' -- ; no\n; create trigger x after insert on t begin select 1; end; delete from t"
    assert split(text) == [
        "select ';'",
        "create trigger x after insert on t begin select 1; end",
        "delete from t",
    ]


def test_a_loop_of_queries_is_seen_through_one_other_statement_in_between() -> None:
    lines = [line for n in range(12) for line in (f"select * from t where a = {n};", "select 1;")]
    loop = parse_log("\n".join(lines)).queries[0]
    assert loop.longest_run == 12


def test_the_same_statement_with_the_same_value_is_no_loop() -> None:
    assert parse_log("select * from t where a = 1;" * 20).queries[0].longest_run == 1


def test_text_that_is_no_sql_is_named() -> None:
    log = parse_log("SELEC 1; PRAGMA foreign_keys; SELECT 1")
    assert log.unreadable == ("SELEC 1",)
    assert log.skipped == {"PRAGMA": 1}


def test_a_file_without_queries_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.log").write_text("nothing here")
    with pytest.raises(BadQueryLog):
        read_log(tmp_path / "empty.log")
    with pytest.raises(BadQueryLog):
        read_log(tmp_path / "missing.log")


def test_values_that_do_not_fit_the_parameters_are_none() -> None:
    assert as_values("select ?, ?", [1]) is None
    assert as_values("select :a", {"b": 1}) is None
    assert as_values("select ?2", [1, 2]) == (1, 2)
    assert as_values("select :a, :a", {":a": True}) == {"a": 1}
    assert as_values("select ?", [{"k": 1}]) == ('{"k": 1}',)


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("  -- hi\nSelect 1", "select"),
        ("with a as (select 1) update t set x = 1", "update"),
        ("with a as (delete) select 1", "select"),
        ("/* x */ replace into t values (1)", "replace"),
    ],
)
def test_the_verb_is_the_word_that_says_what_is_done(sql: str, word: str) -> None:
    assert verb(sql) == word


@given(st.lists(st.integers(), min_size=1, max_size=8), st.text(alphabet="abc'\"; ", max_size=12))
def test_statements_that_differ_in_values_only_have_one_shape(numbers: list[int], text: str) -> None:
    literal = "'" + text.replace("'", "''") + "'"
    listed = ", ".join(str(abs(number)) for number in numbers)
    assert shape(f"SELECT a FROM t WHERE b = {literal} AND c IN ({listed})") == shape(
        "select a from t where b = ? and c in (?)"
    )


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_a_log(text: str) -> None:
    shape(text)
    parameters(text)
    split(text)
    with contextlib.suppress(BadQueryLog):
        parse_log(text)


def test_reserved_and_odd_names_are_quoted() -> None:
    assert [quoted(name) for name in ("user", "order", "a b", 'x"y')] == [
        "user",
        '"order"',
        '"a b"',
        '"x""y"',
    ]
