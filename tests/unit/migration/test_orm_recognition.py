"""Which library made a file is told by its tables first, then by its names, then by how it writes SQL."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any, get_args

import pytest

from migration.orm.django_names import made_name
from migration.orm.registry import PROFILES, recognise
from migration.planning import PlanOptions, draft_migration
from migration.rules.reading import read_rules
from migration.schema.options import OrmChoice
from migration.schema.read import read_schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from migration.planning import Draft


SQLALCHEMY = "CREATE TABLE t (\n\tid INTEGER NOT NULL, \n\tPRIMARY KEY (id)\n)"
KNEX = "CREATE TABLE knex_migrations (name, batch, migration_time)"
PRISMA = """CREATE TABLE "B" (id TEXT PRIMARY KEY); CREATE TABLE "A" (
    "b" TEXT, CONSTRAINT "A_b_fkey" FOREIGN KEY ("b") REFERENCES "B" ("id"))"""


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], Path]:
    def make(script: str) -> Path:
        path = tmp_path / "file.db"
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.executescript(script)
        return path

    return make


@pytest.mark.parametrize(
    ("script", "name", "sign"),
    [
        ("CREATE TABLE t (a)", "generic", None),
        (
            "CREATE TABLE django_migrations (id, app, name, applied)",
            "django",
            "has the table django_migrations",
        ),
        ("CREATE TABLE alembic_version (version_num)", "sqlalchemy", "has the table alembic_version"),
        (
            "CREATE TABLE _prisma_migrations (id, checksum, migration_name)",
            "prisma",
            "has the table _prisma_migrations",
        ),
        (KNEX, "knex", "has the table knex_migrations"),
        ('CREATE TABLE "SequelizeMeta" (name)', "sequelize", "has the table SequelizeMeta"),
        (
            "CREATE TABLE __drizzle_migrations (hash, created_at)",
            "drizzle",
            "has the table __drizzle_migrations",
        ),
        ("CREATE TABLE ar_internal_metadata (key, value)", "rails", "has the table ar_internal_metadata"),
        (
            "CREATE TABLE schema_migrations (version)",
            "rails",
            "has a table schema_migrations with versions only",
        ),
        ("CREATE TABLE schema_migrations (version, dirty)", "generic", None),
        ("CREATE TABLE typeorm_metadata (type)", "typeorm", "has the table typeorm_metadata"),
        (SQLALCHEMY, "sqlalchemy", "writes CREATE TABLE as SQLAlchemy does, for one t"),
        (
            "CREATE TABLE `t` (\n\t`id` integer PRIMARY KEY NOT NULL,\n\t`a` text\n)",
            "drizzle",
            "writes CREATE TABLE as Drizzle does, for one t",
        ),
        (
            "create table `t` (`id` integer not null primary key autoincrement, `a` text)",
            "knex",
            "writes CREATE TABLE as Knex does, for one t",
        ),
        (
            "CREATE TABLE `T` (`id` INTEGER PRIMARY KEY AUTOINCREMENT, `createdAt` DATETIME NOT NULL)",
            "sequelize",
            "writes CREATE TABLE as Sequelize does, for one T",
        ),
        (PRISMA, "prisma", "writes CREATE TABLE as Prisma does, for one A"),
        (f"{SQLALCHEMY}; {KNEX}", "knex", "has the table knex_migrations"),
    ],
)
def test_a_library_is_recognised_by_its_strongest_sign(
    file: Callable[[str], Path], script: str, name: str, sign: str | None
) -> None:
    found = recognise(read_schema(file(script)))
    assert found.profile.name == name
    assert (found.evidence.sign if found.evidence else None) == sign


def test_what_the_user_says_stands_above_what_the_file_says(file: Callable[[str], Path]) -> None:
    source = read_schema(file("CREATE TABLE django_migrations (id, app, name, applied)"))
    assert recognise(source, "knex").profile.name == "knex"
    assert recognise(source, "generic").profile.name == "generic"


def test_every_profile_can_be_chosen() -> None:
    assert set(get_args(OrmChoice)) == {"auto", "generic", *(profile.name for profile in PROFILES)}


def types_of(draft: Draft, table: str) -> dict[str, str]:
    found = next(target for target in draft.plan.tables if target.name == table)
    return {column.name: column.type for column in found.columns}


DJANGO = """
CREATE TABLE django_migrations (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, app, name, applied datetime);
CREATE TABLE auth_user (id integer NOT NULL PRIMARY KEY AUTOINCREMENT);
CREATE TABLE shop_a (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, token char(32), address char(39),
  data text CHECK ((JSON_VALID("data") OR "data" IS NULL)), wait_duration bigint, wait bigint,
  price decimal, when_ datetime);
CREATE TABLE shop_b (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, user_id integer REFERENCES auth_user (id),
  a_id {reference} REFERENCES shop_a (id));
