"""The phase's cap as an AWS budget: warns at 80 %, at 100 %, and when the forecast passes it."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from infra.components.account import STACK_TAG

#: (percentage of the cap, what is compared with it).
WARNINGS = ((80, "ACTUAL"), (100, "ACTUAL"), (100, "FORECASTED"))


def budget(name: str, cap: float, email: str, opts: pulumi.ResourceOptions) -> aws.budgets.Budget:
    """Watch what everything tagged with this stack costs.

    Args:
        name: of the resource.
        cap: US dollars a month, the phase's maximum.
        email: who is warned.
        opts: Pulumi's options.
    """
    return aws.budgets.Budget(
        name,
        budget_type="COST",
        limit_amount=f"{cap:g}",
        limit_unit="USD",
        time_unit="MONTHLY",
        cost_filters=[{"name": "TagKeyValue", "values": [f"user:{STACK_TAG}${pulumi.get_stack()}"]}],
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
