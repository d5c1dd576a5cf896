"""Hazards 25 to 28: names that differ only by case, are too long, reserved, or need quotes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration.planning import PlanOptions, draft_migration
from migration.schema.ddl import NAME_LIMIT
from migration.schema.names import column_names
from migration.schema.naming import spell

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from migration.schema.options import NamePolicy
    from migration.schema.target import TargetPlan

POLICIES: tuple[NamePolicy, ...] = ("keep", "lower", "snake")
names = st.lists(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=80)
    | st.from_regex(r"[a-c]?[A-C]{1,3}[_ ]?[a-c]{0,2}[12]?", fullmatch=True),
    unique=True,
    max_size=20,
)


def unheard(*_: str) -> None:
    pass


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., TargetPlan]:
    def make(sql: str, **options: object) -> TargetPlan:
        path = tmp_path / "source.db"
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(sql)
        return draft_migration(path, PlanOptions(**options)).plan  # type: ignore[arg-type]

    return make


@pytest.mark.parametrize(
    ("name", "lower", "snake"),
    [
        ("userId", "userid", "user_id"),
        ("HTTPServer2Name", "httpserver2name", "http_server2_name"),
        ("already_snake", "already_snake", "already_snake"),
        ("_Private", "_private", "_private"),
        ("Order Items", "order items", "order_items"),
        ('50% "off"', '50% "off"', "50_off"),
        ("order", "order", "order"),
        ("%%", "%%", "%%"),
        ("ÄrgerLevel", "Ärgerlevel", "Ärger_level"),
        ("用户Id", "用户id", "用户id"),
        ("PK_a1B2", "pk_a1b2", "pk_a1_b2"),
    ],
)
def test_a_name_is_spelled_as_the_policy_says(name: str, lower: str, snake: str) -> None:
    assert [spell(name, policy) for policy in POLICIES] == [name, lower, snake]


@given(names, st.sampled_from(POLICIES))
def test_names_stay_different_short_and_the_same_in_every_run(wanted: list[str], policy: NamePolicy) -> None:
    def mapped() -> dict[str, str]:
        return column_names(wanted, unheard, lambda name: spell(name, policy))

    found = mapped()
    assert list(found) == wanted
    assert len(set(found.values())) == len(wanted)
    assert all(0 < len(name.encode()) <= NAME_LIMIT for name in found.values())
    assert found == mapped()


@given(names, st.sampled_from(POLICIES))
def test_a_name_that_needs_no_change_is_not_changed_by_another(wanted: list[str], policy: NamePolicy) -> None:
    found = column_names(wanted, unheard, lambda name: spell(name, policy))
    for name in wanted:
        if spell(name, policy) == name and 0 < len(name.encode()) <= NAME_LIMIT:
            assert found[name] == name or name in ("tableoid", "xmin", "cmin", "xmax", "cmax", "ctid")


@given(names, st.sampled_from(POLICIES))
def test_a_spelled_name_is_spelled_the_same_again(wanted: list[str], policy: NamePolicy) -> None:
    for name in wanted:
        assert spell(spell(name, policy), policy) == spell(name, policy)


def test_every_object_gets_the_spelling_and_the_expressions_follow(plan: Callable[..., TargetPlan]) -> None:
    made = plan(
        """CREATE TABLE "userAccount" (id INTEGER PRIMARY KEY, "firstName" text, "isActive" boolean,
             "fullName" text GENERATED ALWAYS AS ("firstName" || '!'),
             CONSTRAINT "CK_firstName" CHECK ("firstName" <> ''),
             CONSTRAINT "UQ_firstName" UNIQUE ("firstName"));
           CREATE TABLE "userOrder" (id INTEGER PRIMARY KEY,
             "userId" integer CONSTRAINT "FK_userId" REFERENCES "userAccount" (id));
           CREATE INDEX "IX_userId" ON "userOrder" ("userId") WHERE "userId" > 0;
           CREATE VIEW "activeUser" AS SELECT "firstName", u.id AS "userId" FROM "userAccount" AS u
             WHERE "isActive" ORDER BY "userId";
           CREATE VIEW "secondView" AS SELECT "userId" FROM "activeUser";""",
        names="snake",
    )
    text = "\n".join(statement.sql for statement in (*made.create, *made.after_load))
    for old in ("userAccount", "firstName", "isActive", "fullName", "userId", "userOrder", "activeUser"):
        assert f'"{old}"' not in text
    assert [statement.name for statement in made.after_load if statement.kind == "view"] == [
        "active_user",
        "second_view",
    ]
    assert {"ck_first_name", "uq_first_name", "fk_user_id", "ix_user_id"} <= {
        statement.name for statement in made.after_load
    }
    assert {(name.kind, name.table, name.old, name.new, name.why) for name in made.names} >= {
        ("table", "", "userAccount", "user_account", "policy"),
        ("column", "userAccount", "firstName", "first_name", "policy"),
        ("view", "", "activeUser", "active_user", "policy"),
        ("index", "userOrder", "IX_userId", "ix_user_id", "policy"),
        ("check", "userAccount", "CK_firstName", "ck_first_name", "policy"),
        ("unique", "userAccount", "UQ_firstName", "uq_first_name", "policy"),
        ("foreign key", "userOrder", "FK_userId", "fk_user_id", "policy"),
    }
    assert not [note for note in made.notes if note.level in ("left", "changed")]


def test_columns_that_meet_after_folding_are_told_apart(plan: Callable[..., TargetPlan]) -> None:
    made = plan(
        'CREATE TABLE t ("userId" int, "user_id" int, "User Id" int, "É" int, "é" int)', names="snake"
    )
    (table,) = made.tables
    found = {column.source.name: column.name for column in table.columns}
    assert found["user_id"] == "user_id"
    assert found["userId"].startswith("user_id_")
    assert found["User Id"].startswith("user_id_")
    assert (found["É"], found["é"]) == ("É", "é")
    assert len(set(found.values())) == 5
    assert {name.why for name in made.names} == {"taken"}


def test_folding_the_names_of_an_orm_is_warned_of(plan: Callable[..., TargetPlan]) -> None:
    sql = 'CREATE TABLE "userAccount" (id integer PRIMARY KEY)'
    notes = plan(sql, names="lower", orm="typeorm").notes
    assert [note.text for note in notes if note.level == "changed" and "TypeORM" in note.text]
    assert plan(sql, names="keep", orm="typeorm").names == ()
