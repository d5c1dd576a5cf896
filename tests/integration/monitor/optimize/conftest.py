"""A shop with planted problems."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOG = """
query: SELECT id, total FROM orders WHERE user_id = ? ORDER BY at DESC -- PARAMETERS: [17]
query: SELECT * FROM users WHERE lower(email) = ? -- PARAMETERS: ["u5@x.example"]
query: UPDATE orders SET status = ? WHERE user_id = ? -- PARAMETERS: ["done", 9]
query: SELECT nosuch FROM orders
query: SELECT email FROM users WHERE email LIKE ? -- PARAMETERS: ["%99"]
query: SELECT id FROM items ORDER BY id LIMIT 10 OFFSET ? -- PARAMETERS: [9000]
query: WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n
query: INSERT INTO items (order_id, sku) VALUES (?, ?) -- PARAMETERS: [1, "new"]
""" + "".join(f"query: SELECT * FROM items WHERE order_id = ? -- PARAMETERS: [{n}]\n" for n in range(12))


def fill(path: Path, rows: int = 12_000, journal_mode: str = "delete") -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode={journal_mode}")
        connection.executescript("""
            CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, payload BLOB);
            CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id), total REAL,
                status TEXT, at TEXT);
            CREATE TABLE items (id INTEGER PRIMARY KEY, order_id INTEGER REFERENCES orders (id), sku TEXT);
            CREATE TABLE log (n INTEGER);
            CREATE TRIGGER counted AFTER INSERT ON items BEGIN INSERT INTO log VALUES (new.id); END;
            CREATE INDEX total_1 ON orders (total);
            CREATE INDEX total_2 ON orders (total);
            CREATE INDEX status_total ON orders (status, total);
            CREATE INDEX status_only ON orders (status);
        """)
        users = rows // 4
        connection.executemany(
            "INSERT INTO users (email) VALUES (?)", ((f"u{n}@x.example",) for n in range(users))
        )
        connection.executemany(
            "INSERT INTO orders (user_id, total, status, at) VALUES (?, ?, ?, ?)",
            (
                (n % users + 1, n % 97, "open" if n % 50 == 0 else "done", f"2026-01-{n % 28:02}")
                for n in range(rows)
            ),
        )
        connection.executemany(
            "INSERT INTO items (order_id, sku) VALUES (?, ?)",
            ((n % rows + 1, f"s{n % 50}") for n in range(rows)),
        )
        connection.commit()
    return path


@pytest.fixture
def shop(tmp_path: Path) -> Callable[..., Path]:
    """Make the shop's file."""
    return lambda rows=12_000, journal_mode="delete": fill(tmp_path / "shop.db", rows, journal_mode)
