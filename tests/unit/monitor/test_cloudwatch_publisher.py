"""What reaches CloudWatch: a datum a minute and metric, nothing for what is unknown, no end when it fails."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner

from monitor.assessment import Decision, Light, assess
from monitor.phases import load_phase
from monitor.publish_options import NoNamespace
from monitor.serve.cloudwatch import (
    BadDimension,
    CloudWatchPublisher,
    NoRegion,
    Target,
    connect,
    data_of,
    parse_dimensions,
)
from monitor.snapshot import Measurement, Snapshot
from monitor.thresholds import METRICS
from outgrow import app

TARGET = Target("Outgrow", {"Stack": "phase-1"}, "us-east-1")
#: 30 seconds into a minute.
NOW = 1_790_000_010.0
MINUTE = 1_789_999_980.0


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")


def published(**values: float) -> Any:
    """An evaluation with the given metrics; the others are not known."""
    phase = load_phase("phase-1")
    metrics = {name: Measurement(value, METRICS[name].unit) for name, value in values.items()}
    snapshot = Snapshot("phase-1", metrics, NOW)
    return SimpleNamespace(assessment=assess(snapshot, phase.thresholds))


MATRIX = {
    "concurrent_users": 700.0,
    "database_size_bytes": 5e8,
    "p95_ms": 100.0,
    "error_rate_percent": 0.1,
    "writes_per_second": 10.0,
}


def test_score_light_decision_and_metrics_are_published_with_their_units() -> None:
    data = {one["MetricName"]: one for one in data_of(published(**MATRIX), TARGET, MINUTE)}
    assert data.keys() == {"Heartbeat", "Score", "Light", "Decision", *MATRIX}
    assert (data["Light"]["Value"], data["Decision"]["Value"]) == (1, 1)  # 700 users: yellow, plan
    assert 60 <= data["Score"]["Value"] < 80
    assert data["p95_ms"]["Unit"] == "Milliseconds"
    assert data["database_size_bytes"]["Unit"] == "Bytes"
    assert data["writes_per_second"]["Unit"] == "Count/Second"
    for one in data.values():
        assert one["Dimensions"] == [{"Name": "Stack", "Value": "phase-1"}]
        assert one["Timestamp"] == datetime.fromtimestamp(MINUTE, UTC)


def test_what_is_not_known_is_absent_and_never_zero() -> None:
    names = {one["MetricName"] for one in data_of(published(p95_ms=100.0), TARGET, MINUTE)}
    assert names == {"Heartbeat", "p95_ms"}


def test_every_light_and_decision_has_a_rank_but_the_unknown_one() -> None:
    full = published(**MATRIX)
    for light, decision in zip(Light, Decision, strict=True):
        judged = SimpleNamespace(assessment=replace(full.assessment, light=light, decision=decision))
        names = {one["MetricName"]: one["Value"] for one in data_of(judged, TARGET, MINUTE)}
        assert ("Light" in names, "Decision" in names) == (light is not Light.UNKNOWN,) * 2


@mock_aws
def test_a_minute_is_one_datum_that_cloudwatch_can_be_asked_for() -> None:
    publisher = CloudWatchPublisher(lambda: published(**MATRIX), TARGET, connect(TARGET))
    assert publisher.publish(NOW)
    client = boto3.client("cloudwatch", region_name="us-east-1")
    answer = client.get_metric_statistics(
        Namespace="Outgrow",
        MetricName="concurrent_users",
        Dimensions=[{"Name": "Stack", "Value": "phase-1"}],
        StartTime=datetime.fromtimestamp(MINUTE, UTC),
        EndTime=datetime.fromtimestamp(MINUTE + 60, UTC),
        Period=60,
        Statistics=["Sum", "SampleCount"],
    )
    (point,) = answer["Datapoints"]
    assert (point["Sum"], point["SampleCount"]) == (700, 1)
    assert (publisher.published, publisher.failures) == (1, 0)


def test_a_cloud_that_refuses_is_logged_once_and_watching_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    class Client:
        broken = True

        def put_metric_data(self, **_: Any) -> None:
            if self.broken:
                raise ConnectionError("no way there")

    client = Client()
    publisher = CloudWatchPublisher(lambda: published(**MATRIX), TARGET, client)
    assert not publisher.publish(NOW)
    assert not publisher.publish(NOW + 60)
    client.broken = False
    assert publisher.publish(NOW + 120)
    assert (publisher.published, publisher.failures) == (1, 2)
    assert [record.getMessage() for record in caplog.records] == [
        "CloudWatch does not take the metrics: no way there",
        "CloudWatch takes the metrics again",
    ]


def test_the_thread_ends_when_it_is_told_to() -> None:
    publisher = CloudWatchPublisher(lambda: published(**MATRIX), TARGET, None)
    with publisher:
        pass
    assert not publisher._thread.is_alive()


def test_dimensions_are_read_as_they_are_written() -> None:
    assert parse_dimensions(["Stack=phase-1", "Host=a=b"]) == {"Stack": "phase-1", "Host": "a=b"}
    for wrong in ("Stack", "=x", "Stack="):
        with pytest.raises(BadDimension, match="is not a dimension"):
            parse_dimensions([wrong])


def test_without_a_region_nothing_starts_and_the_variable_is_named() -> None:
    with pytest.raises(NoRegion) as refused:
        connect(Target("Outgrow", {}))
    assert refused.value.next_step == "set AWS_REGION"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--cloudwatch-dimension", "Stack=a"], NoNamespace),
        (["--cloudwatch-namespace", "Outgrow", "--cloudwatch-dimension", "Stack"], BadDimension),
        (["--cloudwatch-namespace", "Outgrow"], NoRegion),
    ],
)
def test_wrong_options_are_refused_before_the_database_is_opened(
    options: list[str], error: type[Exception]
) -> None:
    done = CliRunner().invoke(app, ["monitor", "serve", "--database", "/nowhere/shop.db", *options])
    assert isinstance(done.exception, error)
