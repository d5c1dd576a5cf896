"""Reads what only AWS knows: RDS, Aurora, load balancers and ElastiCache, from CloudWatch.

boto3 is imported when a source is made, never with the monitor. One call of GetMetricData reads everything
(AWS bills it by metric: 0.01 USD for 1,000 of them), so it is made every five minutes by default.
"""

from __future__ import annotations

import importlib
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from monitor.errors import MonitorError, UsageError
from monitor.snapshot import Measurement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

#: Seconds between two calls, by default; also what one value covers.
EVERY_S: Final = 300.0
_PERIOD_S: Final = 300
#: How far back a call looks: AWS publishes some metrics minutes late.
_BACK_S: Final = 4 * _PERIOD_S
_MOST_QUERIES: Final = 500


class BadCloudResource(MonitorError, UsageError):
    """--cloudwatch is not KIND=NAME."""


class CloudUnreadable(MonitorError):
    """AWS has no credentials here, or does not let the monitor read."""


@dataclass(frozen=True)
class CloudMetric:
    """One number of CloudWatch's.

    Args:
        name: ours; exposed as scalability_aws_NAME with the label `resource`.
        theirs: CloudWatch's.
        statistic: "Average", "Sum", "Maximum", "Minimum" or "p95".
        text: what it is.
        factor: from their unit to ours.
        absent: what an absent value means: 0 for counts that are reported only when they happen.
    """

    name: str
    theirs: str
    statistic: str
    text: str
    factor: float = 1.0
    absent: float | None = None


_DATABASE: Final = (
    CloudMetric("database_cpu_percent", "CPUUtilization", "Average", "CPU of the database server."),
    CloudMetric("cpu_credits", "CPUCreditBalance", "Minimum", "CPU credits left on a burstable instance."),
    CloudMetric("database_free_memory_bytes", "FreeableMemory", "Minimum", "Memory free on the server."),
    CloudMetric("database_connections", "DatabaseConnections", "Maximum", "Connections."),
)
#: What is read of each kind of resource.
KINDS: Final[Mapping[str, tuple[str, str, tuple[CloudMetric, ...]]]] = {
    "rds": (
        "AWS/RDS",
        "DBInstanceIdentifier",
        (
            *_DATABASE,
            CloudMetric("free_storage_bytes", "FreeStorageSpace", "Minimum", "Storage free on the server."),
            CloudMetric("replica_lag_seconds", "ReplicaLag", "Maximum", "How far a replica is behind."),
            CloudMetric("disk_queue_depth", "DiskQueueDepth", "Average", "Requests that wait for the disk."),
        ),
    ),
    "aurora": (
        "AWS/RDS",
        "DBClusterIdentifier",
        (
            *_DATABASE,
            CloudMetric("storage_bytes", "VolumeBytesUsed", "Maximum", "Storage that the cluster uses."),
            CloudMetric(
                "replica_lag_seconds", "AuroraReplicaLagMaximum", "Maximum", "The slowest reader's lag.", 1e-3
            ),
            CloudMetric("capacity_units", "ServerlessDatabaseCapacity", "Average", "Serverless capacity."),
        ),
    ),
    "alb": (
        "AWS/ApplicationELB",
        "LoadBalancer",
        (
            CloudMetric("requests", "RequestCount", "Sum", "Requests in five minutes.", absent=0),
            CloudMetric(
                "target_5xx", "HTTPCode_Target_5XX_Count", "Sum", "5xx of the application.", absent=0
            ),
            CloudMetric("balancer_5xx", "HTTPCode_ELB_5XX_Count", "Sum", "5xx of the balancer.", absent=0),
            CloudMetric("response_p95_seconds", "TargetResponseTime", "p95", "P95 of the response time."),
            CloudMetric("response_average_seconds", "TargetResponseTime", "Average", "Mean response time."),
            CloudMetric("open_connections", "ActiveConnectionCount", "Sum", "Connections in five minutes."),
            CloudMetric(
                "refused_connections", "RejectedConnectionCount", "Sum", "Refused connections.", absent=0
            ),
        ),
    ),
    "elasticache": (
        "AWS/ElastiCache",
        "CacheClusterId",
        (
            CloudMetric("cache_cpu_percent", "EngineCPUUtilization", "Average", "CPU of the cache's thread."),
            CloudMetric("cache_memory_percent", "DatabaseMemoryUsagePercentage", "Maximum", "Memory used."),
            CloudMetric("cache_hits", "CacheHits", "Sum", "Keys found in five minutes."),
            CloudMetric("cache_misses", "CacheMisses", "Sum", "Keys not found in five minutes."),
            CloudMetric("cache_evictions", "Evictions", "Sum", "Keys thrown out in five minutes."),
            CloudMetric("cache_connections", "CurrConnections", "Maximum", "Connections."),
            CloudMetric("cache_replication_lag_seconds", "ReplicationLag", "Maximum", "Replica's lag."),
        ),
    ),
}
#: Every number by name, whatever it is read of.
CLOUD_METRICS: Final = {metric.name: metric for _, _, metrics in KINDS.values() for metric in metrics}


