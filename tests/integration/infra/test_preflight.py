"""The preflight against moto: what it asks, what it makes of the answers, and how it ends."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import typer
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws
from typer.testing import CliRunner

import infra.cli
from infra.preflight.checks import run_checks
from infra.preflight.finding import Finding, Report, Status
from infra.preflight.needs import DatabaseClass, Needs, RegionNeeds, needs_of
from infra.preflight.policy import ACTIONS, preflight_policy
from infra.preflight.quotas import FAMILIES, STANDARD, vcpu_quota
from infra.preflight.reader import NoAwsAccess, NotAnswered, Reader
from infra.settings import load_settings
from monitor.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from infra.graph import Graph

REGION = "us-east-1"
EMPTY = RegionNeeds(REGION, (), {}, {}, {}, {}, (), {}, {}, ())
VPC_QUOTAS = {"vpcs": 1}


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE", "AWS_WEB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    with mock_aws():
        yield


def asked(region: RegionNeeds = EMPTY, reader: Reader | None = None, **needs: Any) -> Report:
    return run_checks(
        Needs("phase-2", {REGION: region}, needs.pop("zone", None), **needs), reader or Reader()
    )


def of(report: Report, check: str) -> list[Finding]:
    return [one for one in report.findings if one.check == check]


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)  # type: ignore[call-overload]


class Answering(Reader):
    """Answers some calls itself: those that moto has no code for. The answers fit AWS's own service model."""

    def __init__(self, answers: dict[str, tuple[str, dict[str, Any]]]) -> None:
        super().__init__()
        self._answers = answers
        for operation, (service, answer) in answers.items():
            made = self._client(service, REGION)
            stubber = Stubber(made)
            stubber.add_response(operation, answer)  # refuses an answer of another shape than AWS's
            stubber.deactivate()

    def items(self, region: str, service: str, operation: str, key: str, **params: Any) -> list[Any]:
        if operation in self._answers:
            return list(self._answers[operation][1][key])
        return super().items(region, service, operation, key, **params)

    def one(self, region: str, service: str, operation: str, key: str, **params: Any) -> dict[str, Any]:
        if operation in self._answers:
            return dict(self._answers[operation][1][key])
        return super().one(region, service, operation, key, **params)


#: What moto has no code for, as an account without anything answers.
ELSEWHERE: dict[str, tuple[str, dict[str, Any]]] = {
    "describe_reserved_cache_nodes_offerings": ("elasticache", {"ReservedCacheNodesOfferings": []}),
    "describe_cache_engine_versions": ("elasticache", {"CacheEngineVersions": []}),
    "get_service_quota": ("service-quotas", {"Quota": {"QuotaCode": "L-1", "Value": 100.0}}),
}


# --- What is needed ---


def test_what_a_phase_needs_comes_from_its_graph(graph_of: Callable[..., Graph]) -> None:
    needs = needs_of(graph_of("phase-2"), load_settings("phase-2"))
    (region,) = needs.regions.values()
    assert region.instance_types == {"t4g.xlarge": 3}  # the group's maximum
    assert region.instance_zones["t4g.xlarge"] == region.zones == ("us-east-1a", "us-east-1b", "us-east-1c")
    engines = {(one.engine, one.version, one.instance_class, one.multi_az) for one in region.databases}
    assert ("postgres", "17", "db.t4g.large", True) in engines
    assert ("postgres", "17", "db.t4g.medium", False) in engines  # a replica's engine is its source's
    assert region.counts["db-instances"] == 3
    assert sum(region.cache_nodes.values()) == 4
    assert needs.zone == "shop.example"
    assert ("phase-2.shop.example", "A") in needs.records


def test_a_phase_of_two_regions_needs_something_of_each(graph_of: Callable[..., Graph]) -> None:
    needs = needs_of(graph_of("phase-3"), load_settings("phase-3"))
    first, second = needs.regions["us-east-1"], needs.regions["us-west-2"]
    assert first.counts["fargate-vcpus"] >= 6
    assert second.counts["fargate-vcpus"] >= 3
    assert all(one.global_database and one.engine == "aurora-postgresql" for one in first.databases)
    assert first.cache_nodes.keys() == second.cache_nodes.keys() == {"cache.m7g.large"}


