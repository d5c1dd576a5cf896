"""The verification sees every difference, however small, and nothing where there is none."""

from __future__ import annotations

import itertools
import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from migration.run import run_migration
from migration.verify import verify_migration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from infra.local_postgres import LocalPostgres
    from migration.verification.findings import TableFinding, Verification

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def migrated(
    postgres: LocalPostgres, make_shop: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """A shop and its migrated database, which no test changes."""
    path = make_shop(tmp_path_factory.mktemp("verify") / "shop.db", rows=6_000)
    dsn = postgres.create_database(f"verified_{next(_numbers)}")
    run_migration(path, dsn)
    return path, dsn


@pytest.fixture
def source(migrated: tuple[Path, str]) -> Path:
    return migrated[0]


@pytest.fixture
def copy(migrated: tuple[Path, str], postgres: LocalPostgres) -> Iterator[str]:
    """The migrated database once more, to be damaged."""
    name = f"damaged_{next(_numbers)}"
    with psycopg.connect(postgres.dsn, autocommit=True) as admin:
        template = conninfo_to_dict(migrated[1])["dbname"]
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        admin.execute(statement.format(sql.Identifier(name), sql.Identifier(str(template))))
    yield postgres.dsn_of(name)
    postgres.drop_database(name)


def damage(dsn: str, statement: str) -> None:
    with psycopg.connect(dsn) as target:
        assert target.execute(statement.encode()).rowcount != 0


def only_difference(found: Verification) -> TableFinding:
    """The one table that differs; everything else is equal."""
    assert not found.equal
    assert all(item.accepted for item in found.objects)
    assert all(sequence.ahead for sequence in found.sequences)
    (different,) = [table for table in found.tables if not table.equal]
    return different


@pytest.mark.both_servers
def test_a_true_copy_is_equal(source: Path, migrated: tuple[Path, str], outgrow: Callable[..., Any]) -> None:
    done = outgrow("migrate", "verify", source, migrated[1], "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["equal"] is True
    assert found["objects"] == []
    assert {item["table"] for item in found["sequences"]} >= {"user", "order", "empty"}
    assert len(found["orphans"]) == 5
    assert all(table["source_checksum"] == table["target_checksum"] for table in found["tables"])
    assert "equal" in outgrow("migrate", "verify", source, migrated[1]).out


def test_one_changed_value_is_found_with_its_key_and_both_values(
    source: Path, copy: str, outgrow: Callable[..., Any]
) -> None:
    damage(copy, "UPDATE \"order\" SET note = 'something else' WHERE id = 777")
    done = outgrow("migrate", "verify", source, copy)
    assert done.code == 3
    assert "id=777" in done.out
    assert "'something else' there" in done.out
    (row,) = only_difference(verify_migration(source, copy)).rows
    assert (row.kind, row.key, list(row.columns)) == ("changed", {"id": "777"}, ["note"])


def test_a_value_changed_in_a_table_with_a_compound_key_is_found(source: Path, copy: str) -> None:
    damage(copy, 'UPDATE order_line SET quantity = quantity + 1 WHERE "order" = 432 AND line = 2')
    (row,) = only_difference(verify_migration(source, copy)).rows
    assert row.key == {"order": "432", "line": "2"}
    here, there = row.columns["quantity"]
    assert int(there or 0) == int(here or 0) + 1


def test_a_value_changed_in_a_table_without_a_key_is_found(source: Path, copy: str) -> None:
    damage(copy, "UPDATE event SET payload = payload || 'y' WHERE at = 1700000000100")
    rows = only_difference(verify_migration(source, copy)).rows
    assert [row.kind for row in rows] == ["missing", "extra"]
    assert rows[0].columns["at"] == ("1700000000100", None)


def test_a_missing_row_is_found(source: Path, copy: str) -> None:
    damage(copy, "DELETE FROM measurement WHERE id = 5 * 1000003")
    finding = only_difference(verify_migration(source, copy))
    assert finding.source_rows == (finding.target_rows or 0) + 1
    assert [(row.kind, row.key) for row in finding.rows] == [("missing", {"id": "5000015"})]


def test_an_extra_row_is_found(source: Path, copy: str) -> None:
    damage(copy, "INSERT INTO product VALUES ('EXTRA', 'extra', 1, NULL, NULL)")
    finding = only_difference(verify_migration(source, copy))
    assert [(row.kind, row.key) for row in finding.rows] == [("extra", {"sku": "EXTRA"})]


def test_a_row_that_stands_twice_is_found(source: Path, copy: str) -> None:
    damage(copy, 'INSERT INTO "50% off" SELECT * FROM "50% off" LIMIT 1')
    finding = only_difference(verify_migration(source, copy))
    assert [row.kind for row in finding.rows] == ["extra"]


def test_two_values_swapped_between_rows_are_found(source: Path, copy: str) -> None:
    damage(
        copy,
        "UPDATE product p SET title = q.title FROM product q"
        " WHERE (p.sku, q.sku) IN (('SKU-10', 'SKU-11'), ('SKU-11', 'SKU-10'))",
    )
    rows = only_difference(verify_migration(source, copy)).rows
    assert sorted(row.key["sku"] for row in rows) == ["SKU-10", "SKU-11"]
    assert all(list(row.columns) == ["title"] for row in rows)


def test_zero_with_the_wrong_sign_is_found(source: Path, copy: str) -> None:
    with psycopg.connect(copy) as target:
        (key,) = target.execute('SELECT min(id) FROM "user" WHERE score = 0').fetchone() or (0,)
    damage(copy, f"UPDATE \"user\" SET score = '-0.0' WHERE id = {key}")
    (row,) = only_difference(verify_migration(source, copy)).rows
    assert row.key == {"id": str(key)}
    assert row.columns == {"score": ("0.0", "-0")}


@pytest.mark.parametrize(
    ("statement", "column"),
    [
        ("UPDATE \"user\" SET created = created + interval '1 microsecond' WHERE id = 2", "created"),
        ('UPDATE "user" SET active = NOT active WHERE id = 2', "active"),
        ("UPDATE \"user\" SET email = email || ' ' WHERE id = 2", "email"),
        ('UPDATE "user" SET score = CASE WHEN score IS NULL THEN 0 END WHERE id = 2', "score"),
    ],
)
@pytest.mark.both_servers
def test_the_smallest_change_of_any_type_is_found(
    source: Path, copy: str, statement: str, column: str
) -> None:
    damage(copy, statement)
    (row,) = only_difference(verify_migration(source, copy)).rows
    assert list(row.columns) == [column]


def test_many_differences_are_counted_and_twenty_shown(source: Path, copy: str) -> None:
    damage(copy, 'UPDATE "order" SET paid = NOT paid')
    finding = only_difference(verify_migration(source, copy))
    assert finding.ranges_differing == finding.ranges
    assert [row.key["id"] for row in finding.rows] == [str(number) for number in range(1, 21)]


@pytest.mark.parametrize(
    ("statement", "kind", "name"),
    [
        ("DROP TABLE tag", "table", "tag"),
        ("ALTER TABLE category DROP COLUMN name", "column", "category.name"),
        ('ALTER TABLE "user" ALTER email DROP NOT NULL', "column", "user.email"),
        ('ALTER TABLE "user" ALTER active DROP DEFAULT', "default", "user.active"),
        ("ALTER TABLE product ALTER title TYPE varchar(200)", "column", "product.title"),
        ("ALTER TABLE order_line DROP CONSTRAINT order_line_pkey", "primary key", "order_line (order, line)"),
        ('ALTER TABLE "user" DROP CONSTRAINT "UQ_user_email"', "unique", "UQ_user_email"),
        ('ALTER TABLE "order" DROP CONSTRAINT "order_userId_fkey"', "foreign key", "order (userId)"),
        ('DROP INDEX "IX_order_placed"', "index", "IX_order_placed"),
        (
            'DROP INDEX "IX_order_placed"; CREATE INDEX "IX_order_placed" ON "order" (placed)',
            "index",
            "IX_order_placed",
        ),
        (
            'DROP INDEX "IX_event_once"; CREATE INDEX "IX_event_once" ON event (at, kind)',
            "index",
            "IX_event_once",
        ),
        (
            (
                'ALTER TABLE "order" DROP CONSTRAINT "order_userId_fkey", ADD CONSTRAINT "order_userId_fkey"'
                ' FOREIGN KEY ("userId") REFERENCES "user" (id)'
            ),
            "foreign key",
            "order (userId)",
        ),
    ],
)
@pytest.mark.both_servers
def test_a_lost_or_altered_object_is_found(
    source: Path, copy: str, statement: str, kind: str, name: str
) -> None:
    damage(copy, statement)
    found = verify_migration(source, copy)
    assert not found.equal
    assert (kind, name) in {(item.kind, item.name) for item in found.objects if not item.accepted}


def test_a_sequence_that_lags_behind_is_found(source: Path, copy: str) -> None:
    damage(copy, "SELECT setval('user_id_seq', 100)")
    damage(copy, "SELECT setval('empty_id_seq', 41, false)")
    found = verify_migration(source, copy)
    assert not found.equal
    assert all(table.equal for table in found.tables)
    behind = {item.table: (item.next, item.used) for item in found.sequences if not item.ahead}
    assert behind.keys() == {"user", "empty"}
    assert behind["empty"] == (41, 41), "SQLite has given out 41, although no row has it any more"


def test_a_dropped_identity_is_found(source: Path, copy: str) -> None:
    damage(copy, "ALTER TABLE empty ALTER id DROP IDENTITY")
    found = verify_migration(source, copy)
    assert [(item.table, item.next) for item in found.sequences if not item.ahead] == [("empty", None)]


@pytest.mark.both_servers
def test_rows_that_refer_to_nothing_are_counted_on_both_sides(tmp_path: Path, database: str) -> None:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as source, source:
        source.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
        source.execute("CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parent (id))")
        source.execute("INSERT INTO parent VALUES (1)")
        source.executemany("INSERT INTO child (parent) VALUES (?)", [(1,), (2,), (None,), (3,)])
    report = run_migration(path, database)
    assert report.equal, "orphans that were there before are no difference"
    found = verify_migration(path, database)
    assert [(item.source, item.target) for item in found.orphans] == [(2, 2)]
    damage(database, "UPDATE child SET parent = NULL WHERE parent = 3")
    assert [(item.source, item.target) for item in verify_migration(path, database).orphans] == [(2, 1)]


def test_a_database_that_was_never_migrated_to_differs_in_everything(
    source: Path, database: str, outgrow: Callable[..., Any]
) -> None:
    done = outgrow("migrate", "verify", source, database)
    assert done.code == 3
    assert "table order_line differs: missing in PostgreSQL" in done.out


def test_verifying_writes_nothing(
    source: Path, copy: str, content_of: Callable[..., Any], outgrow: Callable[..., Any]
) -> None:
    before = content_of(copy), source.read_bytes(), sorted(path.name for path in source.parent.iterdir())
    assert outgrow("migrate", "verify", source, copy).code == 0
    assert (
        content_of(copy),
        source.read_bytes(),
        sorted(path.name for path in source.parent.iterdir()),
    ) == before
