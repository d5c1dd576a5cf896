"""The least an identity has to be allowed for the preflight: reading, nothing else.

None of these actions can be narrowed to a resource for what is asked here (the Service Authorization
Reference), except the records of one hosted zone.
"""

from __future__ import annotations

from typing import Any, Final

ACTIONS: Final = (
    "backup:ListBackupVaults",
    "budgets:ViewBudget",
    "cloudwatch:GetMetricStatistics",
    "ec2:DescribeAddresses",
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeInstanceTypeOfferings",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeInstances",
    "ec2:DescribeInternetGateways",
    "ec2:DescribeNatGateways",
    "ec2:DescribeRegions",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "ecs:ListClusters",
    "elasticache:DescribeCacheEngineVersions",
    "elasticache:DescribeReplicationGroups",
    "elasticache:DescribeReservedCacheNodesOfferings",
    "elasticloadbalancing:DescribeLoadBalancers",
    "elasticloadbalancing:DescribeTargetGroups",
    "iam:ListRoles",
    "kms:ListAliases",
    "logs:DescribeLogGroups",
    "rds:DescribeDBClusters",
    "rds:DescribeDBInstances",
    "rds:DescribeGlobalClusters",
    "rds:DescribeOrderableDBInstanceOptions",
    "route53:ListHostedZones",
    "route53:ListResourceRecordSets",
    "s3:ListAllMyBuckets",
    "s3:ListBucket",
    "secretsmanager:ListSecrets",
    "servicequotas:GetAWSDefaultServiceQuota",
    "servicequotas:GetServiceQuota",
)


def preflight_policy() -> dict[str, Any]:
    """Give the policy as IAM takes it. `sts:GetCallerIdentity` needs no permission."""
    narrowed = {
        "route53:ListResourceRecordSets": "arn:aws:route53:::hostedzone/*",
        "s3:ListBucket": "arn:aws:s3:::*",
    }
    statements: list[dict[str, Any]] = [
        {
            "Sid": "OutgrowPreflight",
            "Effect": "Allow",
            "Action": [action for action in ACTIONS if action not in narrowed],
            "Resource": "*",
        }
    ]
    for action, resource in narrowed.items():
        sid = "OutgrowPreflight" + action.partition(":")[2]
        statements.append({"Sid": sid, "Effect": "Allow", "Action": [action], "Resource": resource})
    return {"Version": "2012-10-17", "Statement": statements}
