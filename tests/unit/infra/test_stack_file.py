"""Pulumi.yaml is read as Pulumi reads it, and stands up to its own schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from infra.stack_file import ROOT, BadProjectFile, read_project, stack_config
from monitor.errors import ExitCode
from monitor.stack_file import BadStackFile

if TYPE_CHECKING:
    from pathlib import Path


def test_the_project_names_its_runtime_and_its_stack_files_folder() -> None:
    document = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    assert document["name"] == "outgrow"
    assert document["runtime"] == {"name": "python", "options": {"toolchain": "pip", "virtualenv": ".venv"}}
    assert (ROOT / document["stackConfigDir"] / "Pulumi.phase-1.yaml").is_file()
    assert (ROOT / "__main__.py").is_file()


def test_only_types_that_pulumis_project_schema_has_are_declared_each_with_a_description() -> None:
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    for key, entry in declared.items():
        assert key.startswith("outgrow:")
        assert entry["type"] in {"string", "integer", "boolean", "array"}
        assert entry["description"]
        assert ("items" in entry) == (entry["type"] == "array")


def test_a_stack_file_gives_way_to_no_default(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.phase-1.yaml").write_text("config: {outgrow:owner: ann}\n")
    config = stack_config("phase-1", tmp_path)
    assert config["outgrow:owner"] == "ann"
    assert config["outgrow:environment"] == "production"


def test_a_missing_stack_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadStackFile, match=r"Pulumi\.phase-1\.yaml cannot be read"):
        stack_config("phase-1", tmp_path)


@pytest.mark.parametrize("content", [None, "", "name: [", "runtime: python", "name: x\nconfig: 5"])
def test_a_project_file_that_is_none_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "Pulumi.yaml").write_text(content)
    with pytest.raises(BadProjectFile, match=r"Pulumi\.yaml") as refused:
        read_project(tmp_path)
    assert refused.value.exit_code is ExitCode.WRONG_USAGE
