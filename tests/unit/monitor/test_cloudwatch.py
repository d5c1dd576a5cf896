"""CloudWatch, answered by moto and, where paging matters, by botocore's own stub."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from moto import mock_aws

from monitor.collect.cloudwatch import (
    KINDS,
    BadCloudResource,
    CloudReading,
    CloudResource,
    CloudUnreadable,
    CloudWatch,
    parse_resource,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BALANCER = CloudResource("alb", "app/shop/0123456789abcdef")
DATABASE = CloudResource("rds", "shop")
#: The end of the last whole five minutes.
END = time.time() // 300 * 300


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def aws() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("cloudwatch", "eu-west-1")


def put(aws: Any, resource: CloudResource, name: str, *values: float) -> None:
    """Store values, a minute apart, in the last whole five minutes."""
    namespace, dimension, _ = KINDS[resource.kind]
    aws.put_metric_data(
        Namespace=namespace,
        MetricData=[
            {
                "MetricName": name,
                "Dimensions": [{"Name": dimension, "Value": resource.name}],
                "Timestamp": datetime.fromtimestamp(END - 290 + 60 * number, UTC),
                "Value": value,
            }
            for number, value in enumerate(values)
        ],
    )


def test_a_database_server_is_read(aws: Any) -> None:
    put(aws, DATABASE, "CPUUtilization", 40, 60)
    put(aws, DATABASE, "CPUCreditBalance", 12, 9)
    put(aws, DATABASE, "FreeStorageSpace", 5e9, 4e9)
    put(aws, DATABASE, "ReplicaLag", 0.5, 2)
    reading = CloudWatch([DATABASE, CloudResource("rds", "other")], "eu-west-1").check()
    assert reading.values["rds=shop"] == {
        "database_cpu_percent": 50,
        "cpu_credits": 9,
        "free_storage_bytes": 4e9,
        "replica_lag_seconds": 2,
    }
    assert reading.values["rds=other"] == {}
    assert reading.details() == {"database_cpu_percent": 50, "replication_lag_seconds": 2}
    assert reading.measurements(0) == {}


def test_a_load_balancer_tells_requests_errors_and_response_times(aws: Any) -> None:
    put(aws, BALANCER, "RequestCount", 2000, 1000)
    put(aws, BALANCER, "HTTPCode_Target_5XX_Count", 20, 10)
    reading = CloudWatch([BALANCER], "eu-west-1").check()
    values = reading.values["alb=app/shop/0123456789abcdef"]
    assert values["balancer_5xx"] == 0  # AWS reports counts only where there are any
    measured = reading.measurements(7)
    assert measured["requests_per_second"].value == 10
    assert measured["error_rate_percent"].value == pytest.approx(1.0)
    assert measured["error_rate_percent"].samples == 3000
    assert measured["requests_per_second"].age_s >= 7
    assert measured["requests_per_second"].note == "from CloudWatch"


def test_nothing_reported_is_unknown_and_not_zero(aws: Any) -> None:
    reading = CloudWatch([BALANCER], "eu-west-1").check()
    assert reading.values == {"alb=app/shop/0123456789abcdef": {}}
    assert reading.measurements(0) == {}


def page(token: str | None, *results: tuple[str, float]) -> dict[str, Any]:
    at = datetime.fromtimestamp(END - 300, UTC)
    values = [
        {"Id": name, "Label": name, "StatusCode": "Complete", "Timestamps": [at], "Values": [value]}
        for name, value in results
    ]
    return {"MetricDataResults": values, **({"NextToken": token} if token else {})}


def test_every_page_is_read() -> None:
    source = CloudWatch([DATABASE], "eu-west-1")
    asked = {"MetricDataQueries": ANY, "StartTime": ANY, "EndTime": ANY, "ScanBy": ANY}
    with Stubber(source._client) as stub:
        stub.add_response("get_metric_data", page("more", ("m0", 10.0)), asked)
        stub.add_response("get_metric_data", page(None, ("m1", 20.0)), {**asked, "NextToken": "more"})
        reading = source.read()
    assert reading.values["rds=shop"] == {"database_cpu_percent": 10, "cpu_credits": 20}


def test_the_slowest_balancer_gives_the_response_time() -> None:
    """By the stub: moto knows no percentiles."""
    source = CloudWatch([BALANCER, CloudResource("alb", "app/other/1")], "eu-west-1")
    asked = {"MetricDataQueries": ANY, "StartTime": ANY, "EndTime": ANY, "ScanBy": ANY}
    first = next(name for name, (_, metric) in source._asked.items() if metric.statistic == "p95")
    second = f"m{int(first[1:]) + len(KINDS['alb'][2])}"
    with Stubber(source._client) as stub:
        stub.add_response("get_metric_data", page(None, (first, 0.2), (second, 0.3)), asked)
        reading = source.read()
    assert reading.measurements(0)["p95_ms"].value == pytest.approx(300)


def test_a_refusal_names_the_permission() -> None:
    source = CloudWatch([DATABASE], "eu-west-1")
    with Stubber(source._client) as stub:
        stub.add_client_error("get_metric_data", "AccessDenied")
        stub.add_client_error("get_metric_data", "AccessDenied")
        with pytest.raises(CloudUnreadable) as refused:
            source.check()
        reading = source.read()
    assert "cloudwatch:GetMetricData" in refused.value.next_step
    assert reading == CloudReading(problem="AWS answers AccessDenied")


def test_without_credentials_or_region_the_error_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CloudUnreadable, match="no region"):
        CloudWatch([DATABASE])
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(CloudUnreadable, match="no credentials") as refused:
        CloudWatch([DATABASE], "eu-west-1").check()
    assert "AWS_PROFILE" in refused.value.next_step


def test_a_balancer_may_be_named_by_its_arn() -> None:
    arn = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/0123456789abcdef"
    assert parse_resource(f"alb={arn}") == BALANCER


@pytest.mark.parametrize("text", ["shop", "rds=", "s3=shop", "rds=a b", "=x", "rds=../x"])
def test_what_names_no_resource_is_refused(text: str) -> None:
    with pytest.raises(BadCloudResource, match="KIND=NAME"):
        parse_resource(text)
