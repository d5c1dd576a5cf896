"""The roadmap: the mission's phases against the stack files, and files that cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from monitor.errors import ExitCode
from monitor.phases import (
    STACKS,
    UnknownPhase,
    UnknownProfile,
    check_profile,
    load_phase,
    load_roadmap,
    next_phase,
)
from monitor.stack_file import INFRA_KEYS, BadStackFile
from monitor.thresholds import Limit

if TYPE_CHECKING:
    from pathlib import Path


def test_the_roadmap_has_the_missions_three_phases_in_order() -> None:
    roadmap = load_roadmap()
    assert [phase.id for phase in roadmap] == ["phase-1", "phase-2", "phase-3"]
    assert [phase.capacity.concurrent_users for phase in roadmap] == [1_000, 10_000, 100_000]
    assert [(phase.budget.min, phase.budget.max) for phase in roadmap] == [
        (50, 100),
        (300, 800),
        (2000, 5000),
    ]
    assert [phase.timeline for phase in roadmap] == ["0-3 months", "3-6 months", "6+ months"]


def test_each_phase_promises_what_the_mission_says() -> None:
    first, second, third = (phase.expected for phase in load_roadmap())
    assert first.p95_ms == 200
    assert second.average_response_ms == 100
    assert second.availability_percent == 99.9
    assert third.availability_percent == 99.99
    assert first.improvement == "2-3x read performance"
    assert second.improvement == "10-20x overall performance"
    assert third.improvement == "100x+ scalability"


def test_each_phase_lists_the_missions_actions() -> None:
    counts = [len(phase.actions) for phase in load_roadmap()]
    assert counts == [5, 4, 4]


def test_the_capacity_table_of_sqlite_is_in_phase_1() -> None:
    assert load_phase("phase-1").capacity.limits == {
        "concurrent_users": (1000, 2000),
        "database_size_gb": (1, 5),
        "requests_per_second": (1000, 10000),
        "response_time_ms": (100, 500),
    }


def test_contradiction_a_the_matrix_is_the_default_and_a_workload_profile_moves_only_the_users() -> None:
    """The matrix plans from 500 users; the workload table finds 500-1,000 fine for reads."""
    phase = load_phase("phase-1")
    assert phase.thresholds_for("default")["concurrent_users"] == Limit(500, 1000)
    assert phase.thresholds_for("read-heavy")["concurrent_users"] == Limit(1000, 2000)
    assert phase.thresholds_for("write-heavy")["concurrent_users"] == Limit(100, 500)
    for name in phase.thresholds:
        if name != "concurrent_users":
            assert phase.thresholds_for("read-heavy")[name] == phase.thresholds[name]


def test_a_phase_without_workloads_judges_every_profile_by_its_own_limits() -> None:
    phase = load_phase("phase-2")
    assert phase.thresholds_for("read-heavy") == phase.thresholds
    assert check_profile("read-heavy", phase) == "read-heavy"


def test_an_unknown_profile_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownProfile) as refused:
        check_profile("bursty", load_phase("phase-1"))
    assert refused.value.next_step == "use one of: auto, default, read-heavy, write-heavy"
    assert refused.value.exit_code is ExitCode.WRONG_USAGE


def test_each_phase_is_followed_by_the_next_and_the_last_by_none() -> None:
    assert [next_phase(name) for name in ("phase-1", "phase-2", "phase-3")] == ["phase-2", "phase-3", None]
    with pytest.raises(UnknownPhase):
        next_phase("phase-9")


def test_an_unknown_phase_names_the_known_ones() -> None:
    with pytest.raises(UnknownPhase) as refused:
        load_phase("phase-7")
    assert refused.value.next_step == "use one of: phase-1, phase-2, phase-3"
    assert refused.value.exit_code is ExitCode.WRONG_USAGE


def test_an_empty_folder_has_no_roadmap(tmp_path: Path) -> None:
    with pytest.raises(UnknownPhase):
        load_roadmap(tmp_path)


# --- Files that cannot be ---


def edited(folder: Path, old: str, new: str) -> Path:
    """Write phase-1's stack file into a folder with one piece exchanged."""
    text = (STACKS / "Pulumi.phase-1.yaml").read_text(encoding="utf-8")
    assert text.count(old) == 1
    (folder / "Pulumi.phase-1.yaml").write_text(text.replace(old, new), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("old", "new", "key", "why"),
    [
        ("  outgrow:title:", "  outgrow:titel:", "outgrow:titel", "misspelt"),
        ("p95_ms: {stay: 200, urgent: 500}", "p95_ms: {stay: 500, urgent: 500}", "p95_ms", "not below"),
        ("p95_ms: {stay: 200, urgent: 500}", "p95_ms: {stay: 501, urgent: 500}", "p95_ms", "not below"),
        ("p95_ms: {stay: 200, urgent: 500}", "p95_ms: {stay: fast, urgent: 500}", "p95_ms.stay", "fast"),
        ("p95_ms: {stay: 200, urgent: 500}", "p95_ms: {stay: yes, urgent: 500}", "p95_ms.stay", "yes or no"),
        ("p95_ms: {stay: 200, urgent: 500}", "p95_ms: {stay: .nan, urgent: 500}", "p95_ms.stay", "finite"),
        ("p95_ms: {stay: 200, urgent: 500}", "p95_ms: {stay: -1, urgent: 500}", "p95_ms", "positive"),
        ("p95_ms: {stay: 200, urgent: 500}", "p95_ms: {stay: 200}", "p95_ms.urgent", ""),
        ("p95_ms: {stay: 200, urgent: 500}", "p59_ms: {stay: 200, urgent: 500}", "thresholds", "p59_ms"),
        (
            "p95_ms: {stay: 200, urgent: 500}",
            "p95_ms: {stay: 200, urgent: 500, scale: 2}",
            "p95_ms.scale",
            "misspelt",
        ),
        (
            "read-heavy: {stay: 1000, urgent: 2000}",
            "read-heavy: {stay: 3000, urgent: 2000}",
            "workloads.read-heavy",
            "not below",
        ),
        (
            "outgrow:budget: {min: 50, max: 100}",
            "outgrow:budget: {min: 150, max: 100}",
            "outgrow:budget",
            "above",
        ),
        ("outgrow:budget: {min: 50, max: 100}", "outgrow:budget: {min: 50}", "outgrow:budget.max", ""),
        ("  outgrow:timeline: 0-3 months\n", "", "outgrow:timeline", ""),
        ("outgrow:phase: phase-1", "outgrow:phase: phase-2", "outgrow:phase", "in the file of phase-1"),
    ],
)
def test_a_wrong_key_is_named_with_its_file_and_changes_the_exit_code(
    tmp_path: Path, old: str, new: str, key: str, why: str
) -> None:
    with pytest.raises(BadStackFile) as refused:
        load_phase("phase-1", edited(tmp_path, old, new))
    assert "Pulumi.phase-1.yaml" in refused.value.what
    assert key in refused.value.what
    assert why in refused.value.why
    assert refused.value.exit_code is ExitCode.WRONG_USAGE


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    folder = edited(
        tmp_path, "  outgrow:title: SQLite optimised\n", "  outgrow:title: A\n  outgrow:title: B\n"
    )
    with pytest.raises(BadStackFile, match="not a stack file") as refused:
        load_phase("phase-1", folder)
    assert "outgrow:title is given twice" in refused.value.why


@pytest.mark.parametrize("content", ["", "- a\n", "config: 3\n", "config: [\n", "outgrow:phase: phase-1\n"])
def test_what_is_not_a_stack_file_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "Pulumi.phase-1.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(BadStackFile):
        load_phase("phase-1", tmp_path)


def test_the_infrastructures_keys_are_left_to_infra(tmp_path: Path) -> None:
    document = yaml.safe_load((STACKS / "Pulumi.phase-1.yaml").read_text(encoding="utf-8"))
    document["config"] |= {f"outgrow:{key}": {"anything": 1} for key in INFRA_KEYS}
    (tmp_path / "Pulumi.phase-1.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    assert load_phase("phase-1", tmp_path) == load_phase("phase-1")


def test_yaml_that_leaves_5e9_as_text_still_means_the_number(tmp_path: Path) -> None:
    folder = edited(tmp_path, "stay: 1.0e+9, urgent: 5.0e+9", "stay: 1e9, urgent: 5e9")
    assert load_phase("phase-1", folder).thresholds["database_size_bytes"] == Limit(1e9, 5e9)
