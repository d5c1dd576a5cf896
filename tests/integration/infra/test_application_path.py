"""How the application, and the monitor beside it, run in each phase; and what a stack file may vary of it."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from infra.cost import bill
from infra.evaluation import evaluate
from infra.settings import load_settings
from monitor.phases import load_phase

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from infra.graph import Graph

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:shop/stripe-AbCdEf"
PUBLISHES = "--cloudwatch-namespace Outgrow --cloudwatch-dimension Stack={}"


def script(graph: Graph) -> str:
    for machine in graph.of_type("aws:ec2/instance:Instance"):
        return str(machine.inputs["userData"])
    (template,) = graph.of_type("aws:ec2/launchTemplate:LaunchTemplate")
    return base64.b64decode(template.inputs["userData"]).decode()


def tasks(graph: Graph) -> dict[str, dict[str, dict[str, Any]]]:
    """Containers by name, by task definition."""
    return {
        one.name: {each["name"]: each for each in json.loads(one.inputs["containerDefinitions"])}
        for one in graph.of_type("aws:ecs/taskDefinition:TaskDefinition")
    }


def test_phase_1_restores_before_it_sets_wal_and_copies_every_change(graph_of: Callable[..., Graph]) -> None:
    text = script(graph_of("phase-1"))
    assert text.index("restore -if-db-not-exists") < text.index("PRAGMA journal_mode = WAL")
    assert "retention: 168h" in text
    assert "litestream/litestream:0.3.13 replicate" in text
    assert "kind=$?\nif" in text
    assert text.index('if [ "$kind" = 2 ]; then mkfs') < text.index("mount /data")


@pytest.mark.parametrize("phase", ["phase-1", "phase-2"])
def test_the_monitor_runs_beside_the_application_on_every_machine(
    graph_of: Callable[..., Graph], phase: str
) -> None:
    text = script(graph_of(phase))
    assert f"--phase {phase} {PUBLISHES.format(phase)}" in text
    assert "--read-only --cap-drop ALL" in text
    assert "OUTGROW_SIDECAR_URL=http://172.17.0.1:9464" in text
    assert "--token-env OUTGROW_MONITOR_TOKEN" in text  # it listens beyond loopback


def test_phase_2_pools_in_transactions_and_takes_a_new_password_over(graph_of: Callable[..., Graph]) -> None:
    text = script(graph_of("phase-2"))
    assert text.count("pool_mode = transaction") == text.count("max_prepared_statements = 200") == 2
    assert "server_tls_sslmode = verify-full" in text
    assert "docker kill --signal HUP pool-primary" in text
    assert "DATABASE_HOST=172.17.0.1" in text
    assert "DATABASE_READERS=172.17.0.1:6433" in text


def test_phase_3_runs_the_monitor_in_every_task_where_only_the_task_reaches_it(
    graph_of: Callable[..., Graph],
) -> None:
    found = tasks(graph_of("phase-3"))
    assert found.keys() == {"app-1-task", "app-2-task"}
    for containers in found.values():
        assert containers.keys() == {"app", "monitor", "otel-collector", "datadog-agent"}
        watching = containers["monitor"]
        assert PUBLISHES.format("phase-3") in " ".join(watching["command"])
        assert "127.0.0.1:9464" in watching["command"]
        assert (watching["user"], watching["readonlyRootFilesystem"]) == ("65532:65532", True)
        assert "password" not in json.dumps(watching["command"])
        assert not watching["essential"]


def test_releases_take_themselves_back_and_the_stack_says_what_was_asked_for(
    graph_of: Callable[..., Graph],
) -> None:
    graph = graph_of("phase-3")
    alarms = {one.inputs.get("name", one.outputs.get("name")) for one in graph.resources}
    for service in graph.of_type("aws:ecs/service:Service"):
        assert service.inputs["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
        assert service.inputs["alarms"]["rollback"] is True
        assert set(service.inputs["alarms"]["alarmNames"]) <= alarms
        assert service.inputs["waitForSteadyState"] is True
    asked = {one["task_definition"] for one in graph.outputs["releases"]}
    assert asked == {one.outputs["arn"] for one in graph.of_type("aws:ecs/taskDefinition:TaskDefinition")}


def test_the_way_from_phase_1_is_peering_two_routes_and_one_rule(graph_of: Callable[..., Graph]) -> None:
    graph = graph_of("phase-2")
    path = [one for one in graph.resources if one.parent and one.parent.endswith("MigrationPath::migration")]
    assert sorted(one.type.rpartition(":")[2] for one in path) == [
        *("Route", "Route", "SecurityGroupIngressRule", "VpcPeeringConnection")
    ]
    (rule,) = [one for one in path if one.type.endswith("IngressRule")]
    assert (rule.inputs["fromPort"], rule.inputs["cidrIpv4"]) == (5432, "10.10.0.0/18")


def test_without_its_key_the_way_is_gone_and_nothing_else(
    edit_stack: Callable[..., Path], graph_of: Callable[..., Graph]
) -> None:
    closed = evaluate("phase-2", stacks=edit_stack("phase-2", {"outgrow:migration_path": None}))
    gone = {one.urn for one in graph_of("phase-2").resources} - {one.urn for one in closed.resources}
    assert len(gone) == 5
    assert all("MigrationPath" in urn for urn in gone)


def test_secrets_of_the_application_are_read_at_its_start_and_their_role_reads_no_others(
    edit_stack: Callable[..., Path],
) -> None:
    changes = {"outgrow:app.secrets": {"STRIPE_KEY": f"{SECRET}:key::"}}
    graph = evaluate("phase-1", stacks=edit_stack("phase-1", changes))
    text = script(graph)
    assert f"--secret-id '{SECRET}' --query SecretString" in text
    assert """jq -er '.["key"]'""" in text
    (policy,) = [one for one in graph.of_type("aws:iam/rolePolicy:RolePolicy") if "secrets" in one.name]
    (rule,) = json.loads(policy.inputs["policy"])["Statement"]
    assert rule["Resource"] == [SECRET]


def test_a_part_of_the_application_is_a_service_a_rule_and_a_target_group_in_each_region(
    edit_stack: Callable[..., Path], graph_of: Callable[..., Graph]
) -> None:
    part = {"paths": ["/api/*"], "port": 4000, "health_path": "/healthz"}
    changes = {"outgrow:services": {"api": part}, "outgrow:sizes.agent": "newrelic"}
    changes["outgrow:usage.newrelic_gb"] = 50
    stacks = edit_stack("phase-3", changes)
    graph = evaluate("phase-3", stacks=stacks)
    (here, there) = graph.of_type("aws:lb/listenerRule:ListenerRule")
    assert (
        here.inputs["conditions"] == there.inputs["conditions"] == [{"pathPattern": {"values": ["/api/*"]}}]
    )
    found = tasks(graph)
    assert found.keys() == {"app-1-task", "app-2-task", "app-1-api-task", "app-2-api-task"}
    assert found["app-1-api-task"].keys() == {"api", "monitor", "otel-collector", "newrelic-infra"}
    settings = load_settings("phase-3", stacks)
    items = bill(graph, settings.usage, settings.region).items
    assert sum(item.item.startswith("New Relic") for item in items) == 1
    assert sum(item.item.startswith("2 Fargate tasks, 0.25 vCPU") for item in items) == 2


def test_rds_proxy_takes_the_poolers_place(edit_stack: Callable[..., Path]) -> None:
    stacks = edit_stack("phase-2", {"outgrow:sizes.database.pooling": "rds-proxy"})
    graph = evaluate("phase-2", stacks=stacks)
    assert len(graph.of_type("aws:rds/proxy:Proxy")) == 1
    text = script(graph)
    assert "pgbouncer.ini" not in text
    assert "max_prepared_statements" not in text
    assert "'DATABASE_PASSWORD" not in text
    assert "DATABASE_SSL=verify" in text
    settings = load_settings("phase-2", stacks)
    items = bill(graph, settings.usage, settings.region).items
    assert [item.usd for item in items if "RDS Proxy" in item.item] == [21.9]


def test_staging_is_the_same_program_smaller_cheaper_and_leaves_nothing_behind() -> None:
    settings = load_settings("phase-2-staging")
    assert (settings.phase, settings.stack) == ("phase-2", "phase-2-staging")
    assert settings.host_name == "phase-2-staging.shop.example"
    assert settings.roadmap.thresholds == load_phase("phase-2").thresholds
    graph = evaluate("phase-2-staging")
    assert [one.urn for one in graph.resources if one.protect or one.retain_on_delete] == [
        one.urn for one in graph.of_type("aws:route53/record:Record") if one.retain_on_delete
    ]
    for database in graph.of_type("aws:rds/instance:Instance"):
        assert not database.inputs.get("deletionProtection", False)
        assert database.inputs["skipFinalSnapshot"] is True
    cost = bill(graph, settings.usage, settings.region)
    assert cost.unknown == ()
    assert cost.total <= settings.roadmap.budget.max


def test_logs_that_aws_makes_by_itself_end_too(graph_of: Callable[..., Graph]) -> None:
    for phase in ("phase-2", "phase-3"):
        graph = graph_of(phase)
        named = {one.inputs.get("name") for one in graph.of_type("aws:cloudwatch/logGroup:LogGroup")}
        for database in graph.of_type("aws:rds/instance:Instance", "aws:rds/cluster:Cluster"):
            kind = "cluster" if database.type.endswith("Cluster") else "instance"
            name = database.inputs.get("identifier") or database.inputs["clusterIdentifier"]
            for log in database.inputs["enabledCloudwatchLogsExports"]:
                assert f"/aws/rds/{kind}/{name}/{log}" in named


@pytest.mark.parametrize("phase", ["phase-1", "phase-2", "phase-3"])
def test_the_dashboard_shows_every_metric_with_its_limits(graph_of: Callable[..., Graph], phase: str) -> None:
    (board,) = graph_of(phase).of_type("aws:cloudwatch/dashboard:Dashboard")
    widgets = json.loads(board.inputs["dashboardBody"])["widgets"]
    shown = {
        annotation["value"]
        for widget in widgets
        for annotation in widget["properties"].get("annotations", {}).get("horizontal", ())
    }
    limits = load_phase(phase).thresholds
    assert {80, 60, limits["database_size_bytes"].stay, limits["cpu_percent"].urgent} <= shown
    assert len(widgets) >= len(limits) + 3


@pytest.mark.parametrize("phase", ["phase-1", "phase-2", "phase-3"])
def test_what_is_published_is_what_the_stack_file_says_is_paid_for(phase: str) -> None:
    settings = load_settings(phase)
    assert (settings.usage.custom_metrics or 0) >= len(settings.roadmap.thresholds) + 4
