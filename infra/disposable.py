"""Lifts the protections of a stack that comes and goes, in one place, whatever its components say.

Components state what production needs: protected, retained, with final snapshots. A stack file that says
`outgrow:disposable: true` gets the same resources without, so that one `destroy` leaves nothing behind.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import pulumi

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What a resource of each type is told instead, by the SDK's names.
LIFTED: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "aws:backup/vault:Vault": {"force_destroy": True},
        "aws:ebs/volume:Volume": {"final_snapshot": False},
        "aws:kms/key:Key": {"deletion_window_in_days": 7},
        "aws:lb/loadBalancer:LoadBalancer": {"enable_deletion_protection": False},
        "aws:rds/cluster:Cluster": {"deletion_protection": False, "skip_final_snapshot": True},
        "aws:rds/globalCluster:GlobalCluster": {"deletion_protection": False},
        "aws:rds/instance:Instance": {"deletion_protection": False, "skip_final_snapshot": True},
        "aws:s3/bucket:Bucket": {"force_destroy": True},
        # A name that waits for its deletion could not be taken again.
        "aws:secretsmanager/secret:Secret": {"recovery_window_in_days": 0},
    }
)


def lift_protections() -> None:
    """Lift them for everything this program declares from now on."""
    pulumi.runtime.register_stack_transformation(_lifted)


def _lifted(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
    opts = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(protect=False))
    opts.retain_on_delete = False
    return pulumi.ResourceTransformationResult({**args.props, **LIFTED.get(args.type_, {})}, opts)
