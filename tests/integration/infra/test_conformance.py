"""Every phase's graph is held against schemas that others wrote; for each, a broken graph is found.

The SDK's own input types, the real AWS provider through `terraform validate`, and cfn-lint's lists of what
regions offer.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cfnlint
import jsonschema
import pytest

from infra.conformance.input_types import deviations
from infra.conformance.terraform import NoSuchType, to_terraform
from infra.graph import SECRET, Graph, Resource

if TYPE_CHECKING:
    from collections.abc import Callable

PHASES = ("phase-1", "phase-2", "phase-3")
VPC, GROUP, INSTANCE = "aws:ec2/vpc:Vpc", "aws:ec2/securityGroup:SecurityGroup", "aws:ec2/instance:Instance"
DATABASE, MEMBER = "aws:rds/instance:Instance", "aws:rds/clusterInstance:ClusterInstance"
CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
TASK = "aws:ecs/taskDefinition:TaskDefinition"
LISTS = Path(cfnlint.__file__).parent / "data" / "schemas" / "extensions"


def single(type_: str, inputs: dict[str, Any]) -> Graph:
    return Graph("s", (Resource(f"urn:pulumi:s::p::{type_}::one", type_, "one", None, inputs),), {})


# --- The SDK's own input types ---


@pytest.mark.parametrize("phase", PHASES)
def test_every_value_of_a_phase_is_of_the_type_that_the_sdk_declares(
    graph_of: Callable[..., Graph], phase: str
) -> None:
    assert deviations(graph_of(phase)) == ()


@pytest.mark.parametrize(
    ("type_", "inputs", "path", "problem"),
    [
        (VPC, {"cidrBlok": "10.0.0.0/16"}, "cidrBlok", "no such property"),
        (VPC, {"enableDnsSupport": "yes"}, "enableDnsSupport", "bool is needed, not 'yes'"),
        (VPC, {"ipv4NetmaskLength": "16"}, "ipv4NetmaskLength", "int is needed, not '16'"),
        (VPC, {"ipv4NetmaskLength": True}, "ipv4NetmaskLength", "int is needed, not True"),
        (VPC, {"tags": {"cost": 5}}, "tags.cost", "str is needed, not 5"),
        (VPC, {"tags": ["cost"]}, "tags", "a mapping is needed, not ['cost']"),
        (GROUP, {"ingress": {"fromPort": 1}}, "ingress", "a list is needed, not {'fromPort': 1}"),
        (
            GROUP,
            {"ingress": [{"fromPort": 1, "toPort": 2, "protocol": "tcp", "cidrBlocks": [7]}]},
            "ingress[0].cidrBlocks[0]",
            "str is needed, not 7",
        ),
        (GROUP, {"ingress": [{"fromPort": 1, "protocol": "tcp"}]}, "ingress[0].toPort", "missing"),
        (
            INSTANCE,
            {"metadataOptions": {"httpTokns": "required"}},
            "metadataOptions.httpTokns",
            "no such property",
        ),
        (INSTANCE, {"metadataOptions": "required"}, "metadataOptions", "a InstanceMetadataOptions is needed"),
        (DATABASE, {}, "instanceClass", "missing"),
        ("aws:ec2/vpn:Vpn", {}, "", "pulumi-aws has no type aws:ec2/vpn:Vpn"),
    ],
)
def test_a_value_of_another_type_is_found_however_deep(
    type_: str, inputs: dict[str, Any], path: str, problem: str
) -> None:
    (found,) = deviations(single(type_, inputs))
    assert (found.path, found.problem.startswith(problem)) == (path, True), str(found)


def test_what_is_secret_or_unknown_may_be_of_any_type() -> None:
    assert deviations(single(VPC, {"tags": SECRET, "enableDnsSupport": "[unknown]"})) == ()


# --- The real provider ---


@dataclass(frozen=True)
class Terraform:
    """An initialised folder, and the schemas of the AWS provider that it found."""

    folder: Path
    environment: dict[str, str]
    schemas: dict[str, Any]

    def errors(self, graph: Graph) -> list[str]:
        converted = to_terraform(graph, self.schemas)
        assert converted.unknown == ()
        document = {**REQUIRED, **converted.document}
        (self.folder / "main.tf.json").write_text(json.dumps(document))
        answer = json.loads(_terraform(self.folder, self.environment, "validate", "-json"))
        return [
            f"{one['summary']}: {one.get('detail', '')}"
            for one in answer["diagnostics"]
            if one["severity"] == "error"
        ]


REQUIRED = {"terraform": {"required_providers": {"aws": {"source": "hashicorp/aws"}}}}


def _terraform(folder: Path, environment: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        ["terraform", *words, "-no-color"] if words[0] == "init" else ["terraform", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if words[0] == "init" and done.returncode != 0:
        pytest.skip(f"terraform cannot install the AWS provider here: {done.stderr.strip()[-200:]}")
    return done.stdout


def _mirror() -> Path | None:
    """A folder that holds the provider as `terraform providers mirror` lays it out."""
    places = [os.environ.get("OUTGROW_TERRAFORM_MIRROR", ""), "/usr/share/terraform/plugins"]
    places += ["/usr/local/share/terraform/plugins", *map(str, Path("/opt").glob("*"))]
    return next((Path(one) for one in places if one and list(Path(one).glob("*/hashicorp/aws"))), None)


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed: the provider's schema is not asked")
    mirror = _mirror()
    if mirror is None:
        pytest.skip("no mirror of the AWS provider is here (OUTGROW_TERRAFORM_MIRROR names one)")
    folder = tmp_path_factory.mktemp("terraform")
    settings = folder / "terraform.rc"
    settings.write_text(
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n',
        encoding="utf-8",
    )
    environment = {**os.environ, "TF_CLI_CONFIG_FILE": str(settings), "CHECKPOINT_DISABLE": "1"}
    (folder / "main.tf.json").write_text(json.dumps(REQUIRED))
    _terraform(folder, environment, "init")
    found = json.loads(_terraform(folder, environment, "providers", "schema", "-json"))["provider_schemas"]
    (schemas,) = (one["resource_schemas"] for name, one in found.items() if name.endswith("/hashicorp/aws"))
    return Terraform(folder, environment, schemas)


@pytest.mark.parametrize("phase", PHASES)
def test_the_real_aws_provider_accepts_every_phase(
    terraform: Terraform, graph_of: Callable[..., Graph], phase: str
) -> None:
    assert terraform.errors(graph_of(phase)) == []


def test_the_real_aws_provider_refuses_a_broken_graph(
    terraform: Terraform, graph_of: Callable[..., Graph]
) -> None:
    def broken(one: Resource) -> Resource:
        if one.type == "aws:iam/rolePolicy:RolePolicy":
            return replace(one, inputs={**one.inputs, "policy": "{no json"})
        if one.type == "aws:ec2/subnet:Subnet":
            return replace(one, inputs={name: given for name, given in one.inputs.items() if name != "vpcId"})
        if one.type == "aws:cloudwatch/metricAlarm:MetricAlarm":
            return replace(one, inputs={**one.inputs, "comparisonOperator": "Above"})
        return one

    graph = graph_of("phase-1")
    found = " ".join(
        terraform.errors(replace(graph, resources=tuple(broken(one) for one in graph.resources)))
    )
    assert "contains an invalid JSON policy" in found
    assert '"vpc_id" is required' in found
    assert "expected comparison_operator to be one of" in found


def test_references_between_resources_survive_the_conversion(
    terraform: Terraform, graph_of: Callable[..., Graph]
) -> None:
    document = to_terraform(graph_of("phase-2"), terraform.schemas).document
    (vpc,) = document["resource"]["aws_vpc"]
    assert {one["vpc_id"] for one in document["resource"]["aws_subnet"].values()} == {
        f"${{aws_vpc.{vpc}.id}}"
    }
    assert document["resource"].keys() >= {"aws_db_instance", "aws_lb", "aws_wafv2_web_acl"}


def test_a_type_or_property_that_the_provider_lacks_is_reported() -> None:
    schemas = {"aws_vpc": {"block": {"attributes": {"cidr_block": {"type": "string"}}}}}
    converted = to_terraform(single(VPC, {"cidrBlock": "10.0.0.0/16", "colour": "red"}), schemas)
    assert converted.document["resource"] == {"aws_vpc": {"one": {"cidr_block": "10.0.0.0/16"}}}
    assert converted.unknown == ("aws_vpc.one: colour",)
    with pytest.raises(NoSuchType, match="VolumeAttachment"):
        to_terraform(single("aws:ec2/volumeAttachment:VolumeAttachment", {}), schemas)


def test_what_terraform_would_take_for_an_expression_is_escaped() -> None:
    schemas = {"aws_vpc": {"block": {"attributes": {"tags": {"type": ["map", "string"]}}}}}
    document = to_terraform(single(VPC, {"tags": {"a": "${HOME} %{x}"}}), schemas).document
    assert document["resource"]["aws_vpc"]["one"]["tags"] == {"a": "$${HOME} %%{x}"}


# --- What regions offer, by cfn-lint's lists ---


@functools.cache
def schema(name: str) -> Any:
    return json.loads((LISTS / name).read_text(encoding="utf-8"))


def not_offered(graph: Graph) -> list[str]:
    """What cfn-lint's lists do not know of, asked in CloudFormation's words."""
    found = []
    for one in graph.resources:
        for name, document in questions(one):
            whole = schema(name)
            asked = whole.get(region_of(graph, one), whole) if "us-east-1" in whole else whole
            found += [f"{one.name}: {error.message[:80]}" for error in errors(asked, document)]
    return found


def errors(asked: Any, document: Any) -> Any:
    return jsonschema.Draft7Validator(asked).iter_errors(document)


def questions(one: Resource) -> list[tuple[str, Any]]:
    inputs = one.inputs
    if one.type in {INSTANCE, "aws:ec2/launchTemplate:LaunchTemplate"}:
        return [("aws_ec2_instance/instancetype_enum.json", inputs["instanceType"])]
    if one.type in {DATABASE, MEMBER}:
        document = {
            "Engine": inputs.get("engine", "postgres"),
            "DBInstanceClass": inputs["instanceClass"],
        }
        version = {"EngineVersion": inputs["engineVersion"]} if inputs.get("engineVersion") else {}
        return [
            ("aws_rds_dbinstance/dbinstanceclass_enum.json", document),
            ("aws_rds_dbinstance/engine_version.json", {"Engine": document["Engine"], **version}),
        ]
    if one.type == CACHE and inputs.get("nodeType"):
        return [("aws_elasticache_cachecluster/cachenodetype_enum.json", inputs["nodeType"])]
    if one.type == TASK:
        document = {
            "RequiresCompatibilities": ["FARGATE"],
            "Cpu": str(inputs["cpu"]),
            "Memory": int(inputs["memory"]),  # cfn-lint compares it as a number
        }
        return [("aws_ecs_taskdefinition/fargate_cpu_memory.json", document)]
    return []


def region_of(graph: Graph, one: Resource) -> str:
    urn = one.provider.rpartition("::")[0]
    return str(graph[urn].inputs["region"]) if urn in graph else "us-east-1"


@pytest.mark.parametrize("phase", PHASES)
def test_every_size_and_version_of_a_phase_is_offered_in_its_region(
    graph_of: Callable[..., Graph], phase: str
) -> None:
    graph = graph_of(phase)
    assert sum(len(questions(one)) for one in graph.resources) >= 2
    assert not_offered(graph) == []


@pytest.mark.parametrize(
    ("type_", "inputs"),
    [
        (INSTANCE, {"instanceType": "t4g.gigantic"}),
        (DATABASE, {"instanceClass": "db.t9.large", "engine": "postgres", "engineVersion": "17"}),
        (DATABASE, {"instanceClass": "db.t4g.large", "engine": "postgres", "engineVersion": "99"}),
        (DATABASE, {"instanceClass": "db.t4g.large", "engine": "postgress", "engineVersion": "17"}),
        (MEMBER, {"instanceClass": "db.t3.micro", "engine": "aurora-postgresql", "engineVersion": "17.5"}),
        (CACHE, {"nodeType": "cache.t9g.micro"}),
        (TASK, {"cpu": "1024", "memory": "512"}),
    ],
)
def test_a_size_or_version_that_is_offered_nowhere_is_found(type_: str, inputs: dict[str, Any]) -> None:
    assert not_offered(single(type_, inputs))
