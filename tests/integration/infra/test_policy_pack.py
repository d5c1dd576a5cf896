"""The policy pack over real graphs: offline, on the command line, and as Pulumi drives it, over gRPC."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc
from typer.testing import CliRunner

from infra.evaluation import Mode
from infra.policy.rules import RULES
from infra.policy.stack import judge_graph
from infra.settings import load_settings
from infra.stack_file import ROOT
from monitor.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from infra.graph import Graph, Resource

UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("phase", ["phase-1", "phase-2", "phase-3"])
def test_no_phase_we_ship_breaks_a_rule(graph_of: Callable[..., Graph], phase: str, mode: Mode) -> None:
    assert judge_graph(graph_of(phase, mode), load_settings(phase)).findings == ()


def broken(graph: Graph, name: str, **inputs: Any) -> Graph:
    """Change inputs of one resource; None takes an input away."""
    found = [one for one in graph.resources if one.name == name and inputs.keys() & {*one.inputs, "password"}]
    (target,) = found or [one for one in graph.resources if one.name == name]
    changed = {key: value for key, value in {**target.inputs, **inputs}.items() if value is not None}
    swapped = tuple(replace(one, inputs=changed) if one is target else one for one in graph.resources)
    return replace(graph, resources=swapped)


@pytest.mark.parametrize(
    ("phase", "name", "inputs", "rule"),
    [
        ("phase-1", "host-instance", {"metadataOptions": None}, "metadata-tokens"),
        ("phase-1", "host-data", {"encrypted": False}, "encrypted-volumes"),
        ("phase-2", "postgres-primary", {"multiAz": False}, "several-zones"),
        (
            "phase-2",
            "postgres-primary",
            {"manageMasterUserPassword": True},
            "no-managed-password-with-replicas",
        ),
        ("phase-2", "postgres-primary", {"backupRetentionPeriod": 0}, "replicas-need-backups"),
        ("phase-2", "postgres-primary", {"engineVersion": "16.4"}, "engine-versions-fit"),
        ("phase-2", "budget", {"limitAmount": "801"}, "budget"),
        (
            "phase-3",
            "postgres-1-1",
            {"instanceClass": "db.t4g.large"},
            "global-databases-need-memory-classes",
        ),
        ("phase-3", "cache-valkey", {"nodeType": "cache.t4g.small"}, "global-datastore-sizes"),
        ("phase-3", "app-1-task", {"memory": "1024"}, "fargate-pairs"),
    ],
)
def test_a_phase_that_is_broken_in_one_place_is_found_out(
    graph_of: Callable[..., Graph], phase: str, name: str, inputs: dict[str, Any], rule: str
) -> None:
    for mode in Mode:
        graph = broken(graph_of(phase, mode), name, **inputs)
        found = judge_graph(graph, load_settings(phase)).mandatory
        assert (rule, name) in {(one.rule, one.name) for one in found} | {
            (one.rule, name) for one in found if one.rule == "budget"
        }


@pytest.mark.parametrize(
    ("phase", "gone", "rule"),
    [
        ("phase-2", "replication_lag_seconds-replica-1-", "replica-lag-alarms"),
        ("phase-2", "p95_ms-", "alarms-for-thresholds"),
        ("phase-2", "network-flow", "flow-logs"),
        ("phase-2", "network-default", "empty-default-group"),
        ("phase-3", "postgres-global-lag", "replica-lag-alarms"),
    ],
)
def test_what_is_missing_is_found_out(
    graph_of: Callable[..., Graph], phase: str, gone: str, rule: str
) -> None:
    for mode in Mode:
        graph = graph_of(phase, mode)
        left = tuple(one for one in graph.resources if not one.name.startswith(gone))
        if gone == "postgres-global-lag":
            left = tuple(one for one in left if not one.name.startswith("replication_lag"))
        found = judge_graph(replace(graph, resources=left), load_settings(phase)).mandatory
        assert rule in {one.rule for one in found}


def test_the_command_lists_rules_and_refuses_to_guess_a_phase() -> None:
    from outgrow import app

    listed = CliRunner().invoke(app, ["infra", "policy", "--rules", "--json"])
    assert [one["id"] for one in json.loads(listed.stdout)] == [rule.id for rule in RULES]
    assert CliRunner().invoke(app, ["infra", "policy"]).exit_code == ExitCode.WRONG_USAGE


# --- As Pulumi's engine drives it ---


@pytest.fixture(scope="module")
def analyzer() -> Iterator[analyzer_pb2_grpc.AnalyzerStub]:
    """The pack in a process of its own, started as `pulumi --policy-pack infra/policy` does."""
    command = [sys.executable, "-u", "-m", "pulumi.policy", "127.0.0.1:1", str(ROOT / "infra" / "policy")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout
        port = int(process.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield analyzer_pb2_grpc.AnalyzerStub(channel)
        process.kill()


def as_sent(resource: Resource) -> analyzer_pb2.AnalyzerResource:
    """Write a resource as the engine sends it, unknown values by their mark."""
    text = json.dumps(dict(resource.inputs), default=dict).replace('"[unknown]"', f'"{UNKNOWN_TEXT}"')
    properties = json_format.Parse(text, struct_pb2.Struct())
    sent = analyzer_pb2.AnalyzerResource(
        type=resource.type,
        properties=properties,
        urn=resource.urn,
        name=resource.name,
        options=analyzer_pb2.AnalyzerResourceOptions(protect=resource.protect),
        parent=resource.parent or "",
        dependencies=resource.dependencies,
    )
    for name, urns in resource.property_dependencies.items():
        sent.propertyDependencies[name].urns.extend(urns)
    provider = resource.provider.rpartition("::")[0]
    if provider:
        sent.provider.urn = provider
        sent.provider.type = "pulumi:providers:aws"
    return sent


def test_the_pack_names_its_rules_to_pulumi(analyzer: analyzer_pb2_grpc.AnalyzerStub) -> None:
    info = analyzer.GetAnalyzerInfo(empty_pb2.Empty())
    assert info.name == "outgrow"
    assert {one.name for one in info.policies} == {rule.id for rule in RULES} - {"no-plain-secrets"}


@pytest.mark.parametrize("phase", ["phase-2", "phase-3"])
def test_under_pulumi_a_preview_of_a_phase_has_no_findings(
    analyzer: analyzer_pb2_grpc.AnalyzerStub, graph_of: Callable[..., Graph], phase: str
) -> None:
    sent = [as_sent(one) for one in graph_of(phase, Mode.PREVIEW).resources]
    answer = analyzer.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=sent))
    assert [(one.policyName, one.message) for one in answer.diagnostics] == []


def test_under_pulumi_a_public_database_is_refused_before_it_is_made(
    analyzer: analyzer_pb2_grpc.AnalyzerStub, graph_of: Callable[..., Graph]
) -> None:
    graph = broken(graph_of("phase-2", Mode.PREVIEW), "postgres-primary", publiclyAccessible=True)
    (database,) = (one for one in graph.resources if one.name == "postgres-primary")
    one = as_sent(database)
    request = analyzer_pb2.AnalyzeRequest(
        type=one.type, properties=one.properties, urn=one.urn, name=one.name, options=one.options
    )
    answer = analyzer.Analyze(request)
    assert [found.policyName for found in answer.diagnostics] == ["no-public-databases"]
    assert answer.diagnostics[0].enforcementLevel == analyzer_pb2.MANDATORY


def test_under_pulumi_a_trap_across_resources_is_found(
    analyzer: analyzer_pb2_grpc.AnalyzerStub, graph_of: Callable[..., Graph]
) -> None:
    graph = broken(graph_of("phase-2", Mode.PREVIEW), "postgres-primary", manageMasterUserPassword=True)
    sent = [as_sent(one) for one in graph.resources]
    answer = analyzer.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=sent))
    assert {one.policyName for one in answer.diagnostics} == {"no-managed-password-with-replicas"}
