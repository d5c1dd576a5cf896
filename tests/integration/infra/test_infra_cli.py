"""The commands: what they print where, and how they end."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner

import infra.cli
from infra.errors import OverBudget, ProtectedResource
from infra.runners import UnknownRunner, WrongOption
from infra.runners.rehearsal_state import read_state
from monitor.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    from infra.graph import Graph


#: Phases in the order in which commands evaluated them.
evaluated: list[str] = []


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, graph_of: Callable[..., Graph], tmp_path: Path
) -> Callable[..., Result]:
    """A function that runs one command in an empty folder; the project's own phases are evaluated once."""
    from infra.evaluation import evaluate

    evaluated.clear()

    def cached(phase: str, *, stacks: Path | None = None, fresh: bool = False) -> Graph:
        del fresh
        evaluated.append(phase)
        return evaluate(phase, stacks=stacks) if stacks else graph_of(phase)

    for place in ("infra.evaluation.evaluate", "infra.plan.evaluated", "infra.runners.rehearsal.evaluate"):
        monkeypatch.setattr(place, cached)
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    infra.cli.register(app)

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments), terminal_width=200, color=False)

    return invoke


def test_plan_prints_the_tree_the_bill_and_the_verdict(run: Callable[..., Result]) -> None:
    result = run("infra", "plan", "phase-2")
    assert result.exit_code == 0
    for part in (
        "postgres-primary protected",
        "MetricAlarm x",
        "total",
        "budget 300 to 800: within it",
        "no mandatory findings",
    ):
        assert part in result.stdout
    assert "nothing is deployed" in result.stdout


def test_plan_prints_json_and_nothing_else_on_standard_output(run: Callable[..., Result]) -> None:
    document = json.loads(run("infra", "plan", "phase-1", "--json").stdout)
    assert document["phase"] == "phase-1"
    assert len(document["hash"]) == 64


def test_cost_shows_every_item_with_its_source(run: Callable[..., Result]) -> None:
    result = run("infra", "cost", "phase-1")
    assert result.exit_code == 0
    assert "49.06" in result.stdout
    document = json.loads(run("infra", "cost", "phase-1", "--json").stdout)
    assert document["within_budget"] is True
    assert all(item["source"] for item in document["monthly_cost"]["items"])


def test_cost_over_the_budget_ends_with_4(
    run: Callable[..., Result], edit_stack: Callable[..., Path]
) -> None:
    stacks = edit_stack("phase-1", {"outgrow:budget": {"min": 10, "max": 20}})
    result = run("infra", "cost", "phase-1", "--stacks", str(stacks))
    assert result.exit_code == ExitCode.GATE_CLOSED
    assert "OVER" in result.stdout


def test_up_over_the_budget_is_refused_with_the_figures_unless_accepted(
    run: Callable[..., Result], edit_stack: Callable[..., Path], tmp_path: Path
) -> None:
    stacks = edit_stack("phase-1", {"outgrow:budget": {"min": 10, "max": 20}})
    refused = run("infra", "up", "phase-1", "--stacks", str(stacks))
    assert isinstance(refused.exception, OverBudget)
    assert "84.20 USD a month; its budget ends at 20.00" in str(refused.exception)
    assert not (tmp_path / ".outgrow" / "rehearsal.json").exists()
    assert run("infra", "up", "phase-1", "--stacks", str(stacks), "--accept-cost").exit_code == 0