def test_another_size_is_another_need(graph_of: Callable[..., Graph]) -> None:
    graph = graph_of("phase-1")
    bigger = tuple(
        replace(one, inputs={**one.inputs, "instanceType": "m7g.4xlarge"})
        if one.type == "aws:ec2/instance:Instance"
        else one
        for one in graph.resources
    )
    needs = needs_of(replace(graph, resources=bigger), load_settings("phase-1"))
    assert list(needs.regions[REGION].instance_types) == ["m7g.4xlarge"]


# --- Who asks ---


def test_without_credentials_there_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(NoAwsAccess, match="there are no AWS credentials") as refused:
        asked()
    assert "aws sso login" in refused.value.next_step
    assert refused.value.exit_code is ExitCode.FAILED


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("ExpiredToken", "have expired"),
        ("ExpiredTokenException", "have expired"),
        ("InvalidClientTokenId", "refuses these credentials"),
    ],
)
def test_expired_and_wrong_credentials_are_told_apart(code: str, what: str) -> None:
    reader = Reader()
    with Stubber(reader._client("sts", REGION)) as stubber:
        stubber.add_client_error("get_caller_identity", code, "The security token is no good", 403)
        with pytest.raises(NoAwsAccess, match=what) as refused:
            asked(reader=reader)
    assert refused.value.why == "The security token is no good"


def test_an_unknown_profile_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(NoAwsAccess) as refused:
        Reader()
    assert "nobody" in refused.value.why


def test_a_denied_call_leaves_its_check_unknown_and_says_what_is_missing() -> None:
    reader = Reader()
    needs = replace(EMPTY, instance_types={"t4g.large": 1})
    denied = "You are not authorized to perform this operation"
    reader.identity(REGION)
    with Stubber(reader._client("ec2", REGION)) as stubber:
        stubber.add_client_error("describe_regions", "UnauthorizedOperation", denied, 403)
        for operation in ("describe_availability_zones", "describe_instance_type_offerings"):
            stubber.add_client_error(operation, "UnauthorizedOperation", denied, 403)
        from infra.preflight import checks

        _, findings = checks._regions(reader, Needs("phase-1", {REGION: needs}, None))
        findings += checks._zones(reader, replace(needs, zones=("us-east-1a",)))
        findings += checks._instance_types(reader, needs)
    assert [one.status for one in findings] == [Status.UNKNOWN] * 3
    assert "ec2:DescribeInstanceTypeOfferings is not allowed" in findings[-1].detail
    assert "--print-policy" in findings[-1].next_step


