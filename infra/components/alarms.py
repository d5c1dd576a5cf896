"""CloudWatch alarms, made from the one table of thresholds that the monitor judges by.

Every metric has a warning at its `stay` limit and, where it has one, a critical alarm beyond `urgent`. The
monitor publishes its own measurements in the namespace `Outgrow`; what AWS measures itself is taken from
there. The score has its two bands, and a monitor that falls silent is an alarm too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from monitor.serve.cloudwatch import HEARTBEAT, SCORE
from monitor.thresholds import ALL_METRICS
from monitor.utility import PLAN_POINTS, STAY_POINTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.components.keys import Key
    from monitor.thresholds import Limit

NAMESPACE = "Outgrow"
#: Who publishes to the topic.
SERVICES = ("cloudwatch.amazonaws.com",)
#: Seconds of one measurement, and of how many in a row must breach: as long as the score's window.
PERIOD, WINDOW = 60, 300
#: What several monitors of one stack count apart, so that only their sum is the application's.
SUMMED = frozenset({"concurrent_users", "requests_per_second"})


@dataclass(frozen=True)
class Signal:
    """Where CloudWatch finds a metric.

    Args:
        namespace: "Outgrow" for what the monitor publishes, "AWS/..." for what AWS measures.
        metric: its name there.
        dimensions: which of many it is.
        statistic: "Average", "Maximum", or a percentile such as "p95".
        scale: CloudWatch's unit in ours: 0.001 where it counts seconds and we milliseconds.
        period: seconds of one measurement: 300 for machines without detailed monitoring.
    """

    namespace: str
    metric: str
    dimensions: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    statistic: str = "Average"
    scale: float = 1.0
    period: int = PERIOD


@dataclass(frozen=True)
class Guard:
    """An alarm beside the table: something that is measured, and the value it must not pass.

    Args:
        limit: above it, or below it if `below`, something is wrong.
        silence: True where no measurement at all is as wrong.
    """

    name: str
    signal: Signal
    limit: float
    why: str
    below: bool = False
    silence: bool = False


def own_signal(metric: str, *, fleet: bool) -> Signal:
    """Say where the monitor publishes a metric; `fleet` where several monitors watch one application."""
    statistic = "Sum" if fleet and metric in SUMMED else "Maximum" if fleet else "Average"
    return Signal(NAMESPACE, metric, {"Stack": pulumi.get_stack()}, statistic)


def about_the_monitor(*, fleet: bool) -> tuple[Guard, ...]:
    """Guard the score's bands, and the monitor's own life."""
    score = Signal(NAMESPACE, SCORE, {"Stack": pulumi.get_stack()}, "Minimum" if fleet else "Average")
    alive = Signal(NAMESPACE, HEARTBEAT, {"Stack": pulumi.get_stack()}, "SampleCount")
    return (
        Guard("score-yellow", score, STAY_POINTS, f"the score is below {STAY_POINTS:g}", below=True),
        Guard("score-red", score, PLAN_POINTS, f"the score is below {PLAN_POINTS:g}", below=True),
        Guard("monitor-silent", alive, 1, "the monitor publishes nothing", below=True, silence=True),
    )


class Alarms(pulumi.ComponentResource):
    """An encrypted topic that mails the team, and the alarms that publish to it.

    AWS's own key for topics admits no alarms (CloudWatch user guide), so the topic has ours.

    Attributes:
        topic_arn: of the topic.
        signals: where each metric of the table is found, by metric id.
    """

    def __init__(
        self,
        name: str,
        thresholds: Mapping[str, Limit],
        email: str,
        key: Key,
        *,
        signals: Mapping[str, Signal | Mapping[str, Signal]] = MappingProxyType({}),
        guards: tuple[Guard, ...] = (),
        fleet: bool = False,
        opts: ResourceOptions | None = None,
    ) -> None:
        """Make them.

        Args:
            name: the component's name.
            thresholds: the phase's, by metric id.
            email: who is told.
            key: encrypts the topic; made for SERVICES.
            signals: by metric id, what AWS measures itself, several by name where there are several of them;
                the others come from the monitor.
            guards: alarms beside the table.
            fleet: whether several monitors watch one application.
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
        self.topic_arn = topic.arn
        self.signals: dict[str, Mapping[str, Signal]] = {}
        for metric, limit in thresholds.items():
            given = signals.get(metric) or own_signal(metric, fleet=fleet)
            found = {"": given} if isinstance(given, Signal) else given
            self.signals[metric] = found
            for which, signal in found.items():
                self._at_limits("-".join(filter(None, (metric, which))), metric, limit, signal)
        for guard in guards:
            self._guard(guard)
        self.register_outputs({"topic": topic.arn})

    def _at_limits(self, name: str, metric: str, limit: Limit, signal: Signal) -> None:
        title = ALL_METRICS[metric].title
        self._alarm(
            f"{name}-warning",
            signal,
            limit.stay,
            f"{title} has reached {limit.stay:g}",
            comparison="GreaterThanOrEqualToThreshold",
        )
        if limit.urgent is not None:
            self._alarm(f"{name}-critical", signal, limit.urgent, f"{title} is over {limit.urgent:g}")

    def _guard(self, guard: Guard) -> None:
        self._alarm(
            guard.name,
            guard.signal,
            guard.limit,
            guard.why,
            comparison="LessThanThreshold" if guard.below else "GreaterThanThreshold",
            missing="breaching" if guard.silence else "missing",
        )

    def _alarm(
        self,
        name: str,
        signal: Signal,
        limit: float,
        why: str,
        *,
        comparison: str = "GreaterThanThreshold",
        missing: str = "missing",
    ) -> None:
        percentile = signal.statistic.startswith("p")
        periods = WINDOW // signal.period
        aws.cloudwatch.MetricAlarm(
            name,
            alarm_description=f"{pulumi.get_stack()}: {why}",
            namespace=signal.namespace,
            metric_name=signal.metric,
            dimensions=dict(signal.dimensions),
            statistic=None if percentile else signal.statistic,
            extended_statistic=signal.statistic if percentile else None,
            comparison_operator=comparison,
            threshold=limit * signal.scale,
            period=signal.period,
            evaluation_periods=periods,
            datapoints_to_alarm=periods,
            treat_missing_data=missing,
            alarm_actions=[self.topic_arn],
            ok_actions=[self.topic_arn],
            opts=ResourceOptions(parent=self),
        )
