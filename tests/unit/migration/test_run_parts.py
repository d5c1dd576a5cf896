"""The parts of a run that need no database: steps, chunk sizes, the report's verdict, what is told."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration.planning import draft_migration
from migration.running.copy import LEAST_ROWS, MOST_ROWS, Chunk, next_rows
from migration.running.progress import Lines
from migration.running.report import LeftObject, RunReport, TableReport, earlier_report
from migration.running.steps import Outcome, Step, plan_hash, plan_steps
from migration.schema.options import PlanOptions
from migration.schema.source import Column, PrimaryKey, Table
from migration.schema.target import Note, TargetPlan
from migration.source.original import rowid_of
from monitor.errors import ExitCode

REPORT = RunReport(
    source=Path("/data/app.db"),
    target="database shop on /run/pg:5432",
    schema="public",
    journal=Path("/data/app.db.outgrow-journal"),
    tables=(TableReport("person", 3, 40, 0.5, equal=True),),
    left=(),
    notes=(Note("changed", "person.name", "was widened"),),
    verification={"equal": True, "surprises": False},
    started=100.0,
    finished=103.5,
)


@pytest.fixture
def plan(tmp_path: Path) -> TargetPlan:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as source, source:
        source.execute("CREATE TABLE person (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE)")
        source.execute("CREATE TABLE pet (name TEXT, owner INTEGER REFERENCES person (id))")
    return draft_migration(path).plan


def test_rows_come_before_keys_and_the_proof_comes_last(plan: TargetPlan) -> None:
    kinds = [step.kind for step in plan_steps(plan, verify=True)]
    order = ["create", "copy", "analyze", "build", "sequence", "compare", "verify", "finish"]
    assert list(dict.fromkeys(kinds)) == order
    assert "verify" not in [step.kind for step in plan_steps(plan, verify=False)]


@pytest.mark.parametrize(
    ("index", "last"),
    [
        ('CREATE INDEX "i (x" ON pet ("a (b", owner DESC)', False),
        ('CREATE INDEX i ON pet (lower("a (b"))', True),
        ('CREATE INDEX i ON pet ("a (b" COLLATE NOCASE)', True),
        ("CREATE INDEX i ON pet (owner + 1)", True),
    ],
)
def test_statistics_are_gathered_early_unless_an_index_computes_what_they_are_about(
    index: str, last: bool, tmp_path: Path
) -> None:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as source, source:
        source.execute('CREATE TABLE pet ("a (b" TEXT, owner INTEGER)')
        source.execute(index)
    kinds = [step.kind for step in plan_steps(draft_migration(path).plan, verify=False)]
    assert (kinds.index("analyze") > kinds.index("build")) == last


def test_steps_have_ids_of_their_own_that_stay_the_same(plan: TargetPlan) -> None:
    ids = [step.id for step in plan_steps(plan, verify=True)]
    assert len(set(ids)) == len(ids)
    assert ids == [step.id for step in plan_steps(plan, verify=True)]


def test_the_plans_hash_knows_what_is_done_and_not_what_is_said(plan: TargetPlan) -> None:
    assert plan_hash(replace(plan, notes=(), source=replace(plan.source, path=Path("/x")))) == plan_hash(plan)
    first = plan.tables[0]
    wider = replace(first.columns[1], type="character varying")
    changed = replace(first, columns=(first.columns[0], wider))
    assert plan_hash(replace(plan, tables=(changed, *plan.tables[1:]))) != plan_hash(plan)
    assert plan_hash(replace(plan, options=PlanOptions(nul_policy="strip"))) != plan_hash(plan)


@given(
    st.integers(LEAST_ROWS, MOST_ROWS),
    st.integers(0, MOST_ROWS),
    st.integers(0, 10**12),
    st.floats(0, 10**4),
)
def test_the_next_chunk_always_has_a_reasonable_size(
    rows: int, copied: int, size: int, seconds: float
) -> None:
    assert LEAST_ROWS <= next_rows(rows, Chunk(copied, size, 1), seconds) <= MOST_ROWS


def test_chunks_shrink_for_wide_rows_and_grow_for_narrow_ones() -> None:
    assert next_rows(5_000, Chunk(5_000, 5_000 * 1_000_000, 1), 1.0) == LEAST_ROWS
    assert next_rows(5_000, Chunk(5_000, 5_000 * 50, 1), 0.05) == 40_000


def columns(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, "", not_null=False) for name in names)


def test_the_rowid_is_called_by_a_name_that_no_column_has_taken() -> None:
    key = PrimaryKey(("Id",), rowid_alias=True)
    assert rowid_of(Table("t", columns("Id", "rowid"), key)) == '"Id"'
    assert rowid_of(Table("t", columns("a"))) == "rowid"
    assert rowid_of(Table("t", columns("RowID", "a"))) == "_rowid_"
    assert rowid_of(Table("t", columns("rowid", "_ROWID_", "oid"))) is None
    assert rowid_of(Table("t", columns("a"), PrimaryKey(("a",)), without_rowid=True)) is None


def test_a_report_is_done_only_when_everything_arrived() -> None:
    left = LeftObject("index", "i", "person", "too long", "CREATE INDEX ...")
    assert REPORT.exit_code is ExitCode.DONE
    assert replace(REPORT, left=(left,)).exit_code is ExitCode.DIFFERS
    assert replace(REPORT, notes=(Note("left", "v", "not migrated"),)).exit_code is ExitCode.DIFFERS
    assert replace(REPORT, verification={"equal": False}).exit_code is ExitCode.DIFFERS
    assert replace(REPORT, verification=None).exit_code is ExitCode.DONE
    assert replace(REPORT, source_changed=True).exit_code is ExitCode.DIFFERS


def test_a_report_comes_back_from_its_journal() -> None:
    again = earlier_report(REPORT.to_json(), source_changed=False)
    assert again == replace(REPORT, already_finished=True)
    assert again.exit_code is ExitCode.DONE
    assert earlier_report(REPORT.to_json(), source_changed=True).exit_code is ExitCode.DIFFERS
    assert (again.rows, again.seconds) == (3, 3.5)


def test_plain_lines_tell_tables_and_what_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Lines()
    progress.plan(10, 0)
    copy = Step("1", "copy", "order [x]")
    progress.begin(copy)
    progress.advance(10)
    progress.end(copy, Outcome("done", {"rows": 10, "bytes": 100, "seconds": 0.25}))
    build = Step("2", "build", "index i")
    progress.end(build, Outcome("left", {"why": "it is too long"}))
    captured = capsys.readouterr()
    assert captured.out == "", "standard output is for results"
    assert captured.err.splitlines() == [
        "copied order [x]: 10 rows in 0.2 s",
        "left undone: index i: it is too long",
    ]
