"""The workflows we recommend: pinned, least permissions, no findings, and their scripts do what they say."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.stack_file import ROOT

FOLDER = ROOT / "examples" / "github-actions"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
ZIZMOR = Path(sys.executable).with_name("zizmor")


def read(path: Path) -> dict[str, Any]:
    # YAML 1.1 takes the key `on` for true.
    document: dict[Any, Any] = yaml.safe_load(path.read_text())
    document["on"] = document.pop(True)
    return document


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in read(path)["jobs"].values() for step in job["steps"]]


def findings(folder: Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        [ZIZMOR, "--offline", "--no-progress", "--persona=auditor", "--format=json", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_zizmor_finds_nothing_even_as_an_auditor(tmp_path: Path) -> None:
    place = tmp_path / ".github" / "workflows"
    shutil.copytree(FOLDER, place, ignore=shutil.ignore_patterns("*.json"))
    assert findings(tmp_path) == []


def test_zizmor_would_find_an_action_that_is_not_pinned(tmp_path: Path) -> None:
    place = tmp_path / ".github" / "workflows"
    place.mkdir(parents=True)
    text = re.sub(r"checkout@[0-9a-f]{40}", "checkout@v6", (FOLDER / "drift.yml").read_text())
    (place / "drift.yml").write_text(text)
    assert "unpinned-uses" in {one["ident"] for one in findings(tmp_path)}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_by_its_commit_and_says_which_version_that_is(path: Path) -> None:
    used = re.findall(r"uses: (.+)", path.read_text())
    assert len(used) >= 4
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one) for one in used)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_nothing_and_a_job_only_what_it_says(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {}
    assert workflow["concurrency"]["group"]
    assert workflow["defaults"]["run"]["shell"] == "bash"  # which fails when a command before a pipe fails
    assert "secrets." not in path.read_text()
    for job in workflow["jobs"].values():
        assert set(job["permissions"]) <= {"contents", "id-token", "pull-requests"}
        assert job["permissions"].get("contents", "read") == "read"
        assert job["timeout-minutes"]
        if "id-token" in job["permissions"]:
            assert job["environment"].startswith("infrastructure-")
    for step in steps(path):
        assert "${{" not in step.get("run", ""), "values reach a script through its environment only"


def test_whoever_can_write_comments_runs_no_code_of_the_pull_request() -> None:
    jobs = read(FOLDER / "preview.yml")["jobs"]
    assert "pull_request_target" not in (FOLDER / "preview.yml").read_text()
    (writer,) = [job for job in jobs.values() if job["permissions"].get("pull-requests") == "write"]
    assert all("uses" not in step and "outgrow" not in step["run"].split("\n")[0] for step in writer["steps"])
    fork = "github.event.pull_request.head.repo.full_name == github.repository"
    assert fork in writer["if"]
    assert fork in jobs["preview"]["if"]


def test_a_deployment_waits_for_approval_and_deploys_only_the_plan_that_was_approved() -> None:
    jobs = read(FOLDER / "promote.yml")["jobs"]
    assert jobs["deploy"]["environment"] == "infrastructure-production"
    assert jobs["deploy"]["needs"] == "plan"
    names = [step.get("name") for step in jobs["deploy"]["steps"]]
    assert names.index("Refuse another plan than the one that was approved") < names.index("Deploy")
    assert read(FOLDER / "promote.yml")["concurrency"]["cancel-in-progress"] is False


@pytest.mark.parametrize("name", ["preview", "deploy"])
def test_a_role_is_given_to_one_environment_of_one_repository_only(name: str) -> None:
    (statement,) = json.loads((FOLDER / f"trust-{name}.json").read_text())["Statement"]
    (condition,) = statement["Condition"].items()
    assert condition[0] == "StringEquals"  # no pattern that a branch or a fork could fit
    subject = condition[1]["token.actions.githubusercontent.com:sub"]
    environment = "preview" if name == "preview" else "production"
    assert subject == f"repo:OWNER/REPOSITORY:environment:infrastructure-{environment}"


def test_every_command_of_the_workflows_exists() -> None:
    from typer.main import get_command

    import outgrow

    known = get_command(outgrow.app)
    lines = {
        line
        for path in WORKFLOWS
        for step in steps(path)
        for line in re.findall(
            r"\.venv/bin/outgrow ([\w -]+?(?: --[\w-]+)*)(?= [\"|>2-]|$)", step.get("run", "")
        )
    }
    assert len(lines) >= 5
    for line in lines:
        group, command, *_ = shlex.split(line)
        assert command in known.commands[group].commands, line  # type: ignore[attr-defined]


@pytest.mark.skipif(
    shutil.which("jq") is None and not os.environ.get("CI"),
    reason="jq is missing (Debian: apt-get install jq)",
)
def test_the_cost_step_writes_a_table_of_before_and_after_and_fails_over_the_budget(tmp_path: Path) -> None:
    (script,) = [step["run"] for step in steps(FOLDER / "preview.yml") if step.get("id") == "cost"]
    for place in (tmp_path / "stacks", tmp_path / "base" / "stacks", tmp_path / ".venv" / "bin"):
        place.mkdir(parents=True)
    stack = yaml.safe_load((ROOT / "stacks" / "Pulumi.phase-1.yaml").read_text())
    (tmp_path / "base" / "stacks" / "Pulumi.phase-1.yaml").write_text(yaml.safe_dump(stack))
    stack["config"]["outgrow:budget"] = {"min": 10, "max": 20}
    (tmp_path / "stacks" / "Pulumi.phase-1.yaml").write_text(yaml.safe_dump(stack))
    program = tmp_path / ".venv" / "bin" / "outgrow"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m outgrow "$@"\n')
    program.chmod(0o755)
    output = tmp_path / "output"
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "GITHUB_OUTPUT": str(output), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    written = output.read_text()
    assert re.search(r"\| phase-1 \| \$\d+\.\d+ \| \$\d+\.\d+ \| \$20 \| \*\*over\*\* \|", written), (
        done.stderr
    )
    assert written.startswith("comment<<END-OF-COMMENT\n<!-- outgrow-cost -->\n")
    assert written.endswith("END-OF-COMMENT\n")
    assert done.returncode == 1