def test_a_rehearsal_says_loudly_what_it_is_and_leads_from_up_to_destroy(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    state = tmp_path / "rehearsed.json"
    dry = run("infra", "up", "phase-1", "--state", str(state), "--dry-run")
    assert "REHEARSAL" in dry.stderr
    assert not state.exists()
    done = json.loads(run("infra", "up", "phase-1", "--state", str(state), "--json").stdout)
    assert done["runner"] == "rehearsal"
    assert done["changes"]["counts"]["create"] > 50
    assert evaluated == ["phase-1", "phase-1"]  # once for each of the two commands
    outputs = json.loads(run("infra", "outputs", "phase-1", "--state", str(state), "--json").stdout)
    assert outputs == done["outputs"]
    assert "stay as they are" in run("infra", "plan", "phase-1", "--state", str(state)).stdout
    assert isinstance(run("infra", "destroy", "phase-1", "--state", str(state)).exception, ProtectedResource)
    assert run("infra", "destroy", "phase-1", "--state", str(state), "--dry-run").exit_code == 0
    assert run("infra", "destroy", "phase-1", "--state", str(state), "--unprotect").exit_code == 0
    empty = run("infra", "outputs", "phase-1", "--state", str(state))
    assert "no outputs yet" in empty.stderr


def test_a_failure_can_be_rehearsed_and_the_next_up_goes_on(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    state = str(tmp_path / "rehearsed.json")
    failed = run("infra", "up", "phase-1", "--state", state, "--fail-at", "host-instance")
    assert "create of host-instance failed" in str(failed.exception)
    made = len(read_state(tmp_path / "rehearsed.json").stack("phase-1").resources)
    assert made > 10
    again = json.loads(run("infra", "up", "phase-1", "--state", state, "--json").stdout)
    assert again["changes"]["counts"]["same"] == made
    drift = run("infra", "drift", "phase-1", "--runner", "rehearsal", "--state", state, "--json")
    assert drift.exit_code == 0
    assert not json.loads(drift.stdout)["changes"]["items"]
    refresh = run("infra", "refresh", "phase-1", "--runner", "rehearsal", "--state", state)
    assert refresh.exit_code == 0


def test_options_of_the_other_runner_are_refused(run: Callable[..., Result]) -> None:
    refused = run("infra", "up", "phase-1", "--backend", "file:///tmp").exception
    assert isinstance(refused, WrongOption)
    refused = run("infra", "up", "phase-1", "--runner", "pulumi", "--fail-at", "vpc").exception
    assert isinstance(refused, WrongOption)


def test_an_unknown_runner_is_refused_before_anything_is_evaluated(run: Callable[..., Result]) -> None:
    assert isinstance(run("infra", "up", "phase-1", "--runner", "terraform").exception, UnknownRunner)


def test_doctor_lists_every_part(run: Callable[..., Result]) -> None:
    findings = json.loads(run("doctor", "--json").stdout)
    assert {"Python", "PostgreSQL", "Pulumi CLI", "AWS credentials", "Node"} <= {
        one["part"] for one in findings
    }
    assert run("doctor").exit_code == 0


@pytest.mark.parametrize("command", ["plan", "cost", "up", "drift", "refresh", "outputs", "destroy"])
def test_every_command_has_help_with_examples(run: Callable[..., Result], command: str) -> None:
    result = run("infra", command, "--help")
    assert result.exit_code == 0
    assert f"outgrow infra {command} phase-" in result.stdout


def test_the_command_line_loads_neither_pulumi_nor_a_database_driver() -> None:
    heavy = ("pulumi", "pulumi_aws", "grpc", "psycopg", "jinja2")
    code = f"import sys, infra.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_a_bill_says_what_a_user_costs_and_what_twice_the_use_adds(run: Callable[..., Result]) -> None:
    high = json.loads(run("infra", "cost", "phase-1", "--usage", "high", "--json").stdout)
    assert high["usage"] == "high"
    assert high["per_user"]["users"] == 1000
    assert high["per_user"]["usd"] == pytest.approx(high["monthly_cost"]["total"] / 1000, abs=1e-4)
    compared = json.loads(run("infra", "cost", "phase-1", "--compare", "phase-1", "--json").stdout)
    assert {one["difference"] for one in compared["lines"]} == {0}
    assert run("infra", "cost", "--compare", "phase-1").exit_code == ExitCode.WRONG_USAGE