def test_a_service_that_cannot_be_reached_is_unknown_and_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import EndpointConnectionError

    reader = Reader()
    made = reader._client("rds", REGION)

    def unreachable(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://rds.test")

    monkeypatch.setattr(made, "can_paginate", lambda _: False)
    monkeypatch.setattr(made, "describe_db_instances", unreachable, raising=False)
    with pytest.raises(NotAnswered, match="did not answer"):
        reader.items(REGION, "rds", "describe_db_instances", "DBInstances")


# --- What is offered ---


def test_regions_and_zones_that_do_not_exist_fail() -> None:
    needs = {"us-east-1": replace(EMPTY, zones=("us-east-1a", "us-east-1z")), "xx-east-9": EMPTY}
    report = run_checks(Needs("phase-2", needs, None), Reader())
    regions = {one.subject: one.status for one in of(report, "region")}
    assert regions == {"us-east-1": Status.PASS, "xx-east-9": Status.FAIL}
    zones = {one.subject: one.status for one in of(report, "zones")}
    assert zones == {"us-east-1a": Status.PASS, "us-east-1z": Status.FAIL}


def test_instance_types_are_looked_up_zone_by_zone() -> None:
    zones = ("us-east-1a", "us-east-1b")
    needs = replace(
        EMPTY, instance_types={"t4g.large": 2, "t9z.huge": 1}, instance_zones={"t4g.large": zones}
    )
    found = {one.subject: one for one in of(asked(needs, Answering(ELSEWHERE)), "instance types")}
    assert found["t4g.large"].status is Status.PASS
    assert found["t9z.huge"].status is Status.FAIL
    nowhere = replace(needs, instance_zones={"t4g.large": ("us-east-1y",)})
    (failed, _) = of(asked(nowhere, Answering(ELSEWHERE)), "instance types")
    assert "not offered in us-east-1y" in failed.detail


ORDERABLE = {
    "Engine": "postgres",
    "EngineVersion": "17.4",
    "DBInstanceClass": "db.t4g.large",
    "MultiAZCapable": True,
    "SupportsGlobalDatabases": False,
    "AvailabilityZones": [{"Name": "us-east-1a"}, {"Name": "us-east-1b"}],
}


@pytest.mark.parametrize(
    ("wanted", "zones", "status", "said"),
    [
        (
            DatabaseClass("postgres", "17", "db.t4g.large", multi_az=True),
            ("us-east-1a",),
            "pass",
            "offered in",
        ),
        (DatabaseClass("postgres", "17.4", "db.t4g.large"), (), "pass", "offered in"),
        (
            DatabaseClass("postgres", "17", "db.t4g.large"),
            ("us-east-1c",),
            "fail",
            "not offered in us-east-1c",
        ),
        (DatabaseClass("postgres", "1", "db.t4g.large"), (), "fail", "other versions here, the newest 17.4"),
        (DatabaseClass("postgres", "17.5", "db.t4g.large"), (), "fail", "other versions"),
        (
            DatabaseClass("postgres", "17", "db.t4g.large", global_database=True),
            (),
            "fail",
            "cannot be part of a global database",
        ),
    ],
)
def test_a_database_is_offered_with_its_version_in_its_zones(
    wanted: DatabaseClass, zones: tuple[str, ...], status: str, said: str
) -> None:
    answers = {"describe_orderable_db_instance_options": ("rds", {"OrderableDBInstanceOptions": [ORDERABLE]})}
    (found,) = of(asked(replace(EMPTY, databases={wanted: zones}), Answering(answers)), "databases")
    assert (found.status.value, said in found.detail) == (status, True), found


def test_cache_nodes_and_engines_are_looked_up() -> None:
    node = {"CacheNodeType": "cache.t4g.micro", "ReservedCacheNodesOfferingId": "1"}
    answers = {
        "describe_reserved_cache_nodes_offerings": ("elasticache", {"ReservedCacheNodesOfferings": [node]}),
        "describe_cache_engine_versions": (
            "elasticache",
            {"CacheEngineVersions": [{"Engine": "valkey", "EngineVersion": "8.0"}]},
        ),
    }
    needs = replace(
        EMPTY, cache_nodes={"cache.t4g.micro": 1}, cache_engines=(("valkey", "8.0"), ("valkey", "9.9"))
    )
    found = {one.subject: one.status for one in of(asked(needs, Answering(answers)), "cache nodes")}
    assert found == {"cache.t4g.micro": Status.PASS, "valkey 8.0": Status.PASS, "valkey 9.9": Status.FAIL}


# --- Quotas ---


def test_a_quota_counts_what_is_there_plus_what_is_needed() -> None:
    ec2 = client("ec2")
    (there,) = (len(ec2.describe_vpcs()["Vpcs"]),)
    (fits,) = of(asked(replace(EMPTY, counts={"vpcs": 5 - there})), "quotas")
    assert (fits.status, fits.detail) == (Status.PASS, f"5 allowed, {there} in use, {5 - there} needed")
    ec2.create_vpc(CidrBlock="10.9.0.0/16")
    (over,) = of(asked(replace(EMPTY, counts={"vpcs": 5 - there})), "quotas")
    assert over.status is Status.FAIL
    assert "--quota-code L-F678F1CE --desired-value 6" in over.next_step


def test_a_quota_that_aws_does_not_tell_is_unknown() -> None:
    denied = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetServiceQuota")

    class Denied(Reader):
        def one(self, *_: Any, **__: Any) -> dict[str, Any]:
            raise NotAnswered("servicequotas:GetServiceQuota is not allowed") from denied

    (found,) = of(asked(replace(EMPTY, counts={"db-instances": 3}), Denied()), "quotas")
    assert (found.status, found.subject) == (Status.UNKNOWN, "DB instances")
    assert "is not allowed" in found.detail


def test_a_quota_that_the_account_never_changed_is_aws_default() -> None:
    default = {
        "get_aws_default_service_quota": ("service-quotas", {"Quota": {"QuotaCode": "x", "Value": 40.0}})
    }
    (found,) = of(asked(replace(EMPTY, counts={"db-instances": 3}), Answering(default)), "quotas")
    assert (found.status, found.detail) == (Status.PASS, "40 allowed, 0 in use, 3 needed")


def test_vcpus_are_those_of_the_family_and_of_what_runs() -> None:
    quota = {"QuotaCode": STANDARD.code, "Value": 16.0}
    answers = {"get_service_quota": ("service-quotas", {"Quota": quota})}
    needs = replace(EMPTY, instance_types={"t4g.xlarge": 3})  # 12 vCPUs
    (fits,) = of(asked(needs, Answering(answers)), "quotas")
    assert fits.status is Status.PASS
    ec2 = client("ec2")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    ec2.run_instances(ImageId=image, InstanceType="m5.2xlarge", MinCount=1, MaxCount=1)
    (now,) = of(asked(needs, Answering(answers)), "quotas")
    assert (now.status, now.detail) == (Status.FAIL, "16 allowed, 8 in use, 12 needed")


@pytest.mark.parametrize(
    ("type_", "family"),
    [("t4g.large", ""), ("m7g.large", ""), ("g5.xlarge", "g"), ("p4d.24xlarge", "p"), ("inf2.xlarge", "inf")],
)
def test_each_family_has_its_own_quota(type_: str, family: str) -> None:
    assert vcpu_quota(type_) == (FAMILIES[family] if family else STANDARD)


def test_a_usage_metric_stands_in_where_nothing_can_be_listed() -> None:
    metric = {
        "MetricNamespace": "AWS/Usage",
        "MetricName": "ResourceCount",
        "MetricDimensions": {"Service": "Fargate", "Type": "Resource", "Resource": "vCPU", "Class": "None"},
        "MetricStatisticRecommendation": "Maximum",
    }
    quota = {"QuotaCode": "L-3032A538", "Value": 10.0, "UsageMetric": metric}
    answers = {"get_service_quota": ("service-quotas", {"Quota": quota})}
    needs = replace(EMPTY, counts={"fargate-vcpus": 6.0})
    (unused,) = of(asked(needs, Answering(answers)), "quotas")
    assert unused.detail == "10 allowed, 0 in use, 6 needed"
    point = {
        "MetricName": "ResourceCount",
        "Value": 5.0,
        "Timestamp": datetime.now(UTC) - timedelta(minutes=10),
        "Dimensions": [{"Name": name, "Value": value} for name, value in metric["MetricDimensions"].items()],  # type: ignore[attr-defined]
    }
    client("cloudwatch").put_metric_data(Namespace="AWS/Usage", MetricData=[point])
    (busy,) = of(asked(needs, Answering(answers)), "quotas")
    assert (busy.status, busy.detail) == (Status.FAIL, "10 allowed, 5 in use, 6 needed")


# --- Domain and names ---


def test_a_missing_zone_fails_and_an_existing_one_passes() -> None:
    (missing,) = of(asked(zone="shop.test"), "domain")
    assert missing.status is Status.FAIL
    client("route53").create_hosted_zone(Name="shop.test", CallerReference="1")
    (found,) = of(asked(zone="shop.test"), "domain")
    assert found.status is Status.PASS


def test_a_caa_record_for_somebody_else_and_a_record_in_the_way_fail() -> None:
    route53 = client("route53")
    zone = route53.create_hosted_zone(Name="shop.test", CallerReference="1")["HostedZone"]["Id"]
    for name, type_, value in (
        ("shop.test", "CAA", '0 issue "letsencrypt.org"'),
        ("phase-2.shop.test", "CNAME", "old.test"),
    ):
        record = {"Name": name, "Type": type_, "TTL": 60, "ResourceRecords": [{"Value": value}]}
        route53.change_resource_record_sets(
            HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
        )
    report = asked(zone="shop.test", records=(("phase-2.shop.test", "A"), ("www.shop.test", "A")))
    (certificate,) = of(report, "certificate")
    assert certificate.status is Status.FAIL
    names = {one.subject: one.status for one in of(report, "names")}
    assert names == {"phase-2.shop.test A": Status.FAIL, "www.shop.test A": Status.PASS}


def test_names_that_are_taken_are_found_on_every_page() -> None:
    logs, s3 = client("logs"), client("s3")
    for number in range(60):  # CloudWatch Logs answers fifty at a time
        logs.create_log_group(logGroupName=f"/shop/{number:02}")
    s3.create_bucket(Bucket="shop-data")
    client("secretsmanager").create_secret(Name="shop/database", SecretString="x")
    client("secretsmanager").delete_secret(SecretId="shop/database")
    group = "aws:cloudwatch/logGroup:LogGroup"
    names = (
        (group, "/shop/59"),
        (group, "/shop/new"),
        ("aws:s3/bucket:Bucket", "shop-data"),
        ("aws:s3/bucket:Bucket", "shop-new"),
        ("aws:secretsmanager/secret:Secret", "shop/database"),  # deleted, but its name is not free yet
    )
    found = {one.subject: one.status.value for one in of(asked(replace(EMPTY, names=names)), "names")}
    assert found == {
        "LogGroup /shop/59": "fail",
        "LogGroup /shop/new": "pass",
        "Bucket shop-data": "fail",
        "Bucket shop-new": "pass",
        "Secret shop/database": "fail",
    }


# --- The policy and the command ---


def test_the_policy_allows_every_call_that_is_made_and_only_reading(
    graph_of: Callable[..., Graph], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: set[tuple[str, str]] = set()

    class Noting(Reader):
        def items(self, region: str, service: str, operation: str, key: str, **params: Any) -> list[Any]:
            calls.add((service, operation))
            return []

        def one(self, region: str, service: str, operation: str, key: str, **params: Any) -> dict[str, Any]:
            calls.add((service, operation))
            return {"Value": 1}

    for phase in ("phase-1", "phase-2", "phase-3"):
        needs = needs_of(graph_of(phase), load_settings(phase))
        kinds = tuple((type_, "x") for type_ in __import__("infra.preflight.names", fromlist=["x"]).LISTINGS)
        regions = {name: replace(one, names=kinds) for name, one in needs.regions.items()}
        monkeypatch.setattr("infra.preflight.checks._regions", lambda _, given: (list(given.regions), []))
        run_checks(replace(needs, regions=regions), Noting())
    names = {
        "elbv2": "elasticloadbalancing",
        "service-quotas": "servicequotas",
    }
    renamed = {
        "s3:ListBuckets": "s3:ListAllMyBuckets",
        "s3:HeadBucket": "s3:ListBucket",
        "budgets:DescribeBudgets": "budgets:ViewBudget",
    }
    made = {
        f"{names.get(service, service)}:{''.join(word.title() for word in operation.split('_'))}"
        for service, operation in calls
    }
    allowed = {action.lower() for action in ACTIONS}
    assert {renamed.get(action, action).lower() for action in made} <= allowed
    verbs = ("list", "describe", "get", "view")
    assert all(action.partition(":")[2].lower().startswith(verbs) for action in ACTIONS)
    granted = [action for one in preflight_policy()["Statement"] for action in one["Action"]]
    assert sorted(granted) == sorted(ACTIONS)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, graph_of: Callable[..., Graph]) -> Callable[..., Any]:
    monkeypatch.setattr("infra.evaluation.evaluate", lambda phase, **_: graph_of(phase))
    app = typer.Typer()
    infra.cli.register(app)
    return lambda *words: CliRunner().invoke(app, ["infra", "preflight", *words], terminal_width=200)


def test_the_command_fails_on_an_empty_account_and_says_what_is_missing(command: Callable[..., Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("infra.preflight.reader.Reader", lambda: Answering(ELSEWHERE))
        result = command("phase-2", "--json")
    assert result.exit_code == ExitCode.GATE_CLOSED
    report = json.loads(result.stdout)
    assert report["account"] == "123456789012"
    failed = {(one["check"], one["subject"]) for one in report["findings"] if one["status"] == "fail"}
    assert {("domain", "shop.example"), ("cache nodes", "cache.t4g.micro")} <= failed
    assert all(one["next_step"] for one in report["findings"] if one["status"] != "pass")


def test_the_command_prints_its_policy_without_asking_anybody(
    command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    result = command("--print-policy")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["Version"] == "2012-10-17"


def test_the_command_without_credentials_says_so_before_anything_is_evaluated(
    command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setattr("infra.evaluation.evaluate", lambda *_, **__: pytest.fail("evaluated"))
    assert isinstance(command("phase-2").exception, NoAwsAccess)
    assert command().exit_code == ExitCode.WRONG_USAGE
