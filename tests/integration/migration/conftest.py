"""A shop's SQLite file, the command line, and an independent look at a PostgreSQL database."""

from __future__ import annotations

import random
import runpy
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Callable

SHOP = """
CREATE TABLE "user" (
  id integer PRIMARY KEY AUTOINCREMENT NOT NULL, email varchar(80) NOT NULL, "displayName" text,
  active boolean NOT NULL DEFAULT (1), score real, created datetime NOT NULL DEFAULT (datetime('now')),
  CONSTRAINT "UQ_user_email" UNIQUE (email));
CREATE TABLE category (id integer PRIMARY KEY, name text NOT NULL UNIQUE, parent integer REFERENCES category
(id)); CREATE TABLE product (
  sku varchar(20) PRIMARY KEY NOT NULL, title text NOT NULL, price decimal(10,2) NOT NULL, photo blob,
  category integer REFERENCES category (id) ON DELETE SET NULL);
CREATE TABLE "order" (
  id integer PRIMARY KEY AUTOINCREMENT NOT NULL, "userId" integer NOT NULL REFERENCES "user" (id) ON DELETE
  CASCADE, placed datetime NOT NULL, paid boolean NOT NULL, note text);
CREATE TABLE order_line (
  "order" integer NOT NULL REFERENCES "order" (id) ON DELETE CASCADE, line integer NOT NULL,
  sku varchar(20) NOT NULL REFERENCES product (sku), quantity integer NOT NULL, PRIMARY KEY ("order", line));
CREATE TABLE tag (name text, product varchar(20), PRIMARY KEY (name, product)) WITHOUT ROWID;
CREATE TABLE event (at bigint, kind text, payload text);
CREATE TABLE "50% off" ("a ""quoted"" name" text, "100%" integer);
CREATE TABLE empty (id integer PRIMARY KEY AUTOINCREMENT, x text);
CREATE TABLE measurement (id integer PRIMARY KEY, value double precision, taken date, day_time time);
CREATE INDEX "IX_order_user" ON "order" ("userId");
CREATE INDEX "IX_order_placed" ON "order" (placed DESC);
CREATE UNIQUE INDEX "IX_event_once" ON event (at, kind);
CREATE INDEX "IX_line_sku" ON order_line (sku);
CREATE VIEW spending AS SELECT "userId", count(*) AS orders FROM "order" WHERE paid GROUP BY "userId";
"""


