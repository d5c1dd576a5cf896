"""The web application firewall: AWS's own rule groups and a limit on requests by address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

if TYPE_CHECKING:
    from infra.components.keys import Key

#: Rule groups that AWS keeps current, most general first.
MANAGED = (
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesSQLiRuleSet",
)
#: Requests one address may send in five minutes.
RATE_LIMIT = 2000


class Firewall(pulumi.ComponentResource):
    """A web ACL that lets everything pass but what its rules recognise.

    Args:
        scope: "REGIONAL" for load balancers, "CLOUDFRONT" (made in us-east-1) for the CDN.
        key: of the firewall's region, encrypts its log; None takes CloudWatch's own.
        log_days: how long the log is kept.
    """

    def __init__(
        self, name: str, scope: str, key: Key | None, log_days: int, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("outgrow:network:Firewall", name, None, opts)
        self._name = name
        rules: list[dict[str, Any]] = [
            {
                "name": group,
                "priority": priority,
                "override_action": {"none": {}},
                "statement": {"managed_rule_group_statement": {"vendor_name": "AWS", "name": group}},
                "visibility_config": visibility(group),
            }
            for priority, group in enumerate(MANAGED, start=1)
        ]
        rules.append(
            {
                "name": "RateLimit",
                "priority": 0,
                "action": {"block": {}},
                "statement": {"rate_based_statement": {"limit": RATE_LIMIT, "aggregate_key_type": "IP"}},
                "visibility_config": visibility("RateLimit"),
            }
        )
        self.acl = aws.wafv2.WebAcl(
            f"{name}-acl",
            scope=scope,
            default_action={"allow": {}},
            rules=rules,
            visibility_config=visibility(name),
            opts=ResourceOptions(parent=self),
        )
        self.arn = self.acl.arn
        # AWS asks for this beginning of the name. Only what was stopped or counted is worth keeping.
        logs = aws.cloudwatch.LogGroup(
            f"{name}-log",
            name=f"aws-waf-logs-outgrow-{pulumi.get_stack()}-{name}",
            retention_in_days=log_days,
            kms_key_id=key.arn if key else None,
            opts=ResourceOptions(parent=self),
        )
        aws.wafv2.WebAclLoggingConfiguration(
            f"{name}-log",
            resource_arn=self.acl.arn,
            log_destination_configs=[logs.arn],
            logging_filter={
                "default_behavior": "DROP",
                "filters": [
                    {
                        "behavior": "KEEP",
                        "requirement": "MEETS_ANY",
                        "conditions": [
                            {"action_condition": {"action": action}} for action in ("BLOCK", "COUNT")
                        ],
                    }
                ],
            },
            redacted_fields=[{"single_header": {"name": header}} for header in ("authorization", "cookie")],
            opts=ResourceOptions(parent=self),
        )
        self.register_outputs({"arn": self.arn})

    def guard(self, name: str, resource_arn: pulumi.Input[str]) -> None:
        """Put a regional resource behind the firewall."""
        aws.wafv2.WebAclAssociation(
            f"{self._name}-{name}",
            resource_arn=resource_arn,
            web_acl_arn=self.arn,
            opts=ResourceOptions(parent=self),
        )


def visibility(name: str) -> dict[str, Any]:
    """Count in CloudWatch and keep samples."""
    return {"cloudwatch_metrics_enabled": True, "sampled_requests_enabled": True, "metric_name": name}