@dataclass(frozen=True)
class CloudResource:
    """What to read of.

    Args:
        kind: of `KINDS`.
        name: as CloudWatch's dimension wants it.
    """

    kind: str
    name: str


@dataclass(frozen=True)
class CloudReading:
    """One call.

    Args:
        values: by resource ("rds=shop") and name; what AWS does not report is absent.
        ended_s: how long ago the latest of their five minutes had ended when they were read.
        problem: why nothing could be read; empty otherwise.
    """

    values: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    ended_s: float = 0.0
    problem: str = ""

    def measurements(self, age_s: float) -> dict[str, Measurement]:
        """Return the metrics that a load balancer and a database server know, for where nobody else does.

        Args:
            age_s: how long ago the call was made.
        """
        age, found = self.ended_s + age_s, {}
        balancers = [values for name, values in self.values.items() if values and name.startswith("alb=")]
        requests = sum(values.get("requests", 0.0) for values in balancers)
        if balancers:
            found["requests_per_second"] = _measured(requests / _PERIOD_S, "requests/s", age, requests)
        if requests > 0:
            failed = sum(one.get("target_5xx", 0.0) + one.get("balancer_5xx", 0.0) for one in balancers)
            found["error_rate_percent"] = _measured(min(100 * failed / requests, 100), "%", age, requests)
        slowest = [values["response_p95_seconds"] for values in balancers if "response_p95_seconds" in values]
        if slowest:
            found["p95_ms"] = _measured(1000 * max(slowest), "ms", age, requests)
        return found

    def details(self) -> dict[str, float]:
        """Return what belongs to the phase's own metrics, of the worst resource."""
        found = {}
        for ours, theirs in (
            ("database_cpu_percent", "database_cpu_percent"),
            ("replication_lag_seconds", "replica_lag_seconds"),
        ):
            known = [values[theirs] for values in self.values.values() if theirs in values]
            if known:
                found[ours] = max(known)
        return found


def parse_resource(text: str) -> CloudResource:
    """Read KIND=NAME; a load balancer may be given by its ARN.

    Raises:
        BadCloudResource: it is not one.
    """
    kind, equals, name = text.partition("=")
    if kind == "alb":
        name = re.sub(r"^arn:[^:]*:elasticloadbalancing:[^:]*:[^:]*:loadbalancer/", "", name)
    if not equals or kind not in KINDS or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9/_.-]{0,254}", name):
        raise BadCloudResource(
            f"{text} is not a resource that CloudWatch is asked for",
            why=f"it is KIND=NAME, and the kinds are {', '.join(KINDS)}",
            next_step="write it like --cloudwatch rds=shop or --cloudwatch alb=app/shop/0123456789abcdef",
        )
    return CloudResource(kind, name)


