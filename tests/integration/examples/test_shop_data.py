"""What a shop says about its data is the data: across shops, databases, time zones and a real migration."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest

from examples.applications import EXPRESS_PACKAGE, PYTHON, Rows, Shop
from migration.run import run_migration

if TYPE_CHECKING:
    from collections.abc import Callable

    from examples.node_packages import Node

ROWS = Rows(customers=40, products=25, orders=120)
SHOPS = [pytest.param("express", marks=pytest.mark.node), "python"]

#: Asks TypeORM what it would change to make the tables fit the entities.
SCHEMA_LOG = """
require('reflect-metadata');
const { DataSource } = require('typeorm');
const { dataSourceOptions } = require('./dist/data-source.js');
const { databaseTarget } = require('./dist/settings.js');
(async () => {
  const options = dataSourceOptions(databaseTarget(process.env.DATABASE_URL));
  const source = await new DataSource(options).initialize();
  const log = await source.driver.createSchemaBuilder().log();
  console.log(JSON.stringify(log.upQueries.map((query) => query.query)));
  await source.destroy();
})();
"""


def fingerprint(shop: Shop, database_url: str) -> dict[str, Any]:
    with shop.start(database_url) as running:
        answer = httpx.get(f"{running.url}/fingerprint", timeout=30).raise_for_status()
    return dict(answer.json())


def execute(file: str, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture(scope="module")
def python_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file the Python shop made and filled; to be read only."""
    file = str(tmp_path_factory.mktemp("python") / "shop.sqlite")
    PYTHON.seed(file, ROWS)
    return file


