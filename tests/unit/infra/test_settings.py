"""Stack files that are wrong are refused with one error that names the file and the key."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from infra.settings import NotDeployable, load_settings, parse_program_config, require_deployable
from infra.sizes import FARGATE_MEMORY
from infra.stack_file import as_pulumi_hands_it_over, stack_config, stack_path
from monitor.errors import ExitCode
from monitor.phases import UnknownPhase
from monitor.stack_file import BadStackFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PHASES = ("phase-1", "phase-2", "phase-3")


@pytest.mark.parametrize("phase", PHASES)
def test_the_shipped_stack_files_are_settings(phase: str) -> None:
    settings = load_settings(phase)
    assert settings.phase == phase
    assert settings.host_name == f"{phase}.shop.example"
    assert settings.roadmap.budget.max > 0


@pytest.mark.parametrize("phase", PHASES)
def test_the_program_reads_the_same_settings_from_pulumis_configuration(phase: str) -> None:
    handed_over = as_pulumi_hands_it_over(stack_config(phase))
    assert all(isinstance(value, str) for value in handed_over.values())
    inside = parse_program_config(handed_over, stack_path(phase))
    outside = load_settings(phase)
    assert inside == outside
    assert inside.roadmap == outside.roadmap


def test_networks_of_different_phases_do_not_overlap() -> None:
    ranges = [load_settings(phase).network.cidr for phase in PHASES]
    away = load_settings("phase-3").network.secondary
    assert away is not None
    assert len({*ranges, away.cidr}) == 4


@pytest.mark.parametrize(
    ("phase", "key", "value", "named"),
    [
        ("phase-1", "outgrow:sizes.host.typ", "t4g.large", "outgrow:sizes.host.typ is not a known key"),
        ("phase-1", "outgrow:app.imagee", "x", "outgrow:app.imagee is not a known key"),
        ("phase-1", "outgrow:sizes.host.type", "large", "outgrow:sizes.host.type is wrong"),
        ("phase-1", "outgrow:sizes.host.data_gb", "fifty", "outgrow:sizes.host.data_gb is wrong"),
        ("phase-1", "outgrow:sizes.host.data_gb", True, "outgrow:sizes.host.data_gb is wrong"),
        ("phase-1", "outgrow:sizes.host.data_gb", 0, "outgrow:sizes.host.data_gb is wrong"),
        ("phase-1", "outgrow:app.image", "Not An Image", "outgrow:app.image is wrong"),
        ("phase-1", "outgrow:app.image", "registry.shop.com/shop", "outgrow:app.image is wrong"),
        ("phase-1", "outgrow:app.port", 70000, "outgrow:app.port is wrong"),
        ("phase-1", "outgrow:app.health_path", "healthz", "outgrow:app.health_path is wrong"),
        ("phase-1", "outgrow:alerts_email", "nobody", "outgrow:alerts_email is wrong"),
        ("phase-1", "outgrow:network.cidr", "10.0.0.0/24", "outgrow:network.cidr is wrong"),
        ("phase-1", "outgrow:network.cidr", "8.8.0.0/16", "outgrow:network.cidr is wrong"),
        ("phase-1", "outgrow:network.zones", ["a", "a"], "outgrow:network.zones is wrong"),
        ("phase-1", "outgrow:network.zones", ["us-east-1a"], "outgrow:network.zones.0 is wrong"),
        ("phase-1", "outgrow:domain.zone", "other.example", "outgrow:domain is wrong"),
        ("phase-1", "aws:region", "us-east", "aws:region is wrong"),
        ("phase-1", "outgrow:usage.log_gb", -1, "outgrow:usage.log_gb is wrong"),
        ("phase-1", "outgrow:usage.logs", 1, "outgrow:usage.logs is not a known key"),
        ("phase-2", "outgrow:sizes.servers.min", 9, "outgrow:sizes.servers is wrong"),
        ("phase-2", "outgrow:sizes.database.max_storage_gb", 20, "outgrow:sizes.database is wrong"),
        ("phase-2", "outgrow:sizes.database.backup_days", 36, "outgrow:sizes.database.backup_days is wrong"),
        ("phase-2", "outgrow:sizes.database.version", 17, "outgrow:sizes.database.version is wrong"),
        ("phase-3", "outgrow:sizes.containers.memory", 1024, "outgrow:sizes.containers is wrong"),
        ("phase-3", "outgrow:sizes.containers.cpu", 1000, "outgrow:sizes.containers is wrong"),
        ("phase-3", "outgrow:sizes.database.type", "db.t4g.large", "outgrow:sizes.database.type is wrong"),
        ("phase-3", "outgrow:sizes.cache.node", "cache.t4g.micro", "outgrow:sizes.cache.node is wrong"),
    ],
)
def test_a_wrong_key_is_named(
    edit_stack: Callable[..., Path], phase: str, key: str, value: Any, named: str
) -> None:
    stacks = edit_stack(phase, {key: value})
    with pytest.raises(BadStackFile) as refused:
        load_settings(phase, stacks)
    assert f"{stacks / f'Pulumi.{phase}.yaml'}: {named}" in refused.value.what
    assert refused.value.next_step
    assert refused.value.exit_code is ExitCode.WRONG_USAGE


@pytest.mark.parametrize("key", ["outgrow:app", "outgrow:network", "outgrow:usage", "outgrow:alerts_email"])
def test_a_missing_key_is_named(edit_stack: Callable[..., Path], key: str) -> None:
    stacks = edit_stack("phase-1", {key: edit_stack.DELETED})  # type: ignore[attr-defined]
    with pytest.raises(BadStackFile, match=f"{key} is missing"):
        load_settings("phase-1", stacks)


def test_missing_sizes_name_the_first_of_them(edit_stack: Callable[..., Path]) -> None:
    stacks = edit_stack("phase-1", {"outgrow:sizes": edit_stack.DELETED})  # type: ignore[attr-defined]
    with pytest.raises(BadStackFile, match=r"outgrow:sizes\.host is missing"):
        load_settings("phase-1", stacks)


def test_owner_and_environment_have_defaults_in_pulumi_yaml(edit_stack: Callable[..., Path]) -> None:
    gone = {"outgrow:owner": edit_stack.DELETED, "outgrow:environment": edit_stack.DELETED}  # type: ignore[attr-defined]
    settings = load_settings("phase-1", edit_stack("phase-1", gone))
    assert (settings.owner, settings.environment) == ("platform", "production")


def test_an_unknown_phase_is_refused() -> None:
    with pytest.raises(UnknownPhase, match="phase-9"):
        load_settings("phase-9")


def test_example_values_are_refused_for_a_real_deployment_one_after_the_other(
    edit_stack: Callable[..., Path],
) -> None:
    steps = [
        (
            "outgrow:app.image",
            {"outgrow:app.image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop:1.0.0"},
        ),
        ("outgrow:monitor.image", {"outgrow:monitor.image": "ghcr.io/shop/outgrow-monitor:0.1.0"}),
        ("outgrow:domain", {"outgrow:domain": None}),
        ("outgrow:alerts_email", {"outgrow:alerts_email": "team@shop.com"}),
    ]
    stacks = edit_stack("phase-1", {})
    for key, cure in steps:
        with pytest.raises(NotDeployable, match=f"{key} is still an example"):
            require_deployable(load_settings("phase-1", stacks), stack_path("phase-1", stacks))
        edit_stack("phase-1", cure)
    settings = load_settings("phase-1", stacks)
    require_deployable(settings, stack_path("phase-1", stacks))
    assert settings.host_name is None


def test_every_fargate_size_offers_memory_in_ascending_steps() -> None:
    for offered in FARGATE_MEMORY.values():
        assert list(offered) == sorted(set(offered))


def test_structures_reach_the_program_as_json_and_texts_as_they_are() -> None:
    handed_over = as_pulumi_hands_it_over({"a": "text", "b": {"c": [1, None]}, "d": None, "e": 5})
    assert handed_over["a"] == "text"
    assert json.loads(handed_over["b"]) == {"c": [1, None]}
    assert (handed_over["d"], handed_over["e"]) == ("null", "5")
