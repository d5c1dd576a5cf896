"""The real program, phase by phase: it fits the provider's schema, is safe, and says what it made."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from infra.components import boot
from infra.graph import SECRET, UNKNOWN, Graph, Resource, needs
from infra.provider_schema import schema_of
from infra.replacement import REPLACES
from infra.settings import load_settings
from monitor.thresholds import METRICS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PHASES = ("phase-1", "phase-2", "phase-3")

pytestmark = pytest.mark.parametrize("phase", PHASES)


@pytest.fixture
def graph(graph_of: Callable[..., Graph], phase: str) -> Graph:
    return graph_of(phase)


def managed(graph: Graph) -> Iterator[Resource]:
    return (one for one in graph.resources if one.custom and not one.is_provider)


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts(item)


# --- Conformance with the provider ---


def test_every_type_exists_in_the_provider_and_every_input_is_one_of_its_inputs(graph: Graph) -> None:
    for one in managed(graph):
        schema = schema_of(one.type)
        assert schema is not None, one.type
        assert set(one.inputs) <= set(schema.inputs), one.urn


def test_every_input_that_is_said_to_force_a_replacement_exists(phase: str) -> None:
    del phase
    for type_, names in REPLACES.items():
        schema = schema_of(type_)
        if type_.startswith("pulumi:"):
            continue
        assert schema is not None, type_
        assert {name.partition(".")[0] for name in names} <= set(schema.inputs), type_


def test_everything_a_resource_refers_to_is_declared(graph: Graph) -> None:
    for one in graph.resources:
        assert all(need in graph for need in needs(one)), one.urn


def test_every_resource_is_under_an_explicit_provider_and_so_under_its_tags(graph: Graph, phase: str) -> None:
    for one in managed(graph):
        provider = graph[one.provider.rpartition("::")[0]]
        tags = json.loads(provider.inputs["defaultTags"])["tags"]
        assert tags["outgrow:stack"] == phase, one.urn
        assert tags["outgrow:owner"] == "shop-team"


def test_nothing_unknown_is_left_in_a_rehearsal(graph: Graph) -> None:
    assert all(UNKNOWN not in texts(one.inputs) for one in graph.resources)
    assert UNKNOWN not in texts(dict(graph.outputs))


# --- Security from the first day ---


def test_no_port_but_the_webs_is_open_to_everybody(graph: Graph) -> None:
    rules = graph.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert rules
    for rule in rules:
        ports = set(range(rule.inputs["fromPort"], rule.inputs["toPort"] + 1))
        assert not ports & {22, 3389}, rule.urn
        if rule.inputs.get("cidrIpv4") == "0.0.0.0/0":
            assert ports <= {80, 443}, rule.urn


def test_machines_take_metadata_tokens_only_and_encrypt_their_volumes(graph: Graph) -> None:
    machines = graph.of_type("aws:ec2/instance:Instance", "aws:ec2/launchTemplate:LaunchTemplate")
    for machine in machines:
        assert machine.inputs["metadataOptions"]["httpTokens"] == "required"
        assert machine.inputs["metadataOptions"]["httpPutResponseHopLimit"] == 1
        assert "keyName" not in machine.inputs
        root = machine.inputs.get("rootBlockDevice") or machine.inputs["blockDeviceMappings"][0]["ebs"]
        assert root["encrypted"] in {True, "true"}
    for volume in graph.of_type("aws:ebs/volume:Volume"):
        assert volume.inputs["encrypted"] is True


HOLDERS = (
    "aws:backup/vault:Vault",
    "aws:ebs/volume:Volume",
    "aws:kms/key:Key",
    "aws:rds/cluster:Cluster",
    "aws:rds/globalCluster:GlobalCluster",
    "aws:s3/bucket:Bucket",
)


def test_whatever_holds_data_or_keys_is_protected(graph: Graph) -> None:
    holders = [*graph.of_type(*HOLDERS)]
    holders += [
        one for one in graph.of_type("aws:rds/instance:Instance") if "replicateSourceDb" not in one.inputs
    ]
    assert holders
    assert [one.urn for one in holders if not one.protect or not one.retain_on_delete] == []


def test_databases_are_encrypted_backed_up_and_cannot_be_deleted_by_accident(graph: Graph) -> None:
    for database in graph.of_type("aws:rds/instance:Instance", "aws:rds/cluster:Cluster"):
        assert database.inputs["storageEncrypted"] is True
        assert database.inputs.get("publiclyAccessible", False) is False
        assert "manageMasterUserPassword" not in database.inputs
        if "replicateSourceDb" in database.inputs:
            assert "username" not in database.inputs
            continue
        assert database.inputs["deletionProtection"] is True
        assert database.inputs["skipFinalSnapshot"] is False
        assert database.inputs["backupRetentionPeriod"] >= 7


def test_the_databases_password_is_a_secret_read_back_from_where_it_is_stored(graph: Graph) -> None:
    for stored in graph.of_type("aws:secretsmanager/secretVersion:SecretVersion"):
        assert stored.ignore_changes == ("secretString",)
    writers = [
        one for one in graph.resources if "passwordWo" in one.inputs or "masterPasswordWo" in one.inputs
    ]
    for writer in writers:
        name = "passwordWo" if "passwordWo" in writer.inputs else "masterPasswordWo"
        assert writer.inputs[name] == SECRET
        sources = [graph[urn].type for urn in writer.property_dependencies[name]]
        assert "aws:secretsmanager/secretVersion:SecretVersion" in sources
    assert len(writers) == (0 if graph.stack == "phase-1" else 1)


def test_caches_are_encrypted_at_rest_and_on_the_way(graph: Graph) -> None:
    caches = graph.of_type("aws:elasticache/replicationGroup:ReplicationGroup")
    assert caches
    for cache in caches:
        if "globalReplicationGroupId" not in cache.inputs:  # a secondary takes both from its primary
            assert cache.inputs["atRestEncryptionEnabled"] is True
            assert cache.inputs["transitEncryptionEnabled"] is True


def test_policies_of_roles_name_their_actions_and_resources(graph: Graph) -> None:
    policies = graph.of_type("aws:iam/rolePolicy:RolePolicy")
    assert policies
    for policy in policies:
        for rule in json.loads(policy.inputs["policy"])["Statement"]:
            assert all(action != "*" and not action.endswith(":*") for action in rule["Action"]), policy.urn
            if rule["Action"] == ["cloudwatch:PutMetricData"]:  # knows no resources, only a condition
                assert rule["Resource"] == ["*"]
                assert rule["Condition"] == {"StringEquals": {"cloudwatch:namespace": "Outgrow"}}
                continue
            assert all(resource.startswith("arn:aws:") for resource in rule["Resource"]), policy.urn
            assert not any(resource.endswith(":*:*") for resource in rule["Resource"]), policy.urn


def test_logs_are_kept_for_a_stated_time_and_every_network_has_a_flow_log(graph: Graph) -> None:
    for group in graph.of_type("aws:cloudwatch/logGroup:LogGroup"):
        assert group.inputs["retentionInDays"] == 30
    watched = {log.inputs["vpcId"] for log in graph.of_type("aws:ec2/flowLog:FlowLog")}
    assert watched == {vpc.id for vpc in graph.of_type("aws:ec2/vpc:Vpc")}


def test_load_balancers_speak_tls_and_keep_out_of_the_way_of_deletion(graph: Graph) -> None:
    for balancer in graph.of_type("aws:lb/loadBalancer:LoadBalancer"):
        assert balancer.inputs["enableDeletionProtection"] is True
        assert balancer.inputs["dropInvalidHeaderFields"] is True
    for listener in graph.of_type("aws:lb/listener:Listener"):
        (action,) = listener.inputs["defaultActions"]
        assert listener.inputs["protocol"] == "HTTPS" or action["type"] == "redirect"


def test_what_machines_are_told_at_boot_is_a_shell_script_without_a_password(graph: Graph) -> None:
    machines = graph.of_type("aws:ec2/instance:Instance", "aws:ec2/launchTemplate:LaunchTemplate")
    for machine in machines:
        script = machine.inputs["userData"]
        if machine.type.endswith("LaunchTemplate"):
            script = base64.b64decode(script).decode()
        assert script.startswith("#!/bin/bash\n")
        assert "{{." in script  # Docker's own, which it fills in
        assert "{%" not in script
        assert len(script.encode()) < boot.LONGEST
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)
        assert "userData" not in machine.secret_inputs


# --- What the phase is ---


def test_alarms_stand_at_the_phases_thresholds(graph: Graph, phase: str) -> None:
    alarms = {one.name: one for one in graph.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")}
    for metric, limit in load_settings(phase).roadmap.thresholds.items():
        which = "-replica-1" if f"{metric}-replica-1-warning" in alarms else ""
        warning = alarms[f"{metric}{which}-warning"].inputs
        scale = {"TargetResponseTime": 0.001, "RequestCount": 60}.get(warning["metricName"], 1)
        assert warning["period"] * warning["evaluationPeriods"] == 300
        assert warning["threshold"] == pytest.approx(limit.stay * scale)
        assert warning["comparisonOperator"] == "GreaterThanOrEqualToThreshold"
        assert (f"{metric}{which}-critical" in alarms) == (limit.urgent is not None)
        if limit.urgent is not None:
            critical = alarms[f"{metric}{which}-critical"].inputs
            assert critical["threshold"] == pytest.approx(limit.urgent * scale)
            assert critical["comparisonOperator"] == "GreaterThanThreshold"
    assert len(METRICS) * 2 - 1 <= len(alarms)


def test_the_budget_is_the_phases_maximum_and_warns_before_and_after(graph: Graph, phase: str) -> None:
    (budget,) = graph.of_type("aws:budgets/budget:Budget")
    assert float(budget.inputs["limitAmount"]) == load_settings(phase).roadmap.budget.max
    warnings = {(one["threshold"], one["notificationType"]) for one in budget.inputs["notifications"]}
    assert warnings == {(80, "ACTUAL"), (100, "ACTUAL"), (100, "FORECASTED")}


def test_subnets_lie_in_their_network_at_places_that_more_zones_do_not_move(graph: Graph, phase: str) -> None:
    """The third byte says tier and zone: public 0, app 64, data 128, and 16 for each letter after a."""
    second = int(load_settings(phase).network.cidr.split(".")[1])
    for subnet in graph.of_type("aws:ec2/subnet:Subnet"):
        tier, zone = subnet.name.split("-")[-2:]
        third = {"public": 0, "app": 64, "data": 128}[tier] + 16 * "abcdef".index(zone)
        parts = subnet.inputs["cidrBlock"].split(".")
        assert int(parts[1]) in {second, second + 1}
        assert parts[2:] == [str(third), "0/20"]
        assert subnet.inputs["availabilityZone"].endswith(zone)


def test_the_stack_says_where_the_application_and_its_database_are(graph: Graph, phase: str) -> None:
    outputs = graph.outputs
    assert outputs["phase"] == phase
    assert outputs["app_url"] == f"https://{phase}.shop.example"
    if phase == "phase-1":
        assert outputs["sqlite_path"] == "/data/app.sqlite"
        return
    assert outputs["database_endpoint"].endswith(".rehearsal.invalid")
    assert outputs["database_port"] == 5432
    assert outputs["database_name"] == "app"
    assert outputs["database_secret_arn"].startswith("arn:aws:secretsmanager:")
    assert len(outputs["database_readers"]) == 2
    assert graph.secret_outputs == ()


def test_only_the_live_phase_takes_the_domains_own_name(graph: Graph, phase: str) -> None:
    names = {record.inputs["name"] for record in graph.of_type("aws:route53/record:Record")}
    assert f"{phase}.shop.example" in names
    assert ("shop.example" in names) == (phase == "phase-1")


def test_the_phases_main_parts_are_there(graph: Graph, phase: str) -> None:
    def count(type_: str) -> int:
        return len(graph.of_type(type_))

    parts = {
        "phase-1": {
            "aws:ec2/instance:Instance": 1,
            "aws:ebs/volume:Volume": 1,
            "aws:dlm/lifecyclePolicy:LifecyclePolicy": 1,
            "aws:elasticache/replicationGroup:ReplicationGroup": 1,
            "aws:ec2/natGateway:NatGateway": 0,
            "aws:rds/instance:Instance": 0,
        },
        "phase-2": {
            "aws:autoscaling/group:Group": 1,
            "aws:rds/instance:Instance": 3,
            "aws:lb/loadBalancer:LoadBalancer": 1,
            "aws:wafv2/webAcl:WebAcl": 1,
            "aws:ec2/natGateway:NatGateway": 1,
            "aws:ec2/subnet:Subnet": 9,
        },
        "phase-3": {
            "aws:ecs/service:Service": 2,
            "aws:rds/globalCluster:GlobalCluster": 1,
            "aws:rds/clusterInstance:ClusterInstance": 3,
            "aws:elasticache/globalReplicationGroup:GlobalReplicationGroup": 1,
            "aws:cloudfront/distribution:Distribution": 1,
            "aws:ec2/natGateway:NatGateway": 4,
            "pulumi:providers:aws": 3,
        },
    }
    assert {type_: count(type_) for type_ in parts[phase]} == parts[phase]


def test_the_program_holds_no_address_of_this_machine(graph: Graph, tmp_path: Path) -> None:
    here = str(tmp_path.parent.parent)
    assert not any(here in text for one in graph.resources for text in texts(dict(one.inputs)))