class CloudWatch:
    """Reads resources from CloudWatch.

    Args:
        resources: what to read of.
        region: AWS's; the environment's by default.
        clock: seconds since the epoch.

    Raises:
        CloudUnreadable: no region is known.
    """

    def __init__(
        self,
        resources: Iterable[CloudResource],
        region: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        # Imported here: the monitor needs no cloud SDK where there is no cloud.
        self._errors: Any = importlib.import_module("botocore.exceptions")
        config: Any = importlib.import_module("botocore.config").Config(
            connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4}
        )
        try:
            session: Any = importlib.import_module("boto3").Session(region_name=region)
            self._client: Any = session.client("cloudwatch", config=config)
        except self._errors.BotoCoreError as error:
            raise self._unreadable(error) from None
        self._clock = clock
        asked = [(resource, metric) for resource in resources for metric in KINDS[resource.kind][2]]
        self._asked = {f"m{number}": pair for number, pair in enumerate(asked)}

    def check(self) -> CloudReading:
        """Read once, at the start.

        Raises:
            CloudUnreadable: AWS has no credentials here, or refuses.
        """
        try:
            return self._read()
        except (self._errors.BotoCoreError, self._errors.ClientError) as error:
            raise self._unreadable(error) from None

    def read(self) -> CloudReading:
        """Read once. Never raises: what fails is a reading without values."""
        try:
            return self._read()
        except (self._errors.BotoCoreError, self._errors.ClientError) as error:
            return CloudReading(problem=self._unreadable(error).why)

    def _read(self) -> CloudReading:
        now = self._clock()
        end = now - now % _PERIOD_S
        found: dict[str, tuple[float, float]] = {}
        names = list(self._asked)
        for first in range(0, len(names), _MOST_QUERIES):
            queries = [self._query(name) for name in names[first : first + _MOST_QUERIES]]
            pages = self._client.get_paginator("get_metric_data").paginate(
                MetricDataQueries=queries, StartTime=end - _BACK_S, EndTime=end, ScanBy="TimestampDescending"
            )
            for page in pages:
                for result in page["MetricDataResults"]:
                    for at, value in zip(result["Timestamps"], result["Values"], strict=True):
                        seconds = at.timestamp()
                        if result["Id"] not in found or seconds > found[result["Id"]][0]:
                            found[result["Id"]] = (seconds, float(value))
        return self._reading(found, now)

    def _reading(self, found: Mapping[str, tuple[float, float]], now: float) -> CloudReading:
        latest = max((at for at, _ in found.values()), default=None)
        values: dict[str, dict[str, float]] = {}
        for name, (resource, metric) in self._asked.items():
            of = values.setdefault(f"{resource.kind}={resource.name}", {})
            if name in found:
                of[metric.name] = metric.factor * found[name][1]
        for key, of in values.items():
            if of:  # known to AWS, so a count it does not report did not happen
                for one in KINDS[key.partition("=")[0]][2]:
                    if one.absent is not None:
                        of.setdefault(one.name, one.absent)
        ended = 0.0 if latest is None else max(now - latest - _PERIOD_S, 0.0)
        return CloudReading(values, ended)

    def _query(self, name: str) -> dict[str, Any]:
        resource, metric = self._asked[name]
        namespace, dimension, _ = KINDS[resource.kind]
        return {
            "Id": name,
            "MetricStat": {
                "Metric": {
                    "Namespace": namespace,
                    "MetricName": metric.theirs,
                    "Dimensions": [{"Name": dimension, "Value": resource.name}],
                },
                "Period": _PERIOD_S,
                "Stat": metric.statistic,
            },
        }

    def _unreadable(self, error: Exception) -> CloudUnreadable:
        what = "CloudWatch cannot be read"
        if isinstance(error, self._errors.NoCredentialsError | self._errors.PartialCredentialsError):
            step = (
                "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or leave --cloudwatch out"
            )
            return CloudUnreadable(what, why="AWS has no credentials here", next_step=step)
        if isinstance(error, self._errors.NoRegionError):
            return CloudUnreadable(
                what, why="no region is known", next_step="give --aws-region, or set AWS_REGION"
            )
        if isinstance(error, self._errors.ClientError):
            code = str(getattr(error, "response", {}).get("Error", {}).get("Code", "an error"))
            return CloudUnreadable(
                what,
                why=f"AWS answers {code}",
                next_step="allow cloudwatch:GetMetricData to the credentials that are used",
            )
        return CloudUnreadable(what, why=str(error).splitlines()[0][:200])


def _measured(value: float, unit: str, age_s: float, samples: float) -> Measurement:
    return Measurement(value, unit, float(_PERIOD_S), round(samples), round(age_s, 1), "from CloudWatch")
