"""Advice about a real file with planted problems, and what it must not do."""

from __future__ import annotations

import hashlib
import importlib.util
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.optimize.advising import Advice, Wishes, advise
from monitor.optimize.errors import NoRoom, NotOptimizable
from monitor.optimize.querylog import parse_log
from monitor.optimize.trial import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

_spec = importlib.util.spec_from_file_location("optimize_shop", Path(__file__).with_name("conftest.py"))
assert _spec is not None
assert _spec.loader is not None
planted = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(planted)

_QUICK = Wishes(seconds=20, limits=Limits(seconds=0.4))


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Advice, bytes, bytes, Path]:
    path = planted.fill(tmp_path_factory.mktemp("shop") / "shop.db")
    before = hashlib.sha256(path.read_bytes()).digest()
    advice = advise(path, parse_log(planted.LOG), _QUICK)
    return advice, before, hashlib.sha256(path.read_bytes()).digest(), path


@pytest.fixture
def advice(looked: tuple[Advice, bytes, bytes, Path]) -> Advice:
    return looked[0]


def _rules(advice: Advice) -> set[str]:
    return {finding.rule_id for finding in advice.findings}


def test_looking_changes_no_byte_of_the_file_and_leaves_nothing_beside_it(
    looked: tuple[Advice, bytes, bytes, Path],
) -> None:
    _, before, after, path = looked
    assert before == after
    assert [one.name for one in path.parent.iterdir()] == ["shop.db"]


def test_indexes_for_a_comparison_a_join_key_and_a_function_are_found(advice: Advice) -> None:
    firsts = {(index.table, index.columns[0]) for index in advice.indexes}
    assert {("orders", "user_id"), ("items", "order_id"), ("users", "lower(email)")} <= firsts


def test_every_proposed_index_was_used_and_measured(advice: Advice) -> None:
    for index in advice.indexes:
        assert index.effects
        assert any(effect.factor >= 1.5 for effect in index.effects)
        assert any(
            index.name in (effect.after.plan.indexes if effect.after.plan else ()) for effect in index.effects
        )
        assert index.bytes is None or index.bytes > 0
        assert index.build_seconds >= 0
    costly = [index for index in advice.indexes if index.writes is not None]
    assert costly
    assert all(index.writes.before_us > 0 for index in costly if index.writes)


def test_no_query_answers_otherwise_than_before(advice: Advice) -> None:
    assert {one.same_results for one in advice.queries} <= {True, None}
    assert any(one.same_results for one in advice.queries)


def test_exact_duplicates_are_dropped_and_prefixes_only_named(advice: Advice) -> None:
    by_rule = {finding.rule_id: finding for finding in advice.findings}
    assert by_rule["duplicate-index"].sql == ("DROP INDEX total_2",)
    assert by_rule["duplicate-index"].place == "file"
    assert by_rule["prefix-index"].sql == ("DROP INDEX status_only",)
    assert by_rule["prefix-index"].place == "by hand"


def test_the_journal_statistics_and_slow_patterns_are_named(advice: Advice) -> None:
    assert {
        "wal-mode",
        "analyze",
        "n-plus-one",
        "leading-wildcard",
        "offset-paging",
        "select-star",
    } <= _rules(advice)


def test_a_query_that_fails_and_one_without_end_are_named_and_not_fatal(advice: Advice) -> None:
    assert ("SELECT nosuch FROM orders", "no such column: nosuch") in advice.failed
    endless = next(one for one in advice.queries if "RECURSIVE" in one.sql)
    assert endless.before.interrupted
    assert any("interrupted" in note for note in advice.notes)


def test_settings_of_a_connection_are_told_apart_from_those_of_the_file(advice: Advice) -> None:
    names = {pragma.name for pragma in advice.pragmas}
    assert {"busy_timeout", "synchronous", "foreign_keys", "cache_size", "mmap_size", "temp_store"} <= names
    assert "journal_mode" not in names
    assert all("busy_timeout" in text for text in advice.snippets.values())


