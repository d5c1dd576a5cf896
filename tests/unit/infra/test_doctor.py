"""The doctor tells what is here from what is missing, and asks nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra.doctor import Finding, examine

if TYPE_CHECKING:
    from pathlib import Path


def findings(path: Path, **environment: str) -> dict[str, Finding]:
    env = {"PATH": str(path), "HOME": str(path), **environment}
    return {finding.part: finding for finding in examine(env)}


def program(folder: Path, name: str, body: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)


def test_an_empty_machine_misses_every_optional_part_and_says_what_for(tmp_path: Path) -> None:
    found = findings(tmp_path)
    missing = {part for part, finding in found.items() if not finding.found}
    assert missing == {"psql", "Pulumi CLI", "AWS credentials", "Node", "npm", "C++ compiler"}
    assert all(found[part].optional and found[part].enables for part in missing)
    assert found["PostgreSQL"].found
    assert "18" in found["PostgreSQL"].detail


def test_a_program_that_is_here_is_named_with_its_version(tmp_path: Path) -> None:
    program(tmp_path, "pulumi", "echo v3.272.0")
    assert findings(tmp_path)["Pulumi CLI"] == Finding(
        "Pulumi CLI", True, f"v3.272.0 ({tmp_path / 'pulumi'})", "real deployments: --runner pulumi", True
    )


@pytest.mark.parametrize(
    ("version", "fits"), [("v18.0.0", True), ("v22.3.1", True), ("v16.20.2", False), ("?", False)]
)
def test_an_old_node_is_not_enough(tmp_path: Path, version: str, fits: bool) -> None:
    program(tmp_path, "node", f"echo '{version}'")
    finding = findings(tmp_path)["Node"]
    assert finding.found is fits
    assert fits or "18 or newer" in finding.detail


def test_a_program_that_fails_is_not_found_and_says_why(tmp_path: Path) -> None:
    program(tmp_path, "npm", "exit 3")
    finding = findings(tmp_path)["npm"]
    assert not finding.found
    assert "does not run" in finding.detail


def test_credentials_are_found_in_variables_and_files_and_never_shown(tmp_path: Path) -> None:
    by_variable = findings(tmp_path, AWS_ACCESS_KEY_ID="AKIAHUNTER2")["AWS credentials"]
    assert by_variable.found
    assert "HUNTER2" not in by_variable.detail
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text("[default]\naws_secret_access_key = hunter2\n")
    by_file = findings(tmp_path)["AWS credentials"]
    assert by_file.found
    assert "hunter2" not in by_file.detail
