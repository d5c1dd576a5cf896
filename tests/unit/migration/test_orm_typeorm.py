"""What TypeORM's profile makes of declarations that other entities share."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid4, uuid5

import pytest

from migration.orm import typeorm_names
from migration.orm.registry import recognise
from migration.orm.typeorm_baseline import write_baseline
from migration.planning import PlanOptions, draft_migration
from migration.schema.read import read_schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from migration.schema.target import TargetColumn, TargetPlan

_RANDOM = [str(uuid4()) for _ in range(3)]
#: Version 5: made from something, and not drawn.
_MADE = [str(uuid5(NAMESPACE_URL, str(n))) for n in range(3)]


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., TargetPlan]:
    def make(sql: str, **options: str) -> TargetPlan:
        path = tmp_path / "source.db"
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(sql)
        return draft_migration(path, PlanOptions(orm="typeorm", **options)).plan  # type: ignore[arg-type]

    return make


def column(plan: TargetPlan, path: str) -> TargetColumn:
    table, name = path.split(".")
    columns = next(item for item in plan.tables if item.name == table).columns
    return next(item for item in columns if item.name == name)


def filled(declaration: str, values: list[str]) -> str:
    rows = ", ".join(f"('{value}')" for value in values)
    return f"CREATE TABLE t ({declaration});" + (f"INSERT INTO t VALUES {rows};" if values else "")


@pytest.mark.parametrize(
    ("declaration", "values", "type_name", "default"),
    [
        ('"id" varchar PRIMARY KEY NOT NULL', _RANDOM, "uuid", "gen_random_uuid()"),
        ('"id" varchar PRIMARY KEY NOT NULL', _MADE, "uuid", None),
        ('"id" varchar PRIMARY KEY NOT NULL', [], "uuid", "gen_random_uuid()"),
        ('"id" varchar PRIMARY KEY NOT NULL', [_RANDOM[0], "admin"], "character varying", None),
        ('"id" varchar PRIMARY KEY NOT NULL', [_RANDOM[0].upper()], "character varying", None),
        ('"id" varchar(36) PRIMARY KEY NOT NULL', _RANDOM, "character varying(36)", None),
        ('"id" text PRIMARY KEY NOT NULL', _RANDOM, "text", None),
        ('"sku" varchar PRIMARY KEY NOT NULL', [], "character varying", None),
        ('"sku" varchar PRIMARY KEY NOT NULL', _RANDOM, "uuid", "gen_random_uuid()"),
        ('"token" varchar NOT NULL', _RANDOM, "character varying", None),
        ('"ownerId" varchar', _RANDOM, "uuid", None),
        ('"ownerId" varchar', ["u1"], "character varying", None),
        ('"paid" varchar', _RANDOM, "character varying", None),
        ('"uuid" varchar NOT NULL', _RANDOM, "uuid", "gen_random_uuid()"),
        ('"external_uuid" varchar', _RANDOM, "uuid", None),
    ],
)
def test_a_varchar_is_a_uuid_where_its_place_and_all_values_say_so(
    plan: Callable[..., TargetPlan], declaration: str, values: list[str], type_name: str, default: str | None
) -> None:
    (table,) = plan(filled(declaration, values)).tables
    (found,) = table.columns
    assert (found.type, found.default) == (type_name, default)


def test_what_refers_to_a_uuid_is_one_without_a_default(plan: Callable[..., TargetPlan]) -> None:
    made = plan(
        f"""
        CREATE TABLE author (id varchar PRIMARY KEY NOT NULL);
        CREATE TABLE post (id integer PRIMARY KEY AUTOINCREMENT NOT NULL, "authorId" varchar, editor varchar,
          CONSTRAINT "FK_a" FOREIGN KEY ("authorId") REFERENCES author (id),
          CONSTRAINT "FK_b" FOREIGN KEY (editor) REFERENCES author (id));
        CREATE TABLE profile ("authorId" varchar PRIMARY KEY NOT NULL,
          CONSTRAINT "FK_c" FOREIGN KEY ("authorId") REFERENCES author (id));
        INSERT INTO author VALUES ('{_RANDOM[0]}'), ('{_RANDOM[1]}');
        INSERT INTO post ("authorId") VALUES ('{_RANDOM[0]}');
        """
    )
    for path in ("post.authorId", "post.editor", "profile.authorId"):
        assert (column(made, path).type, column(made, path).default) == ("uuid", None), path


def test_an_orphan_that_is_no_uuid_keeps_all_of_its_group_characters(plan: Callable[..., TargetPlan]) -> None:
    made = plan(
        f"""
        CREATE TABLE author (id varchar PRIMARY KEY NOT NULL);
        CREATE TABLE post ("authorId" varchar, FOREIGN KEY ("authorId") REFERENCES author (id));
        INSERT INTO author VALUES ('{_RANDOM[0]}');
        INSERT INTO post VALUES ('nobody');
        """
    )
    assert not column(made, "author.id").type.startswith("uuid")
    assert not column(made, "post.authorId").type.startswith("uuid")


def test_a_relation_without_a_constraint_follows_the_table_it_names(plan: Callable[..., TargetPlan]) -> None:
    made = plan(
        """
        CREATE TABLE app_author (id varchar PRIMARY KEY NOT NULL);
        CREATE TABLE post (id integer PRIMARY KEY NOT NULL, "authorId" varchar, "otherId" varchar);
        """
    )
    assert column(made, "post.authorId").type == "uuid"
    assert column(made, "post.otherId").type == "character varying"


def test_only_an_unnamed_check_of_a_list_is_an_enumeration(plan: Callable[..., TargetPlan]) -> None:
    made = plan(
        """
        CREATE TABLE "User" (
          "Role" varchar CHECK( "Role" IN ('admin','it''s') ) NOT NULL DEFAULT ('admin'),
          kind varchar NOT NULL, size varchar CHECK (size IN ('s', 1)), level integer CHECK (level IN (1, 2)),
          CONSTRAINT "CHK_kind" CHECK ("kind" IN ('a', 'b')));
        """
    )
    role = column(made, "User.Role")
    assert (role.type, role.labels, role.default) == (
        '"public"."User_role_enum"',
        ("admin", "it's"),
        "'admin'",
    )
    assert made.create[0].sql == """CREATE TYPE "public"."User_role_enum" AS ENUM ('admin', 'it''s')"""
    assert column(made, "User.kind").type == "character varying"
    assert [statement.name for statement in made.after_load if statement.kind == "check"][-1] == "CHK_kind"


def test_a_value_outside_the_list_is_never_lost(plan: Callable[..., TargetPlan]) -> None:
    made = plan(
        """
        CREATE TABLE t (role varchar CHECK( "role" IN ('a','b') ));
        PRAGMA ignore_check_constraints = on;
        INSERT INTO t VALUES ('c');
        """,
        misfits="widen",
    )
    assert column(made, "t.role").type == "character varying"


@pytest.mark.parametrize(
    ("declaration", "values", "type_name"),
    [
        ("real", ["0.1", "0.25", "3"], "real"),
        ("real", ["0.1", "0.12345678901"], "double precision"),
        ("float", ["0.1"], "double precision"),
        ("character(3)", ["abc", "äöü"], "character(3)"),
        ("character(3)", ["abc", "ab "], "character varying(3)"),
        ("varchar(3)", ["abc"], "character varying(3)"),
        ("datetime(3)", ["2024-02-29 10:00:00.123"], "timestamp(3) without time zone"),
        ("datetime(0)", ["2024-02-29 10:00:00.123"], "timestamp without time zone"),
        ("datetime(6)", [], "timestamp without time zone"),
        ("time(3)", ["10:00:00.5"], "time(3) without time zone"),
        ("numeric(8)", ["12"], "numeric(8,0)"),
    ],
)
def test_types_of_one_name_are_taken_where_the_values_are_the_same_in_them(
    plan: Callable[..., TargetPlan], declaration: str, values: list[str], type_name: str
) -> None:
    (table,) = plan(filled(f"x {declaration}", values)).tables
    assert table.columns[0].type == type_name


def test_constraints_without_a_name_get_the_one_that_typeorm_looks_for(
    plan: Callable[..., TargetPlan],
) -> None:
    made = plan(
        """
        CREATE TABLE post ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "author_id" integer NOT NULL,
          UNIQUE ("author_id"), FOREIGN KEY ("author_id") REFERENCES post ("id"));
        """
    )
    names = {statement.kind: statement.name for statement in made.after_load}
    assert names["primary key"] == "PK_be5fda3aac270b134ff9c21cdee"
    assert names["foreign key"] == "FK_2f1a9ca8908fc8168bc18437f62"
    assert names["unique"] == "UQ_2f1a9ca8908fc8168bc18437f62"


def test_columns_are_sorted_as_javascript_sorts_them() -> None:
    assert typeorm_names.constraint("PK", "t", ["b", "B", "_"]) == typeorm_names.constraint(
        "PK", "t", ["_", "b", "B"]
    )


def test_an_index_stays_one_over_the_column_where_sqlite_ignores_case(
    plan: Callable[..., TargetPlan],
) -> None:
    made = plan(
        """
        CREATE TABLE t (email varchar COLLATE NOCASE NOT NULL, CONSTRAINT "UQ_e" UNIQUE (email));
        CREATE INDEX "IDX_e" ON t (email);
        """
    )
    assert [statement.sql for statement in made.after_load if statement.kind == "index"] == [
        'CREATE INDEX "IDX_e" ON "public"."t" ("email")'
    ]
    assert any(note.level == "changed" and "UQ_e" in note.object for note in made.notes)


def test_expressions_without_a_translation_are_taken_as_they_are_written(
    plan: Callable[..., TargetPlan],
) -> None:
    made = plan(
        """
        CREATE TABLE t (a varchar NOT NULL, CONSTRAINT "CHK_a" CHECK (a NOT LIKE 'x%' AND hex(a) <> ''));
        CREATE VIEW v AS SELECT hex("t"."a") AS "h" FROM "t" "t";
        """
    )
    sql = {statement.kind: statement.sql for statement in made.after_load}
    assert "hex(a) <> ''" in sql["check"]
    assert '"public"."t" AS "t"' in sql["view"]
    assert not [note for note in made.notes if note.level == "left"]


def test_the_metadata_says_where_its_objects_are_now(plan: Callable[..., TargetPlan]) -> None:
    made = plan(
        """
        CREATE TABLE typeorm_metadata ("type" varchar NOT NULL, "database" varchar, "schema" varchar,
          "table" varchar, "name" varchar, "value" text);
        INSERT INTO typeorm_metadata VALUES ('VIEW', NULL, NULL, NULL, 'v', 'SELECT 1');
        """,
        schema="it's",
    )
    (table,) = made.tables
    assert [item.name for item in table.copied] == ["type", "table", "name", "value"]
    (update,) = (statement.sql for statement in made.after_load if statement.kind == "rows")
    assert update.startswith('UPDATE "it\'s"."typeorm_metadata" SET "database" = CASE')
    assert update.endswith("\"schema\" = 'it''s'")


def test_the_baseline_is_javascript_whatever_the_texts_are(plan: Callable[..., TargetPlan]) -> None:
    made = plan("""CREATE TABLE "a`b" (x varchar DEFAULT ('${1} \\'));""")
    baseline = write_baseline(made, (), 1_700_000_000_000, "js")
    assert baseline.file == "1700000000000-baseline.js"
    assert baseline.text.startswith("module.exports = class Baseline1700000000000 {")
    assert '"a\\`b"' in baseline.text
    assert "\\${1}" in baseline.text


@pytest.mark.parametrize(
    ("sql", "recognised"),
    [
        (
            'CREATE TABLE "user" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "name" varchar NOT NULL)',
            True,
        ),
        ('CREATE TABLE "user" ("id" varchar PRIMARY KEY NOT NULL)', True),
        ("CREATE TABLE `user` (`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL)", False),
        ('CREATE TABLE "user" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT)', False),
        ('CREATE TABLE "user" (\n"id" integer PRIMARY KEY AUTOINCREMENT NOT NULL)', False),
        ('CREATE TABLE "user" ("id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL)', False),
    ],
)
def test_a_file_without_any_name_is_recognised_by_its_spelling(
    tmp_path: Path, sql: str, recognised: bool
) -> None:
    path = tmp_path / "source.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(sql)
    found = recognise(read_schema(path))
    assert (found.profile.name == "typeorm") is recognised
