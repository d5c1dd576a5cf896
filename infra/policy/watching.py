"""Nothing happens unseen: logs, alarms, tags, and what is spent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from infra.policy.facts import Part, Whole, each, known, lookup, number
from infra.policy.rule import Severity, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

_AWS = "https://docs.aws.amazon.com"
_ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
_BUDGET = "aws:budgets/budget:Budget"
_RDS = "aws:rds/instance:Instance"
_PROVIDER = "pulumi:providers:aws"
#: Tags that say whose a resource is, and to which stack and environment it belongs.
TAGS = ("outgrow:stack", "outgrow:phase", "outgrow:environment", "outgrow:owner")


@rule(
    "log-retention",
    "Every log group says how long it keeps.",
    why="Without a retention, logs are kept and paid for for ever.",
    remedy="Set retentionInDays.",
    source=f"{_AWS}/AmazonCloudWatch/latest/logs/Working-with-log-groups-and-streams.html",
    types=("aws:cloudwatch/logGroup:LogGroup",),
)
def log_retention(part: Part, _whole: Whole) -> Iterator[str]:
    if part.get("retentionInDays") is None or part.amount("retentionInDays") == 0:
        yield "keeps for ever"


@rule(
    "flow-logs",
    "Every network records its connections.",
    why="After an incident they are the only record of who talked to whom.",
    remedy="Add a FlowLog for the VPC with trafficType ALL.",
    source=f"{_AWS}/vpc/latest/userguide/flow-logs.html",
    types=("aws:ec2/vpc:Vpc", "aws:ec2/flowLog:FlowLog"),
    alone=False,
)
def flow_logs(part: Part, whole: Whole) -> Iterator[str]:
    if part.type == "aws:ec2/flowLog:FlowLog":
        if part.text("trafficType") == "ACCEPT":
            yield "leaves out what is rejected"
    elif not any(True for _ in whole.pointing_at(part, "aws:ec2/flowLog:FlowLog", "vpcId")):
        yield "has no flow log"


@rule(
    "access-logs",
    "Load balancers and databases write logs.",
    why="Errors of users are found in them, and attacks.",
    remedy="Enable accessLogs; export postgresql to CloudWatch.",
    source=f"{_AWS}/elasticloadbalancing/latest/application/load-balancer-access-logs.html",
    types=("aws:lb/loadBalancer:LoadBalancer", _RDS, "aws:rds/cluster:Cluster"),
    severity=Severity.ADVISORY,
)
def access_logs(part: Part, _whole: Whole) -> Iterator[str]:
    if part.type.startswith("aws:lb"):
        if part.flag("accessLogs.enabled") is False:
            yield "writes no access log"
    elif "postgres" in (part.text("engine") or ""):
        exports = part.get("enabledCloudwatchLogsExports")
        if exports is None or (isinstance(exports, list) and "postgresql" not in exports):
            yield "does not export its log"


@rule(
    "replica-lag-alarms",
    "Every read replica and every second region has an alarm on its lag.",
    why="A replica that falls behind serves old data without an error.",
    remedy="Alarm on ReplicaLag of the replica's DBInstanceIdentifier, or on AuroraGlobalDBReplicationLag.",
    source=f"{_AWS}/AmazonRDS/latest/UserGuide/rds-metrics.html",
    types=(_RDS, "aws:rds/globalCluster:GlobalCluster"),
    alone=False,
)
def lag_alarms(part: Part, whole: Whole) -> Iterator[str]:
    if part.type == _RDS:
        if part.get("replicateSourceDb") is None:
            return
        alarms = [
            one for one in whole.of_type(_ALARM) if one.get("metricName") in {"ReplicaLag", "[unknown]"}
        ]
        if not any(_watches(alarm, part, whole) for alarm in alarms):
            yield "has no alarm on ReplicaLag"
        return
    if _second_region(whole) and not any(
        str(one.get("metricName")).startswith("AuroraGlobalDB") for one in whole.of_type(_ALARM)
    ):
        yield "has no alarm on AuroraGlobalDBReplicationLag"


def _second_region(whole: Whole) -> bool:
    members = [
        one
        for one in whole.of_type("aws:rds/cluster:Cluster")
        if one.get("globalClusterIdentifier") is not None
    ]
    return len(members) > 1


def _watches(alarm: Part, replica: Part, whole: Whole) -> bool:
    named = lookup(alarm.get("dimensions"), "DBInstanceIdentifier")
    if not known(named):
        sources = whole.behind(alarm, "dimensions", _RDS)
        return replica in sources if sources else named is not None
    identifier = replica.get("identifier")
    own = {str(one) for one in (identifier, replica.get("id"), replica.name) if known(one)}
    return str(named) in own or not known(identifier) or replica in whole.behind(alarm, "dimensions", _RDS)


@rule(
    "alarms-for-thresholds",
    "Every metric of the thresholds table that has limits has its alarms.",
    why="A limit that nobody is told about is no limit.",
    remedy="Make the alarms from the thresholds, as infra/components/alarms.py does.",
    source=f"{_AWS}/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html",
    alone=False,
)
def threshold_alarms(_part: Part, whole: Whole) -> Iterator[str]:
    names = [one.name for one in whole.of_type(_ALARM)]
    metrics = [str(one.get("metricName")) for one in whole.of_type(_ALARM)]
    for metric, least in whole.promise.limits.items():
        found = sum(name.startswith(f"{metric}-") for name in names) or metrics.count(metric)
        if found < least:
            yield f"{metric} has {found} alarms of {least}"


@rule(
    "alarms-tell-somebody",
    "Every alarm has an action.",
    why="An alarm without one changes a colour on a page that nobody looks at.",
    remedy="Set alarmActions to the topic.",
    source=f"{_AWS}/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html",
    types=(_ALARM,),
    severity=Severity.ADVISORY,
    alone=False,
)
def alarm_actions(part: Part, whole: Whole) -> Iterator[str]:
    users = ("aws:route53/healthCheck:HealthCheck", "aws:ecs/service:Service")
    if any(
        part in whole.behind(one, path, _ALARM)
        for one in whole.of_type(*users)
        for path in ("cloudwatchAlarmName", "alarms")
    ):
        return
    if part.flag("actionsEnabled", absent=True) is False or not part.get("alarmActions"):
        yield "tells nobody"


@rule(
    "budget",
    "There is a budget at the phase's cap or below, and it warns somebody.",
    why="A bill is noticed a month late otherwise.",
    remedy="Set limitAmount to the stack file's outgrow:budget.max, with notifications to subscribers.",
    source=f"{_AWS}/cost-management/latest/userguide/budgets-managing-costs.html",
    alone=False,
)
def budget(_part: Part, whole: Whole) -> Iterator[str]:
    budgets = whole.of_type(_BUDGET)
    if not budgets:
        yield "has no budget"
    for one in budgets:
        limit, cap = one.amount("limitAmount"), whole.promise.budget
        if limit is not None and cap is not None and limit > cap:
            yield f"{one.name} allows {limit:g} USD a month; the phase's cap is {cap:g}"
        warnings = one.get("notifications")
        if warnings is None or warnings == []:
            yield f"{one.name} warns nobody"
        for warning in each(warnings):
            emails, topics = (
                lookup(warning, f"subscriber{way}") for way in ("EmailAddresses", "SnsTopicArns")
            )
            if not emails and not topics:
                yield f"{one.name} has a warning at {number(lookup(warning, 'threshold')) or 0:g} for nobody"


@rule(
    "default-tags",
    "Everything carries the tags that say whose it is: " + ", ".join(TAGS) + ".",
    why="The budget counts by tag, and so does whoever looks for what an old stack left behind.",
    remedy="Give every AWS provider of the program these defaultTags.",
    source=f"{_AWS}/tag-editor/latest/userguide/best-practices-and-strats.html",
    types=(_PROVIDER,),
)
def default_tags(part: Part, _whole: Whole) -> Iterator[str]:
    value = part.get("defaultTags")
    if isinstance(value, str) and known(value):
        try:
            value = json.loads(value)
        except ValueError:
            value = {}
    tags = lookup(value, "tags")
    if value is None or tags is None:
        yield "sets no tags"
    elif hasattr(tags, "keys"):
        missing = [tag for tag in TAGS if tag not in tags or not tags[tag]]
        if missing:
            yield f"does not set {', '.join(missing)}"


RULES = (
    log_retention,
    flow_logs,
    access_logs,
    lag_alarms,
    threshold_alarms,
    alarm_actions,
    budget,
    default_tags,
)