def fill_shop(path: Path, *, rows: int) -> None:
    """A file of ten tables with about `rows` rows, the same for every call."""
    chance = random.Random(7)
    texts = ["plain", "tab\tand\\backslash", "line\nbreak\r", "naïve €𝄞", "", None, "\\N", "\\.", "'\""]
    users, products, orders = rows // 10, rows // 50, rows // 4
    with closing(sqlite3.connect(path)) as shop, shop:
        shop.executescript(SHOP)
        shop.executemany(
            'INSERT INTO "user" (email, "displayName", active, score, created) VALUES (?, ?, ?, ?, ?)',
            (
                (
                    f"u{n}@example.org",
                    chance.choice(texts),
                    chance.random() < 0.5,
                    chance.choice([0.0, -0.0, 1 / 3, 5e-324, 1.7e308, None]),
                    f"2024-0{chance.randint(1, 9)}-11 10:{n % 60:02}:{n * 7 % 60:02}.{n % 1000:03}",
                )
                for n in range(users)
            ),
        )
        shop.executemany(
            "INSERT INTO category VALUES (?, ?, ?)",
            ((n, f"category {n}", n // 3 or None) for n in range(1, 40)),
        )
        shop.executemany(
            "INSERT INTO product VALUES (?, ?, ?, ?, ?)",
            (
                (
                    f"SKU-{n}",
                    f"product {n}",
                    chance.randint(1, 99_999) / 100,
                    chance.randbytes(n % 40) if n % 3 else None,
                    chance.randint(1, 39),
                )
                for n in range(products)
            ),
        )
        shop.executemany(
            'INSERT INTO "order" ("userId", placed, paid, note) VALUES (?, ?, ?, ?)',
            (
                (
                    chance.randint(1, users),
                    f"2023-0{n % 9 + 1}-05 08:00:{n % 60:02}",
                    n % 2,
                    chance.choice(texts),
                )
                for n in range(orders)
            ),
        )
        shop.executemany(
            "INSERT INTO order_line VALUES (?, ?, ?, ?)",
            (
                (order, line, f"SKU-{chance.randrange(products)}", chance.randint(1, 9))
                for order in range(1, orders + 1)
                for line in range(1, 3)
            ),
        )
        shop.executemany(
            "INSERT OR IGNORE INTO tag VALUES (?, ?)",
            ((f"tag {chance.randint(1, 99)}", f"SKU-{n % products}") for n in range(rows // 10)),
        )
        shop.executemany(
            "INSERT INTO event VALUES (?, ?, ?)",
            (
                (1_700_000_000_000 + n, chance.choice(["view", "buy"]), "x" * (n % 200))
                for n in range(rows // 20)
            ),
        )
        shop.executemany('INSERT INTO "50% off" VALUES (?, ?)', ((f"o{n}", n % 5) for n in range(rows // 50)))
        shop.executemany(
            "INSERT INTO measurement VALUES (?, ?, ?, ?)",
            (
                (n * 1_000_003, n / 7, f"2020-{n % 12 + 1:02}-28", f"{n % 24:02}:30")
                for n in range(rows // 20)
            ),
        )
        shop.execute('DELETE FROM "user" WHERE id NOT IN (SELECT "userId" FROM "order")')
        shop.execute("INSERT INTO empty VALUES (41, 'gone')")
        shop.execute("DELETE FROM empty")


@pytest.fixture(scope="session")
def differences() -> Callable[..., list[str]]:
    """A comparison of both databases that knows nothing of the project: see independent.py."""
    found: Callable[..., list[str]] = runpy.run_path(str(Path(__file__).with_name("independent.py")))[
        "differences"
    ]
    return found


@pytest.fixture(scope="session")
def make_shop() -> Callable[..., Path]:
    """Makes a shop of a given size at a given path."""

    def make(path: Path, *, rows: int) -> Path:
        fill_shop(path, rows=rows)
        return path

    return make


@pytest.fixture(scope="session")
def _filled(tmp_path_factory: pytest.TempPathFactory, make_shop: Callable[..., Path]) -> Path:
    return make_shop(tmp_path_factory.mktemp("shop") / "shop.db", rows=50_000)


@pytest.fixture
def shop(_filled: Path, tmp_path: Path) -> Path:
    """A shop of ten tables and about 55,000 rows, this test's own copy."""
    path = tmp_path / "shop.db"
    path.write_bytes(_filled.read_bytes())
    return path


@pytest.fixture
def small_shop(tmp_path: Path, make_shop: Callable[..., Path]) -> Path:
    """The same ten tables with about 1,000 rows."""
    return make_shop(tmp_path / "small shop.db", rows=1_000)


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def outgrow() -> Callable[..., Ended]:
    """Runs the command line in a process of its own."""

    def run(*arguments: object, env: dict[str, str] | None = None) -> Ended:
        command = [sys.executable, "-m", "outgrow", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=env)
        return Ended(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def content_of() -> Callable[..., dict[str, Any]]:
    """Everything in a database that a migration could get wrong, read without any code of the project."""

    def read(dsn: str, schema: str = "public") -> dict[str, Any]:
        with psycopg.connect(dsn, autocommit=True) as connection:

            def rows(query: str) -> list[Any]:
                return connection.execute(query.encode(), [schema]).fetchall()

            tables = [
                row[0] for row in rows("SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY 1")
            ]
            sequences = [
                row[0]
                for row in rows("SELECT sequencename FROM pg_sequences WHERE schemaname = %s ORDER BY 1")
            ]
            name = "(SELECT oid FROM pg_namespace WHERE nspname = %s)"
            return {
                "schemas": connection.execute(
                    "SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)' ORDER BY 1"
                ).fetchall(),
                "columns": rows(
                    "SELECT c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod),"
                    " a.attnotnull, a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid)"
                    " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
                    " LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum"
                    f" WHERE c.relnamespace = {name} AND c.relkind = 'r' AND a.attnum > 0 ORDER BY 1, 2"
                ),
                "constraints": rows(
                    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated"
                    f" FROM pg_constraint WHERE connamespace = {name} AND contype <> 'n' ORDER BY 1, 2"
                ),
                "indexes": rows(
                    "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = %s ORDER BY 2"
                ),
                "triggers": rows(
                    "SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(t.oid) FROM pg_trigger t"
                    " JOIN pg_class c ON c.oid = t.tgrelid"
                    f" WHERE c.relnamespace = {name} AND NOT tgisinternal ORDER BY 1, 2"
                ),
                "functions": rows(
                    "SELECT proname, prosrc, prolang FROM pg_proc p"
                    f" WHERE pronamespace = {name} AND prorettype = 'trigger'::regtype ORDER BY 1"
                ),
                "comments": rows(
                    "SELECT classoid::regclass::text, objoid::regclass::text, objsubid, description"
                    " FROM pg_description JOIN pg_class c ON c.oid = objoid"
                    f" WHERE c.relnamespace = {name} ORDER BY 1, 2, 3"
                ),
                "collations": rows(
                    "SELECT collname, collprovider, collisdeterministic FROM pg_collation"
                    f" WHERE collnamespace = {name} ORDER BY 1"
                ),
                "types": rows(
                    "SELECT typname, array(SELECT enumlabel FROM pg_enum WHERE enumtypid = t.oid"
                    " ORDER BY enumsortorder) FROM pg_type t"
                    f" WHERE typnamespace = {name} AND typtype IN ('e', 'd') ORDER BY 1"
                ),
                "extensions": connection.execute("SELECT extname FROM pg_extension ORDER BY 1").fetchall(),
                "views": rows("SELECT viewname, definition FROM pg_views WHERE schemaname = %s ORDER BY 1"),
                "sequences": {
                    sequence: connection.execute(
                        sql.SQL("SELECT last_value, is_called FROM {}").format(
                            sql.Identifier(schema, sequence)
                        )
                    ).fetchone()
                    for sequence in sequences
                },
                "rows": {
                    table: connection.execute(
                        sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1").format(
                            sql.Identifier(schema, table)
                        )
                    ).fetchall()
                    for table in tables
                },
            }

    return read