@pytest.fixture(scope="module")
def express_file(express: Shop, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file the Express shop made and filled; to be read only."""
    file = str(tmp_path_factory.mktemp("express") / "shop.sqlite")
    express.seed(file, ROWS)
    return file


@pytest.fixture
def own_file(python_file: str, tmp_path: Path) -> str:
    """A copy of `python_file` to change."""
    return shutil.copy(python_file, str(tmp_path / "shop.sqlite"))


@pytest.fixture(scope="module")
def expected(python_file: str) -> dict[str, Any]:
    """The fingerprint of the seeded rows, as the Python shop has it on SQLite."""
    return fingerprint(PYTHON, python_file)


@pytest.mark.parametrize("shop", SHOPS, indirect=True)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_data_is_the_same_whatever_time_zone_the_processes_think_they_are_in(
    shop: Shop,
    kind: str,
    new_database: Callable[[str], str],
    expected: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database_url = new_database(kind)
    for zone in ("TZ", "PGTZ"):
        monkeypatch.setenv(zone, "America/New_York")
    shop.seed(database_url, ROWS)
    for zone in ("TZ", "PGTZ"):
        monkeypatch.setenv(zone, "Asia/Kathmandu")
    assert fingerprint(shop, database_url) == expected


def test_the_seed_has_every_kind_of_row(python_file: str) -> None:
    with closing(sqlite3.connect(python_file)) as connection:

        def count(condition: str) -> int:
            return int(connection.execute(f"SELECT count(*) FROM {condition}").fetchone()[0])

        assert count('"customer"') == 40
        assert count('"order"') == 120
        assert count('(SELECT DISTINCT status FROM "order")') == 4
        for some in (
            '"customer" WHERE address IS NULL',
            '"customer" WHERE newsletter',
            '"product" WHERE description IS NULL',
            '"product" WHERE instr(description, char(10))',
            "\"product\" WHERE description GLOB '*[^ -~]*'",
            '"order" WHERE note IS NOT NULL',
            '"order" WHERE "shippedAt" IS NOT NULL',
            '"order_item" WHERE "productId" IS NULL',
            "\"product\" WHERE typeof(price) = 'real'",
        ):
            assert count(some) > 0, some


@pytest.mark.node
def test_each_shop_serves_the_file_the_other_one_made(
    express: Shop, express_file: str, python_file: str, expected: dict[str, Any]
) -> None:
    assert fingerprint(PYTHON, express_file) == expected
    assert fingerprint(express, python_file) == expected


@pytest.mark.node
def test_both_shops_make_the_same_tables(express_file: str, python_file: str) -> None:
    schemas = []
    for file in (express_file, python_file):
        with closing(sqlite3.connect(file)) as connection:
            schemas.append(set(connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master")))
    assert schemas[0] == schemas[1]


@pytest.mark.node
def test_typeorm_finds_nothing_to_change_in_the_tables(
    express: Shop, node: Node, python_file: str, database: str
) -> None:
    express.seed(database, Rows(0, 0, 0))
    for database_url in (python_file, database):
        done = subprocess.run(
            [node.node, "-e", SCHEMA_LOG],
            cwd=EXPRESS_PACKAGE.folder,
            env={"DATABASE_URL": database_url},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert done.stdout.strip() == "[]"


CHANGES = {
    "a changed letter": """UPDATE "customer" SET "name" = "name" || '.' WHERE "id" = 7""",
    "a cent": """UPDATE "order_item" SET "unitPrice" = "unitPrice" + 0.01 WHERE "id" = 9""",
    "a millisecond": """
        UPDATE "product" SET "createdAt" = replace("createdAt", '.000', '.001') WHERE "id" = 3""",
    "empty text instead of null": """
        UPDATE "order" SET "note" = '' WHERE "id" = (SELECT min("id") FROM "order" WHERE "note" IS NULL)""",
    "a lost row": """DELETE FROM "order_item" WHERE "id" = 1""",
    "a flipped boolean": """UPDATE "customer" SET "newsletter" = NOT "newsletter" WHERE "id" = 2""",
    "values of two rows exchanged": """
        UPDATE "product" SET "stock" = (SELECT "stock" FROM "product" p WHERE p."id" = 3 - "product"."id")
        WHERE "id" IN (1, 2)""",
}


def test_the_fingerprint_notices_every_change(
    own_file: str, python_file: str, expected: dict[str, Any]
) -> None:
    with closing(sqlite3.connect(python_file)) as pristine, PYTHON.start(own_file) as running:
        for what, change in CHANGES.items():
            execute(own_file, change)
            changed = httpx.get(f"{running.url}/fingerprint", timeout=30).json()
            assert changed["checksum"] != expected["checksum"], what
            tables = [
                name
                for name in ("customers", "products", "orders", "orderItems")
                if changed[name] != expected[name]
            ]
            assert len(tables) == 1, what
            with closing(sqlite3.connect(own_file)) as restored:
                pristine.backup(restored)
        assert httpx.get(f"{running.url}/fingerprint", timeout=30).json() == expected


def test_the_fingerprint_does_not_depend_on_where_rows_lie(own_file: str, expected: dict[str, Any]) -> None:
    execute(
        own_file,
        'CREATE TEMP TABLE kept AS SELECT * FROM "order_item" ORDER BY "id" DESC',
        'DELETE FROM "order_item"',
        'INSERT INTO "order_item" SELECT * FROM kept',
    )
    assert fingerprint(PYTHON, own_file) == expected


@pytest.mark.parametrize("shop", SHOPS, indirect=True)
def test_after_outgrow_has_migrated_it_the_shop_answers_with_the_same_data(
    shop: Shop, own_file: str, database: str, expected: dict[str, Any]
) -> None:
    run_migration(Path(own_file), database)
    with shop.start(database) as running:
        assert httpx.get(f"{running.url}/fingerprint", timeout=30).json() == expected
        wanted = {
            "customerId": 1,
            "items": [{"productId": 1, "quantity": 1}, {"productId": 2, "quantity": 3}],
        }
        order = httpx.post(f"{running.url}/orders", json=wanted)
        assert order.status_code == 201, order.text
        assert httpx.get(f"{running.url}/orders/{order.json()['id']}").json() == order.json()
    with psycopg.connect(database) as connection:
        largest = connection.execute('SELECT max("id") FROM "order_item"').fetchone()
    assert largest is not None
    assert largest[0] == expected["orderItems"]["rows"] + 2
