from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from migration.errors import OptionRefusedError
from migration.planning import PlanOptions, draft_migration
from migration.rules.values import ColumnRule, Rules, TableRule, matches

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from migration.schema.target import TargetPlan

SQL = """
CREATE TABLE "user" (id INTEGER PRIMARY KEY, name text, secret text, CHECK ("secret" <> ''));
CREATE TABLE "order" (id INTEGER PRIMARY KEY, "user" integer REFERENCES "user" (id));
CREATE TABLE audit_log (id INTEGER PRIMARY KEY);
CREATE TABLE audit_old (id INTEGER PRIMARY KEY);
CREATE TRIGGER log_it AFTER INSERT ON audit_log BEGIN DELETE FROM audit_old; END;
CREATE INDEX by_secret ON "user" (secret);
CREATE VIEW names AS SELECT name FROM "user";
CREATE VIEW audits AS SELECT count(*) AS n FROM audit_log;
"""


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., TargetPlan]:
    def make(**options: object) -> TargetPlan:
        path = tmp_path / "source.db"
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(SQL)
        return draft_migration(path, PlanOptions(**options)).plan  # type: ignore[arg-type]

    return make


def notes(plan: TargetPlan, level: str) -> list[str]:
    return [f"{note.object}: {note.text}" for note in plan.notes if note.level == level]


def tables(plan: TargetPlan) -> list[str]:
    return [table.name for table in plan.tables]


def test_excluded_tables_go_with_their_triggers_and_their_views_are_left(
    plan: Callable[..., TargetPlan],
) -> None:
    made = plan(exclude=("AUDIT_*",))
    assert tables(made) == ["user", "order"]
    assert "log_it: the trigger goes with audit_log" in notes(made, "info")
    assert "audit_log: the table is not migrated: --exclude AUDIT_*" in notes(made, "info")
    (left,) = notes(made, "left")
    assert left.startswith("audits: the view was left out: it reads audit_log, which is not migrated")


def test_a_reference_to_an_excluded_table_is_noted_as_left(plan: Callable[..., TargetPlan]) -> None:
    made = plan(include=("order",))
    assert tables(made) == ["order"]
    assert notes(made, "left") == [
        "order (user): the foreign key to user was left out: that table is not migrated"
    ]
    assert not [statement for statement in made.after_load if statement.kind in ("foreign key", "view")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"include": ("usr",)},
            "usr names no table or view of the file; because did you mean user?",
        ),
        ({"exclude": ("zzz*",)}, "--exclude zzz* names no table or view"),
    ],
)
def test_a_pattern_that_names_nothing_is_refused(
    plan: Callable[..., TargetPlan], options: dict[str, tuple[str, ...]], message: str
) -> None:
    with pytest.raises(OptionRefusedError) as refused:
        plan(**options)
    assert message in str(refused.value)


def test_a_skipped_column_takes_what_is_over_it_along_and_is_no_text_in_a_check(
    plan: Callable[..., TargetPlan],
) -> None:
    made = plan(rules=Rules((TableRule("audit*", skip=True),), (ColumnRule("user.secret", skip=True),)))
    (user, _) = made.tables
    assert [column.name for column in user.columns] == ["id", "name"]
    left = notes(made, "left")
    assert "user: the index by_secret was left out: the rules skip secret" in left
    assert any("it uses the column secret, which the rules skip" in text for text in left)
    assert "user.secret: not migrated: the rules skip it" in notes(made, "info")


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("*.created_at", "order.created_at", True),
        ("*.CREATED_at", "order.created_AT", True),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("50% off.x", "50% off.x", True),
        ("a[1].b", "a[1].b", True),
        ("a.b", "axb", False),
        ("É*", "é1", False),
    ],
)
def test_a_pattern_knows_two_wildcards_and_sqlite_s_idea_of_case(
    pattern: str, name: str, expected: bool
) -> None:
    assert matches(pattern, name) is expected