"""


@pytest.mark.parametrize("reference", ["integer", "bigint"])
def test_what_refers_to_django_s_keys_tells_how_big_they_are(
    file: Callable[[str], Path], reference: str
) -> None:
    draft = draft_migration(file(DJANGO.format(reference=reference)))
    assert types_of(draft, "shop_a")["id"] == types_of(draft, "shop_b")["id"] == reference
    assert types_of(draft, "auth_user")["id"] == types_of(draft, "shop_b")["user_id"] == "integer"


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("token", "00000000000000000000000000000001", "uuid"),
        ("token", "not a UUID of any kind, just text", "text"),
        ("address", "192.0.2.7", "inet"),
        ("address", "somewhere", "text"),
        ("data", '{"a": 1}', "jsonb"),
        ("data", r'"\u0000"', "json"),
        ("wait_duration", 90_000_000, "interval"),
        ("wait", 90_000_000, "bigint"),
        ("price", 1.25, "numeric"),
        ("when_", "2024-03-01 12:00:00.123456", "timestamp with time zone"),
    ],
)
def test_a_django_type_is_taken_only_if_it_holds_the_values(
    file: Callable[[str], Path], column: str, value: Any, expected: str
) -> None:
    path = file(DJANGO.format(reference="bigint"))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"INSERT INTO shop_a ({column}) VALUES (?)", (value,))
    assert types_of(draft_migration(path), "shop_a")[column] == expected


def test_a_duration_that_only_the_name_tells_is_said(file: Callable[[str], Path]) -> None:
    notes = draft_migration(file(DJANGO.format(reference="bigint"))).plan.notes
    assert any(note.object == "shop_a.wait_duration" and note.level == "changed" for note in notes)
    assert any("shop_a.wait;" in note.text and note.object == "Django" for note in notes)


def test_a_rule_makes_an_interval_of_a_bigint_and_a_bigint_of_an_interval(
    file: Callable[[str], Path], tmp_path: Path
) -> None:
    path = file(DJANGO.format(reference="bigint") + ";INSERT INTO shop_a (wait, wait_duration) VALUES (1, 2)")
    rules = tmp_path / "rules.yaml"
    rules.write_text("columns:\n  shop_a.wait: {type: interval}\n  shop_a.wait_duration: {type: bigint}\n")
    types = types_of(draft_migration(path, PlanOptions(rules=read_rules(rules))), "shop_a")
    assert (types["wait"], types["wait_duration"]) == ("interval", "bigint")


def test_django_s_long_names_are_cut_as_django_cuts_them() -> None:
    table = "shop_lineofapurchasewhosetablehasanamethatisverylong"
    assert made_name(table, ("number",)) == "shop_lineofapurchasewhoset_number_bd0f32b0"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1969-12-31 23:00:00.000000", "1970-01-03 00:00:00.000001"], "interval"),
        (["1970-01-03 00:00:00.000000", "1985-01-03 00:00:00.000000"], "timestamp without time zone"),
        (["2024-01-03 00:00:00.000000"], "timestamp without time zone"),
        ([], "timestamp without time zone"),
    ],
)
def test_moments_around_1970_are_sqlalchemy_s_intervals(
    file: Callable[[str], Path], values: list[str], expected: str
) -> None:
    path = file("CREATE TABLE t (a DATETIME)")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany("INSERT INTO t VALUES (?)", [(value,) for value in values])
    draft = draft_migration(path, PlanOptions(orm="sqlalchemy"))
    assert types_of(draft, "t")["a"] == expected


@pytest.mark.parametrize(("orm", "declared"), [("sqlalchemy", "CHAR(32)"), ("knex", "char(36)")])
def test_characters_that_are_no_uuids_stay_what_they_are_declared(
    file: Callable[[str], Path], orm: Any, declared: str
) -> None:
    path = file(
        f"CREATE TABLE t (a {declared}); INSERT INTO t VALUES ('{'0' * 32}'), ('xyz'), ('{'1' * 32}')"
    )
    (column,) = draft_migration(path, PlanOptions(orm=orm)).plan.tables[0].columns
    assert (column.type, column.rejects) == (f"character varying({declared[5:7]})", 0)


def test_a_single_big_key_of_sqlalchemy_s_has_a_sequence_and_a_reference_has_none(
    file: Callable[[str], Path],
) -> None:
    draft = draft_migration(
        file(
            "CREATE TABLE a (\n\tid BIGINT NOT NULL, \n\tPRIMARY KEY (id)\n);"
            "CREATE TABLE b (\n\tid INTEGER NOT NULL, \n\tPRIMARY KEY (id), "
            "\n\tFOREIGN KEY(id) REFERENCES a (id)\n)"
        )
    )
    serials = {table.name: table.columns[0].serial for table in draft.plan.tables}
    assert serials == {"a": True, "b": False}


def test_drizzle_s_integers_stay_integers_and_are_listed(file: Callable[[str], Path]) -> None:
    path = file(
        "CREATE TABLE __drizzle_migrations (hash, created_at);"
        "CREATE TABLE t (made_at integer, seenAt integer, admin integer, size integer);"
        "INSERT INTO t VALUES (1709294400, 1709294400123, 1, 1709294400)"
    )
    draft = draft_migration(path)
    assert types_of(draft, "t") == {
        "made_at": "integer",
        "seenAt": "bigint",
        "admin": "integer",
        "size": "integer",
    }
    said = "\n".join(note.text for note in draft.plan.notes if note.object == "Drizzle")
    assert "t.made_at: integers that look like seconds" in said
    assert "t.seenAt: integers that look like milliseconds" in said
    assert "t.admin: integers that look like 0 and 1" in said
    assert "t.size" not in said
