"""From a statement to the indexes worth trying, and from a plan's text to what it says."""

from __future__ import annotations

import sqlite3

import pytest

from monitor.optimize.access import read_statement
from monitor.optimize.candidates import candidates
from monitor.optimize.plan_text import explain, parse_plan
from monitor.optimize.structure import Structure, read_structure

_SCHEMA = """
CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, created_at TEXT, deleted_at TEXT);
CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INT REFERENCES users, total REAL, status TEXT, at TEXT);
CREATE INDEX by_total ON orders (total, status);
CREATE VIEW dear AS SELECT o.* FROM orders o JOIN users u ON u.id = o.user_id WHERE u.email = 'x';
"""


@pytest.fixture(scope="module")
def structure() -> Structure:
    connection = sqlite3.connect(":memory:")
    connection.executescript(_SCHEMA)
    return read_structure(connection)


def _tried(sql: str, structure: Structure) -> list[str]:
    return [
        candidate.ddl("x").removeprefix("CREATE INDEX x ON ")
        for access in read_statement(sql, structure).accesses
        for candidate in candidates(access, structure)
    ]


def test_equality_comes_before_a_range_and_before_the_order(structure: Structure) -> None:
    assert "orders (user_id, at)" in _tried("SELECT * FROM orders WHERE at > ? AND user_id = ?", structure)
    assert "orders (user_id, at)" in _tried(
        "SELECT * FROM orders WHERE user_id = ? ORDER BY at DESC", structure
    )


def test_directions_that_differ_are_kept(structure: Structure) -> None:
    tried = _tried("SELECT * FROM orders WHERE user_id = 1 ORDER BY at DESC, total", structure)
    assert "orders (user_id, at DESC, total)" in tried


def test_a_constant_condition_gives_a_partial_index(structure: Structure) -> None:
    tried = _tried("SELECT * FROM orders WHERE user_id = ? AND status = 'open'", structure)
    assert "orders (user_id) WHERE status = 'open'" in tried
    assert not any("'?'" in ddl or "outgrow" in ddl for ddl in tried)


def test_few_small_columns_are_covered_and_texts_are_not(structure: Structure) -> None:
    assert "orders (user_id, total)" in _tried("SELECT total FROM orders WHERE user_id = ?", structure)
    assert "orders (user_id, status)" not in _tried("SELECT status FROM orders WHERE user_id = ?", structure)


def test_functions_and_collations_are_indexed_as_written(structure: Structure) -> None:
    assert "users (lower(email))" in _tried("SELECT id FROM users u WHERE lower(u.email) = :mail", structure)
    path = "SELECT id FROM users WHERE json_extract(email, '$.k') = 7"
    assert "users (json_extract(email, '$.k'))" in _tried(path, structure)
    assert "users (email COLLATE NOCASE)" in _tried("SELECT id FROM users WHERE email LIKE 'ab%'", structure)
    assert _tried("SELECT id FROM users WHERE email LIKE '%ab'", structure) == []
    assert _tried("SELECT id FROM users WHERE random() = 1", structure) == []


def test_both_sides_of_a_join_and_both_arms_of_an_or_are_looked_at(structure: Structure) -> None:
    joined = _tried("SELECT 1 FROM users u JOIN orders o ON o.user_id = u.id WHERE u.email = ?", structure)
    assert "orders (user_id)" in joined
    assert "users (email)" in joined
    arms = _tried("SELECT id FROM users WHERE email = ? OR created_at = ?", structure)
    assert {"users (email)", "users (created_at)"} <= {*arms}


def test_views_subqueries_and_writes_are_looked_into(structure: Structure) -> None:
    assert "users (email)" in _tried("SELECT * FROM dear", structure)
    inner = "SELECT * FROM users u WHERE EXISTS (SELECT 1 FROM orders o WHERE o.user_id = u.id)"
    assert "orders (user_id)" in _tried(inner, structure)
    assert "orders (user_id)" in _tried("UPDATE orders SET total = 1 WHERE user_id = ?", structure)
    assert "orders (at)" in _tried("DELETE FROM orders WHERE at < ?", structure)


def test_what_is_indexed_already_is_not_tried(structure: Structure) -> None:
    assert _tried("SELECT * FROM orders WHERE total = ?", structure) == []
    assert _tried("SELECT * FROM orders WHERE id = ?", structure) == []


def test_parameters_of_every_style_are_told_by_what_they_are_compared_with(structure: Structure) -> None:
    sql = "SELECT * FROM users WHERE email = $mail AND created_at > ?2 AND id IN (:a, @b) LIMIT ? OFFSET ?"
    used = read_statement(sql, structure).parameters
    assert [one.use for one in used] == ["equal", "range", "equal", "equal", "limit", "offset"]
    assert [one.column for one in used[:4]] == ["email", "created_at", "id", "id"]


def test_what_sqlglot_cannot_read_is_no_error(structure: Structure) -> None:
    assert read_statement("SELECT FROM WHERE ((", structure).accesses == ()
    assert read_statement("SELECT " + "(" * 5000, structure).accesses == ()


def test_a_plan_is_read_by_its_beginnings() -> None:
    plan = parse_plan(
        (
            "SCAN o",
            "SEARCH u USING AUTOMATIC COVERING INDEX (email=?)",
            "SEARCH p USING INTEGER PRIMARY KEY (rowid=?)",
            "SEARCH q USING COVERING INDEX by_a (a=?)",
            "USE TEMP B-TREE FOR ORDER BY",
            "SCAN f VIRTUAL TABLE INDEX 0:",
        )
    )
    assert plan.scans == ("o",)
    assert plan.automatic == ("u",)
    assert plan.sorts == ("ORDER BY",)
    assert plan.indexes == {"by_a"}


def test_a_real_plan_names_its_scan_and_its_index() -> None:
    connection = sqlite3.connect(":memory:")
    connection.executescript(_SCHEMA)
    assert explain(connection, "SELECT * FROM users WHERE email = ?", ("x",)).scans == ("users",)
    assert explain(connection, "SELECT * FROM orders WHERE total = 1").indexes == {"by_total"}
    assert not explain(connection, "SELECT * FROM orders WHERE id = 1").suspicious
