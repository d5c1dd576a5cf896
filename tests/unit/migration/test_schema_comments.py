"""Comments beside the columns of a hand-written declaration become PostgreSQL's."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from migration.planning import PlanOptions, plan_migration

if TYPE_CHECKING:
    from pathlib import Path

    from migration.schema.target import TargetPlan

SCHEMA = """
CREATE TABLE "city" ( -- places with a mayor
  id INTEGER PRIMARY KEY, -- given out
  name TEXT NOT NULL /* as its
                      * people write it */ DEFAULT 'x',
  -- old_name TEXT,
  area REAL, mayor TEXT, /* may be nobody's */
  -- for the whole line
  "it's" TEXT,
  founded DATE -- when
  , CHECK (area > 0) -- about the check
)
"""


def plan(path: Path, schema: str, comments: str = "auto") -> TargetPlan:
    with closing(sqlite3.connect(path)) as source:
        source.executescript(schema)
    return plan_migration(path, PlanOptions(comments=comments))  # type: ignore[arg-type]


def said(made: TargetPlan) -> dict[str, str]:
    return {item.name: item.sql.partition(" IS ")[2] for item in made.after_load if item.kind == "comment"}


def test_comments_beside_columns_are_kept(tmp_path: Path) -> None:
    assert said(plan(tmp_path / "c.db", SCHEMA)) == {
        "city": "'places with a mayor'",
        "city.id": "'given out'",
        "city.name": "'as its people write it'",
        "city.mayor": "'may be nobody''s'",
        "city.founded": "'when'",
    }


def test_no_comments_where_nobody_wants_them(tmp_path: Path) -> None:
    assert said(plan(tmp_path / "c.db", SCHEMA, "no")) == {}


def test_a_file_of_an_orm_gets_comments_only_on_demand(tmp_path: Path) -> None:
    made = SCHEMA + "; CREATE TABLE typeorm_metadata (type varchar);"
    assert said(plan(tmp_path / "auto.db", made)) == {}
    assert len(said(plan(tmp_path / "yes.db", made, "yes"))) == 5
