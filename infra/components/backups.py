"""Backups that do not depend on the machine they protect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from infra.components.access import assume_role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.components.keys import Key


class VolumeSnapshots(pulumi.ComponentResource):
    """Daily snapshots of every volume that carries a tag.

    Args:
        tag: name and value of the tag.
        keep: how many snapshots are kept.
    """

    def __init__(
        self, name: str, tag: tuple[str, str], keep: int, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("outgrow:backups:VolumeSnapshots", name, None, opts)
        own = ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-role",
            assume_role_policy=assume_role("dlm.amazonaws.com"),
            managed_policy_arns=["arn:aws:iam::aws:policy/service-role/AWSDataLifecycleManagerServiceRole"],
            opts=own,
        )
        aws.dlm.LifecyclePolicy(
            f"{name}-daily",
            description=f"Outgrow {pulumi.get_stack()} daily snapshots",
            execution_role_arn=role.arn,
            state="ENABLED",
            policy_details={
                "resource_types": ["VOLUME"],
                "target_tags": {tag[0]: tag[1]},
                "schedules": [
                    {
                        "name": "daily",
                        "create_rule": {"interval": 24, "interval_unit": "HOURS", "times": "03:00"},
                        "retain_rule": {"count": keep},
                        "copy_tags": True,
                    }
                ],
            },
            opts=own,
        )
        self.register_outputs({})


class DatabaseBackups(pulumi.ComponentResource):
    """A backup vault and a plan that copies databases into it, beside their own point-in-time backups.

    Args:
        resources: ARNs of what is backed up.
        key: encrypts the vault.
        keep_days: how long a backup is kept.
    """

    def __init__(
        self,
        name: str,
        resources: Sequence[pulumi.Input[str]],
        key: Key,
        keep_days: int,
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("outgrow:backups:DatabaseBackups", name, None, opts)
        own = ResourceOptions(parent=self)
        vault = aws.backup.Vault(
            f"{name}-vault",
            kms_key_arn=key.arn,
            opts=ResourceOptions(parent=self, protect=True, retain_on_delete=True),
        )
        plan = aws.backup.Plan(
            f"{name}-weekly",
            rules=[
                {
                    "rule_name": "weekly",
                    "target_vault_name": vault.name,
                    "schedule": "cron(0 4 ? * SUN *)",
                    "lifecycle": {"delete_after": keep_days},
                }
            ],
            opts=own,
        )
        role = aws.iam.Role(
            f"{name}-role",
            assume_role_policy=assume_role("backup.amazonaws.com"),
            managed_policy_arns=["arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup"],
            opts=own,
        )
        aws.backup.Selection(
            f"{name}-databases", plan_id=plan.id, iam_role_arn=role.arn, resources=list(resources), opts=own
        )
        self.register_outputs({})
