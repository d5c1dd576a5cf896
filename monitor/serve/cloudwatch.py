"""Publishes each minute's judgement to CloudWatch, where the alarms of the stack wait for it.

Under the namespace stand `Score` (0 to 100), `Light` and `Decision` as ranks with the best 0, `Heartbeat`
(always 1: its absence says that nobody watches), and every metric of the thresholds table by its id. What is
not known is absent, never 0. There is one datum a clock minute, so that sums over several monitors of one
stack are sums over monitors.

Failing is no reason to stop watching: it is logged once, and again when it works.
"""

from __future__ import annotations

import importlib
import logging
import os
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self

from monitor.assessment import Decision, Light
from monitor.errors import MonitorError, UsageError
from monitor.thresholds import ALL_METRICS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from monitor.serve.published import Published

_LOG: Final = logging.getLogger("outgrow.monitor")
#: Seconds of a clock minute: one datum each.
MINUTE_S: Final = 60
SCORE, LIGHT, DECISION, HEARTBEAT = "Score", "Light", "Decision", "Heartbeat"
#: Ranks, best first; what is unknown has none.
LIGHTS: Final = {Light.GREEN: 0, Light.YELLOW: 1, Light.RED: 2}
DECISIONS: Final = {Decision.STAY: 0, Decision.PLAN: 1, Decision.URGENT: 2}
_UNITS: Final = {
    "bytes": "Bytes",
    "ms": "Milliseconds",
    "s": "Seconds",
    "%": "Percent",
    "users": "Count",
}
#: One attempt and two more; the next minute brings the next datum anyway.
_ATTEMPTS: Final = 3
_TIMEOUT_S: Final = 5


class BadDimension(MonitorError, UsageError):
    """A dimension is not written as NAME=VALUE."""


class NoRegion(MonitorError, UsageError):
    """CloudWatch is regional, and nothing says which region is meant."""


@dataclass(frozen=True)
class Target:
    """Where in CloudWatch the data go.

    Args:
        namespace: "Outgrow" where the stack's alarms look.
        dimensions: which of many it is, such as {"Stack": "phase-1"}.
        region: of AWS; None takes AWS_REGION or AWS_DEFAULT_REGION.
    """

    namespace: str
    dimensions: Mapping[str, str]
    region: str | None = None


def parse_dimensions(texts: list[str]) -> dict[str, str]:
    """Read dimensions as the command line gives them.

    Raises:
        BadDimension: one is not NAME=VALUE.
    """
    pairs = [text.partition("=") for text in texts]
    for text, (name, _, value) in zip(texts, pairs, strict=True):
        if not name or not value:
            raise BadDimension(f"{text} is not a dimension", next_step="write it like Stack=phase-1")
    return {name: value for name, _, value in pairs}


def data_of(published: Published, target: Target, minute: float) -> list[dict[str, Any]]:
    """Write an evaluation as PutMetricData takes it.

    Args:
        published: the evaluation.
        target: whose dimensions each datum carries.
        minute: begin of the clock minute it stands for, seconds since the epoch.
    """
    judged = published.assessment
    values: dict[str, tuple[float | None, str]] = {
        HEARTBEAT: (1, "None"),
        SCORE: (judged.score, "None"),
        LIGHT: (LIGHTS.get(judged.light), "None"),
        DECISION: (DECISIONS.get(judged.decision), "None"),
    }
    for metric in judged.metrics:
        unit = ALL_METRICS[metric.id].unit
        values[metric.id] = (
            metric.value,
            _UNITS.get(unit, "Count/Second" if unit.endswith("/s") else "None"),
        )
    common = {
        "Dimensions": [{"Name": name, "Value": value} for name, value in target.dimensions.items()],
        "Timestamp": datetime.fromtimestamp(minute, UTC),
    }
    return [
        {"MetricName": name, "Value": float(value), "Unit": unit, **common}
        for name, (value, unit) in values.items()
        if value is not None
    ]


def connect(target: Target) -> Any:
    """Make CloudWatch's client.

    Raises:
        NoRegion: neither the target nor the environment names a region.
    """
    # Half a second that only those who publish should pay.
    boto3: Any = importlib.import_module("boto3")
    errors: Any = importlib.import_module("botocore.exceptions")
    region = target.region or os.environ.get("AWS_REGION") or None
    config = importlib.import_module("botocore.config").Config(
        retries={"mode": "standard", "max_attempts": _ATTEMPTS},
        connect_timeout=_TIMEOUT_S,
        read_timeout=_TIMEOUT_S,
    )
    try:
        return boto3.client("cloudwatch", region_name=region, config=config)
    except errors.NoRegionError:
        raise NoRegion(
            f"no region is known for {target.namespace} in CloudWatch",
            why="CloudWatch keeps metrics by region",
            next_step="set AWS_REGION",
        ) from None


class CloudWatchPublisher:
    """A thread that publishes the latest evaluation at the end of each clock minute.

    Args:
        latest: gives the latest evaluation.
        target: where to.
        client: CloudWatch's client, from `connect`.

    Attributes:
        published: how many minutes have arrived.
        failures: how many have not.
    """

    def __init__(self, latest: Callable[[], Published], target: Target, client: Any) -> None:
        self._latest = latest
        self._target = target
        self._client = client
        self._stop = threading.Event()
        self._failing = False
        self.published = 0
        self.failures = 0
        self._thread = threading.Thread(target=self._run, name="outgrow-cloudwatch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the thread; a call under way has seconds to end."""
        self._stop.set()
        self._thread.join(_TIMEOUT_S)

    def publish(self, now: float) -> bool:
        """Publish the minute that `now` lies in (seconds since the epoch); say whether it arrived."""
        data = data_of(self._latest(), self._target, now - now % MINUTE_S)
        try:
            self._client.put_metric_data(Namespace=self._target.namespace, MetricData=data)
        except Exception as error:  # noqa: BLE001  # whatever the cloud says, the watching goes on
            self.failures += 1
            if not self._failing:
                _LOG.warning("CloudWatch does not take the metrics: %s", error)
            self._failing = True
            return False
        if self._failing:
            _LOG.warning("CloudWatch takes the metrics again")
        self._failing = False
        self.published += 1
        return True

    def _run(self) -> None:
        # A second before the minute's end: what is published then is the minute's own.
        while not self._stop.wait((MINUTE_S - 1 - time.time()) % MINUTE_S or MINUTE_S):
            self.publish(time.time())
            if self._stop.wait(1):
                return
