"""The command line refuses what it cannot use before it reads on, and shows what a journal says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner

import migration.promotion.cli
from migration.promotion import overview
from migration.promotion import promote as promotions
from migration.promotion.errors import (
    NoPromotionError,
    PastNoReturnError,
    StaleApprovalError,
    WrongPromotionError,
)
from migration.promotion.invocation import Invocation
from migration.promotion.journal import Journal
from migration.promotion.plan import InfraSummary, MigrationSummary, PlannedTable, PromotionPlan
from migration.promotion.record import State, StepState
from migration.promotion.steps.order import ALL_STEPS
from monitor.errors import ExitCode, OutgrowError

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

TARGET = "postgresql://db.example/shop"
NEEDED = ("--to", "phase-2", "--database", "x", "--target", TARGET)
PLAN = PromotionPlan(
    from_phase="phase-1",
    to_phase="phase-2",
    source="/data/app.db",
    target=TARGET,
    runner="rehearsal",
    rehearsal=True,
    infra=InfraSummary("c" * 64, 3, (), (), 680.0, 300.0, 800.0),
    migration=MigrationSummary("public", (PlannedTable("users", 3),), (), (), "d" * 64, {"schema": "public"}),
    application={"switch": "start"},
    steps=(),
)
SETUP = {
    "plan": PLAN.to_json(),
    "plan_hash": "a" * 64,
    "source": PLAN.source,
    "target": TARGET,
    "runner": "rehearsal",
    "options": Invocation().to_json(),
    "steps": tuple(step.name for step in ALL_STEPS),
}


def run(*arguments: str) -> Result:
    app = typer.Typer()
    migration.promotion.cli.register(app)
    return CliRunner().invoke(app, ["promote", *arguments])


def error_of(result: Result) -> OutgrowError:
    assert isinstance(result.exception, OutgrowError), result.output
    return result.exception


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "journal"
    with Journal.create_or_open(path) as opened:
        opened.propose(**SETUP)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "--to and --database are needed"),
        (("--to", "phase-2"), "--to and --database are needed"),
        (
            ("--to", "phase-2", "--database", "x", "--target", "env:OUTGROW_NOT_SET"),
            "OUTGROW_NOT_SET is not set",
        ),
        (
            ("--to", "phase-2", "--database", "x", "--target", "mysql://h/db"),
            "no PostgreSQL connection string",
        ),
        ((*NEEDED, "--decision", "stay"), "--decision stay is none"),
        ((*NEEDED, "--sustained", "-1"), "--sustained must be at least 0"),
        ((*NEEDED, "--approve-as", " "), "--approve-as names nobody"),
        ((*NEEDED, "--monitor", "u", "--assessment", "f"), "exclude each other"),
        ((*NEEDED, "--monitor-token-env", "OUTGROW_NOT_SET"), "is not set"),
        ((*NEEDED, "--switch-command", "no-such-program"), "no program no-such"),
        ((*NEEDED[:3], "/nowhere/app.db", *NEEDED[4:]), "does not exist"),
        (("--to", "phase-9", *NEEDED[2:]), "there is no phase-9"),
        (("--to", "phase-1", *NEEDED[2:]), "does not come after phase-1"),
        (NEEDED[:4], "--target has to name one"),
        ((*NEEDED, "--runner", "terraform"), "there is no runner terraform"),
        (("status", "--journal", "/nowhere/j"), "no promotion journal"),
        (("resume", "--journal", "/nowhere/j"), "no promotion journal"),
        (("abort", "--journal", "/nowhere/j"), "no promotion journal"),
        (("approve", "--by", "Ada", "--journal", "/nowhere/j"), "no promotion journal"),
    ],
)
def test_wrong_usage_is_one_clear_error_with_exit_code_2(
    arguments: tuple[str, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    error = error_of(run(*arguments))
    assert told in error.what + error.why
    assert error.exit_code is ExitCode.WRONG_USAGE
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [(), ("status",), ("approve",), ("resume",), ("abort",)])
def test_every_command_helps_with_an_example(command: tuple[str, ...]) -> None:
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert "outgrow promote" in result.output


def test_the_plan_that_waits_is_approved_and_shown(journal: Path) -> None:
    result = run(
        "approve",
        "--by",
        "Ada",
        "--plan",
        "a" * 12,
        "--because",
        "agreed",
        "--journal",
        str(journal),
        "--json",
    )
    assert json.loads(result.stdout)["plan_hash"] == "a" * 64
    shown = json.loads(run("status", "--journal", str(journal), "--json").stdout)
    assert [(item["by"], item["why"]) for item in shown["approvals"]] == [("Ada", "agreed")]
    assert shown["state"] == "proposed"
    assert shown["audit"]["broken"] is None
    assert "Ada" in run("status", "--journal", str(journal)).stdout


@pytest.mark.parametrize("given", ["b" * 64, "a" * 11, "a" * 12 + "b"])
def test_an_approval_of_another_plan_is_refused_with_both_hashes(journal: Path, given: str) -> None:
    with pytest.raises(StaleApprovalError) as caught:
        promotions.approve(journal, by="Ada", plan_hash=given)
    assert given in caught.value.why
    assert "a" * 64 in caught.value.why
    assert caught.value.exit_code is ExitCode.GATE_CLOSED
    assert overview.status(journal).approvals == ()


def test_nobody_cannot_approve(journal: Path) -> None:
    with pytest.raises(WrongPromotionError, match="names nobody"):
        promotions.approve(journal, by="  ")


@pytest.mark.parametrize("state", [State.RUNNING, State.FINISHED, State.REVERTED])
def test_only_a_plan_that_waits_can_be_approved(journal: Path, state: State) -> None:
    with Journal.open(journal) as opened:
        record = opened.latest()
        assert record is not None
        opened.set_state(record.id, state)
    with pytest.raises(NoPromotionError, match="no plan waits for approval"):
        promotions.approve(journal, by="Ada")


def test_aborting_what_has_not_begun_ends_it_without_touching_anything(journal: Path) -> None:
    result = run("abort", "--by", "Ada", "--journal", str(journal), "--json")
    assert json.loads(result.stdout)["state"] == "reverted"
    assert isinstance(run("abort", "--journal", str(journal)).exception, NoPromotionError)


def test_resuming_what_has_not_begun_says_how_to_begin(journal: Path) -> None:
    error = error_of(run("resume", "--journal", str(journal)))
    assert "nothing to resume" in error.what


@pytest.mark.parametrize("dry", [True, False])
def test_a_promotion_that_a_program_began_is_left_to_that_program(tmp_path: Path, dry: bool) -> None:
    path = tmp_path / "journal"
    with Journal.create_or_open(path) as opened:
        opened.propose(**{**SETUP, "options": {}})  # type: ignore[arg-type]
    begun(path, "copy")
    if dry:
        assert run("abort", "--dry-run", "--journal", str(path)).exit_code == 0
    else:
        assert "not started by this command" in error_of(run("abort", "--journal", str(path))).what


def test_a_dry_run_says_what_resume_and_abort_would_do_and_changes_nothing(journal: Path) -> None:
    begun(journal, "fence")
    before = journal.read_bytes()
    resumed = json.loads(run("resume", "--dry-run", "--json", "--journal", str(journal)).stdout)
    assert (resumed["does"], resumed["steps"]) == ("carry out", list(SETUP["steps"]))
    aborted = json.loads(run("abort", "--dry-run", "--json", "--journal", str(journal)).stdout)
    assert (aborted["does"], aborted["steps"]) == ("put back", ["fence"])
    assert "would put back: fence" in run("abort", "--dry-run", "--journal", str(journal)).stdout
    assert journal.read_bytes() == before


def test_a_wrong_command_given_to_resume_is_refused(journal: Path) -> None:
    begun(journal, "fence")
    error = error_of(run("resume", "--switch-command", "no-such-program", "--journal", str(journal)))
    assert "no program no-such-program" in error.what


def begun(journal: Path, step: str) -> None:
    from dataclasses import replace

    with Journal.open(journal) as opened:
        record = opened.latest()
        assert record is not None
        opened.set_state(record.id, State.RUNNING)
        opened.write_step(record.id, replace(record.step(step), state=StepState.BEGUN, attempts=1))


def test_an_abort_after_the_switch_began_is_refused_with_the_reason(journal: Path) -> None:
    begun(journal, "switch")
    error = error_of(run("abort", "--journal", str(journal), "--target", TARGET))
    assert isinstance(error, PastNoReturnError)
    assert "may have written to PostgreSQL" in error.why
    assert overview.status(journal).state is State.RUNNING


def test_a_tampered_journal_is_shown_by_status_and_refused_by_everything_else(journal: Path) -> None:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(journal)) as connection:
        connection.execute("UPDATE promotion SET source = '/data/other.db'")
        connection.commit()
    shown = run("status", "--journal", str(journal))
    assert shown.exit_code == 0
    assert "audit broken" in shown.stdout
    for command in (("approve", "--by", "Ada"), ("abort",)):
        assert (
            "changed by something other than Outgrow"
            in error_of(run(*command, "--journal", str(journal))).what
        )