def test_the_python_snippet_does_what_it_says(advice: Advice, tmp_path: Path) -> None:
    space: dict[str, object] = {"sqlite3": sqlite3}
    exec(advice.snippets["Python sqlite3"], space)
    opened = space["open_database"](str(tmp_path / "x.db"))  # type: ignore[operator]
    with closing(opened) as connection:
        assert connection.execute("PRAGMA busy_timeout").fetchone() == (5000,)
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_without_a_log_foreign_keys_still_get_their_index(shop: Callable[..., Path]) -> None:
    advice = advise(shop(4000), None, _QUICK)
    assert {index.columns for index in advice.indexes} == {("user_id",), ("order_id",)}


def test_values_for_parameters_are_taken_from_the_data(shop: Callable[..., Path]) -> None:
    log = parse_log("SELECT id FROM orders WHERE user_id = :user AND total > ?2")
    advice = advise(shop(6000), log, _QUICK)
    one = advice.queries[0]
    assert one.values_sampled
    assert not advice.failed


def test_a_log_cannot_reach_beyond_the_copy(shop: Callable[..., Path], tmp_path: Path) -> None:
    outside = tmp_path / "outside.db"
    log = parse_log(
        f"ATTACH '{outside}' AS o; VACUUM INTO '{outside}'; DROP TABLE users;"
        "DELETE FROM users; SELECT load_extension('x'); PRAGMA user_version = 9;"
        "WITH x AS (SELECT 1) INSERT INTO users (email) SELECT 'evil' FROM x"
    )
    path = shop(2000)
    before = path.read_bytes()
    advise(path, log, _QUICK)
    assert path.read_bytes() == before
    assert not outside.exists()


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("not a database at all, and long enough to be one" * 10)
    for name in ("text.db", "missing.db"):
        with pytest.raises(NotOptimizable):
            advise(tmp_path / name)


def test_a_disk_without_room_for_the_copy_is_refused(
    shop: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10})())
    with pytest.raises(NoRoom):
        advise(shop(1000))


def test_broken_references_and_unused_space_are_named(shop: Callable[..., Path]) -> None:
    path = shop(3000)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO users (id, payload) VALUES (99999, zeroblob(4000000))")
        connection.execute("DELETE FROM users WHERE id = 99999")
        connection.execute("UPDATE items SET order_id = 999999 WHERE id = 1")
        connection.commit()
    assert {"broken-references", "vacuum"} <= _rules(advise(path, None, _QUICK))


_COLUMNS = st.sampled_from(["id", "user_id", "total", "status", "at"])
_CONDITIONS = st.builds(
    lambda column, operator, value: f"{column} {operator} {value}",
    _COLUMNS,
    st.sampled_from(["=", "<", ">=", "IS NOT", "<>"]),
    st.sampled_from(["5", "'open'", "'2026-01-07'", "NULL", "17"]),
)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    conditions=st.lists(_CONDITIONS, min_size=1, max_size=3),
    word=st.sampled_from(["AND", "OR"]),
    order=_COLUMNS,
)
def test_answers_are_the_same_with_and_without_what_is_proposed(
    looked: tuple[Advice, bytes, bytes, Path],
    tmp_path_factory: pytest.TempPathFactory,
    conditions: list[str],
    word: str,
    order: str,
) -> None:
    sql = f"SELECT id, total, status FROM orders WHERE {f' {word} '.join(conditions)} ORDER BY {order}, id"
    advice = advise(looked[3], parse_log(sql), Wishes(seconds=3, limits=Limits(seconds=1)))
    changed = tmp_path_factory.mktemp("law") / "changed.db"
    changed.write_bytes(looked[3].read_bytes())
    with closing(sqlite3.connect(looked[3])) as old, closing(sqlite3.connect(changed)) as new:
        for index in advice.indexes:
            new.execute(index.ddl)
        new.execute("ANALYZE")
        assert old.execute(sql).fetchall() == new.execute(sql).fetchall()
