"""CloudWatch alarms, made from the one table of thresholds that the monitor judges by.

Every metric has a warning at its `stay` limit and, where it has one, a critical alarm beyond `urgent`. The
monitor publishes its own measurements in the namespace `Outgrow`; what AWS measures itself is taken from
there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from monitor.thresholds import METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.components.keys import Key
    from monitor.thresholds import Limit

NAMESPACE = "Outgrow"
#: Who publishes to the topic.
SERVICES = ("cloudwatch.amazonaws.com",)
#: Seconds of one measurement, and how many in a row must breach: five minutes in all, as the score's window.
PERIOD, PERIODS = 60, 5


@dataclass(frozen=True)
class Signal:
    """Where CloudWatch finds a metric.

    Args:
        namespace: "Outgrow" for what the monitor publishes, "AWS/..." for what AWS measures.
        metric: its name there.
        dimensions: which of many it is.
        statistic: "Average", "Maximum", or a percentile such as "p95".
        scale: CloudWatch's unit in ours: 0.001 where it counts seconds and we milliseconds.
    """

    namespace: str
    metric: str
    dimensions: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    statistic: str = "Average"
    scale: float = 1.0


@dataclass(frozen=True)
class Guard:
    """An alarm beside the table: something AWS measures, and the value it must not pass."""

    name: str
    signal: Signal
    above: float
    why: str


class Alarms(pulumi.ComponentResource):
    """An encrypted topic that mails the team, and the alarms that publish to it.

    AWS's own key for topics admits no alarms (CloudWatch user guide), so the topic has ours.
    """

    def __init__(
        self,
        name: str,
        thresholds: Mapping[str, Limit],
        email: str,
        key: Key,
        *,
        signals: Mapping[str, Signal] = MappingProxyType({}),
        guards: tuple[Guard, ...] = (),
        opts: ResourceOptions | None = None,
    ) -> None:
        """Make them.

        Args:
            name: the component's name.
            thresholds: the phase's, by metric id.
            email: who is told.
            key: encrypts the topic; made for SERVICES.
            signals: by metric id, what AWS measures itself; the others come from the monitor.
            guards: alarms beside the table.
            opts: Pulumi's options.
        """
        super().__init__("outgrow:observability:Alarms", name, None, opts)
        topic = aws.sns.Topic(f"{name}-topic", kms_master_key_id=key.arn, opts=ResourceOptions(parent=self))
        aws.sns.TopicSubscription(
            f"{name}-email",
            topic=topic.arn,
            protocol="email",
            endpoint=email,
            opts=ResourceOptions(parent=self),
        )
        self._topic = topic
        for metric in METRICS:
            if metric not in thresholds:
                continue
            limit = thresholds[metric]
            signal = signals.get(metric) or Signal(NAMESPACE, metric, {"Stack": pulumi.get_stack()})
            title = METRICS[metric].title
            self._alarm(
                f"{metric}-warning", signal, limit.stay, f"{title} has reached {limit.stay:g}", equal=True
            )
            if limit.urgent is not None:
                self._alarm(f"{metric}-critical", signal, limit.urgent, f"{title} is over {limit.urgent:g}")
        for guard in guards:
            self._alarm(guard.name, guard.signal, guard.above, guard.why)
        self.register_outputs({"topic": topic.arn})

    def _alarm(self, name: str, signal: Signal, limit: float, why: str, *, equal: bool = False) -> None:
        percentile = signal.statistic.startswith("p")
        aws.cloudwatch.MetricAlarm(
            name,
            alarm_description=f"{pulumi.get_stack()}: {why}",
            namespace=signal.namespace,
            metric_name=signal.metric,
            dimensions=dict(signal.dimensions),
            statistic=None if percentile else signal.statistic,
            extended_statistic=signal.statistic if percentile else None,
            comparison_operator="GreaterThanOrEqualToThreshold" if equal else "GreaterThanThreshold",
            threshold=limit * signal.scale,
            period=PERIOD,
            evaluation_periods=PERIODS,
            datapoints_to_alarm=PERIODS,
            treat_missing_data="missing",
            alarm_actions=[self._topic.arn],
            ok_actions=[self._topic.arn],
            opts=ResourceOptions(parent=self),
        )
