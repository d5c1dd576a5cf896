"""The phase's cap as an AWS budget, and a watch for days that cost more than days like them."""

from __future__ import annotations

import json

import pulumi
import pulumi_aws as aws

from infra.components.account import STACK_TAG

#: (percentage of the cap, what is compared with it).
WARNINGS = ((80, "ACTUAL"), (100, "ACTUAL"), (100, "FORECASTED"))
#: An anomaly is told of from this share of the monthly cap, in percent.
NOTABLE_PERCENT = 5


def budget(name: str, cap: float, email: str, opts: pulumi.ResourceOptions) -> aws.budgets.Budget:
    """Watch what everything tagged with this stack costs; AWS sees the tag once it is activated for costs.

    Args:
        name: of the resources.
        cap: US dollars a month, the phase's maximum.
        email: who is warned.
        opts: Pulumi's options.
    """
    stack = pulumi.get_stack()
    spending = aws.costexplorer.AnomalyMonitor(
        f"{name}-anomalies",
        name=f"outgrow-{stack}",
        monitor_type="CUSTOM",
        monitor_specification=json.dumps({"Tags": {"Key": STACK_TAG, "Values": [stack]}}),
        opts=opts,
    )
    aws.costexplorer.AnomalySubscription(
        f"{name}-anomalies",
        name=f"outgrow-{stack}",
        frequency="DAILY",
        monitor_arn_lists=[spending.arn],
        subscribers=[{"type": "EMAIL", "address": email}],
        threshold_expression={
            "dimension": {
                "key": "ANOMALY_TOTAL_IMPACT_ABSOLUTE",
                "match_options": ["GREATER_THAN_OR_EQUAL"],
                "values": [f"{cap * NOTABLE_PERCENT / 100:g}"],
            }
        },
        opts=opts,
    )
    return aws.budgets.Budget(
        name,
        budget_type="COST",
        limit_amount=f"{cap:g}",
        limit_unit="USD",
        time_unit="MONTHLY",
        cost_filters=[{"name": "TagKeyValue", "values": [f"user:{STACK_TAG}${stack}"]}],
        notifications=[
            {
                "comparison_operator": "GREATER_THAN",
                "threshold": share,
                "threshold_type": "PERCENTAGE",
                "notification_type": kind,
                "subscriber_email_addresses": [email],
            }
            for share, kind in WARNINGS
        ],
        opts=opts,
    )
