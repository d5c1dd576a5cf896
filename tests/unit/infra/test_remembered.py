"""A graph is found again only where an evaluation would give the same, and a bad folder harms nobody."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from infra import evaluation
from infra.graph import Graph, Resource
from infra.remembered import KEPT, Memory, cache_folder, evaluated, key_of

if TYPE_CHECKING:
    from pathlib import Path

URN = "urn:pulumi:phase-1::outgrow::aws:s3/bucket:Bucket::one"
GRAPH = Graph(
    "phase-1",
    (
        Resource(
            URN,
            "aws:s3/bucket:Bucket",
            "one",
            None,
            {"tags": {"a": "b"}, "count": 1, "rate": 0.5, "list": ["x", None, True]},
            secret_inputs=("tags",),
            dependencies=("u", "v"),
            property_dependencies={"tags": ("u",)},
            delete_before_replace=False,
            aliases=("old",),
        ),
        Resource(f"{URN}-default", "aws:s3/bucket:Bucket", "two", URN, {}),
    ),
    {"url": "https://shop.example"},
    ("url",),
)
KEY = "0" * 64


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in {
        "__main__.py": "deploy()",
        "Pulumi.yaml": "name: outgrow",
        "infra/components/bucket.py": "versioned = True",
        "monitor/thresholds.py": "LIMIT = 5",
        "stacks/Pulumi.phase-1.yaml": "config: {}",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Evaluations that were really made, into a folder of the test's own."""
    made: list[str] = []

    def evaluate(phase: str, **_: object) -> Graph:
        made.append(phase)
        return GRAPH

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(evaluation, "evaluate", evaluate)
    return made


def test_a_graph_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "graphs")
    memory.keep(KEY, GRAPH)
    assert memory.recall(KEY) == GRAPH


def test_a_second_evaluation_of_the_same_is_remembered(counted: list[str]) -> None:
    assert evaluated("phase-1") == evaluated("phase-1") == GRAPH
    assert counted == ["phase-1"]


def test_fresh_evaluates_again(counted: list[str]) -> None:
    evaluated("phase-1")
    evaluated("phase-1", fresh=True)
    assert counted == ["phase-1", "phase-1"]


@pytest.mark.parametrize(
    "changed",
    [
        "__main__.py",
        "Pulumi.yaml",
        "infra/components/bucket.py",
        "monitor/thresholds.py",
        "stacks/Pulumi.phase-1.yaml",
        "infra/components/new.py",
    ],
)
def test_a_change_in_any_source_is_another_key(project: Path, changed: str) -> None:
    before = key_of("phase-1", root=project)
    (project / changed).write_text("something = else")
    assert key_of("phase-1", root=project) != before


def test_a_file_that_moves_is_another_key(project: Path) -> None:
    before = key_of("phase-1", root=project)
    (project / "infra/components/bucket.py").rename(project / "infra/components/pail.py")
    assert key_of("phase-1", root=project) != before


def test_bytecode_has_no_part_in_the_key(project: Path) -> None:
    before = key_of("phase-1", root=project)
    (project / "infra/__pycache__").mkdir()
    (project / "infra/__pycache__/bucket.cpython-311.pyc").write_bytes(b"1")
    assert key_of("phase-1", root=project) == before


def test_another_phase_package_or_region_of_the_shell_is_another_key(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {key_of("phase-1", root=project), key_of("phase-2", root=project)}
    packages = tmp_path / "packages"
    (packages / "pulumi_aws-99.0.0.dist-info").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(packages))
    keys.add(key_of("phase-1", root=project))
    monkeypatch.setenv("AWS_REGION", "mars-north-1")
    keys.add(key_of("phase-1", root=project))
    assert len(keys) == 4


def test_a_source_that_changes_while_the_program_runs_leaves_nothing_behind(
    counted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = iter(["before", "after"])
    monkeypatch.setattr("infra.remembered.key_of", lambda *_: next(keys))
    assert evaluated("phase-1") == GRAPH
    assert counted == ["phase-1"]
    assert not cache_folder().exists()


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"key": "another", "graph": {}}'])
def test_a_damaged_file_is_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / f"{KEY}.json").write_text(content)
    assert Memory(tmp_path).recall(KEY) is None


def test_a_folder_that_others_may_write_to_is_not_used(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "graphs")
    memory.keep(KEY, GRAPH)
    memory.folder.chmod(0o777)
    assert memory.recall(KEY) is None


def test_a_folder_that_cannot_be_made_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    memory = Memory(tmp_path / "file" / "graphs")
    memory.keep(KEY, GRAPH)
    assert memory.recall(KEY) is None


def test_the_graphs_longest_unused_are_forgotten(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "graphs")
    for number in range(KEPT):
        memory.keep(f"{number:064}", GRAPH)
        os.utime(memory.folder / f"{number:064}.json", (number, number))
    memory.keep("f" * 64, GRAPH)
    assert memory.recall(f"{0:064}") is None
    assert len(list(memory.folder.iterdir())) == KEPT
