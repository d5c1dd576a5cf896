"""Aurora PostgreSQL over two regions: one writes, the other follows within a second and can take over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from infra.components.access import assume_role, security_group

if TYPE_CHECKING:
    from infra.components.keys import DatabaseSecret, Key
    from infra.components.network import Network
    from infra.sizes import GlobalDatabase

NAME = "app"
USER = "outgrow"
PORT = 5432
ENGINE = "aurora-postgresql"
#: Of a cluster, as Aurora allows.
MOST_READERS = 15
PARAMETERS = (
    ("rds.logical_replication", "1", "pending-reboot"),
    ("log_connections", "1", "immediate"),
    ("log_lock_waits", "1", "immediate"),
    ("idle_in_transaction_session_timeout", "300000", "immediate"),
    ("rds.force_ssl", "1", "immediate"),
    ("shared_preload_libraries", "pg_stat_statements", "pending-reboot"),
    ("log_min_duration_statement", "1000", "immediate"),
)


class GlobalCluster(pulumi.ComponentResource):
    """What joins the regions' clusters."""

    def __init__(self, name: str, version: str, opts: ResourceOptions | None = None) -> None:
        super().__init__("outgrow:database:GlobalCluster", name, None, opts)
        self.cluster = aws.rds.GlobalCluster(
            f"{name}-global",
            global_cluster_identifier=f"outgrow-{pulumi.get_stack()}-{name}",
            engine=ENGINE,
            engine_version=version,
            database_name=NAME,
            storage_encrypted=True,
            deletion_protection=True,
            opts=ResourceOptions(parent=self, protect=True, retain_on_delete=True),
        )
        self.register_outputs({"id": self.cluster.id})


@dataclass(frozen=True)
class AuroraArgs:
    """What a region's cluster needs to know.

    Args:
        instances: how many; the first of the primary region writes.
        secret: user and password; None for a secondary region, which takes them from the primary and passes
            writes on to it.
    """

    sizes: GlobalDatabase
    instances: int
    network: Network
    key: Key
    joins: GlobalCluster
    secret: DatabaseSecret | None
    log_days: int


class Aurora(pulumi.ComponentResource):
    """One region's cluster of the global database.

    Attributes:
        group: the security group that clients are let into, on `PORT`.
        members: what a secondary region's cluster waits for.
    """

    def __init__(self, name: str, args: AuroraArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("outgrow:database:Aurora", name, None, opts)
        own = ResourceOptions(parent=self)
        sizes, network, secret = args.sizes, args.network, args.secret
        self.group = security_group(name, network.vpc_id, "Aurora: clients in, nothing out", own)
        subnets = aws.rds.SubnetGroup(f"{name}-subnets", subnet_ids=network.ids(network.data), opts=own)
        parameters = aws.rds.ClusterParameterGroup(
            f"{name}-parameters",
            family=f"{ENGINE}{sizes.version.partition('.')[0]}",
            parameters=[
                {"name": key, "value": value, "apply_method": when} for key, value, when in PARAMETERS
            ],
            opts=own,
        )
        watcher = aws.iam.Role(
            f"{name}-monitoring",
            assume_role_policy=assume_role("monitoring.rds.amazonaws.com"),
            managed_policy_arns=["arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"],
            opts=own,
        )
        identifier = f"outgrow-{pulumi.get_stack()}-{name}"
        aws.cloudwatch.LogGroup(  # RDS would make it without an end to what it keeps
            f"{name}-log",
            name=f"/aws/rds/cluster/{identifier}/postgresql",
            retention_in_days=args.log_days,
            kms_key_id=args.key.arn,
            opts=own,
        )
        self.cluster = aws.rds.Cluster(
            f"{name}-cluster",
            cluster_identifier=identifier,
            global_cluster_identifier=args.joins.cluster.id,
            engine=ENGINE,
            engine_version=sizes.version,
            database_name=NAME if secret else None,
            master_username=secret.user if secret else None,
            master_password_wo=secret.password if secret else None,
            master_password_wo_version=1 if secret else None,
            enable_global_write_forwarding=None if secret else True,
            port=PORT,
            db_subnet_group_name=subnets.name,
            vpc_security_group_ids=[self.group.id],
            db_cluster_parameter_group_name=parameters.name,
            storage_encrypted=True,
            kms_key_id=args.key.arn,
            backup_retention_period=sizes.backup_days,
            copy_tags_to_snapshot=True,
            deletion_protection=True,
            skip_final_snapshot=False,
            final_snapshot_identifier=f"outgrow-{pulumi.get_stack()}-{name}-final",
            enabled_cloudwatch_logs_exports=["postgresql"],
            # AWS itself rewrites the source of a secondary when the regions change roles.
            opts=ResourceOptions(
                parent=self,
                protect=True,
                retain_on_delete=True,
                ignore_changes=["masterPasswordWo", "replicationSourceIdentifier"],
                depends_on=[secret.stored] if secret else [],
            ),
        )
        self.members = [
            aws.rds.ClusterInstance(
                f"{name}-{number}",
                cluster_identifier=self.cluster.id,
                engine=ENGINE,
                engine_version=sizes.version,
                instance_class=sizes.type,
                db_subnet_group_name=subnets.name,
                publicly_accessible=False,
                auto_minor_version_upgrade=True,
                copy_tags_to_snapshot=True,
                performance_insights_enabled=True,
                performance_insights_kms_key_id=args.key.arn,
                monitoring_interval=60,
                monitoring_role_arn=watcher.arn,
                opts=own,
            )
            for number in range(1, args.instances + 1)
        ]
        # A cluster with no reader of its own has no measurement to scale by.
        readers = args.instances - 1 if secret else args.instances
        if sizes.more_readers and readers:
            self._scale_readers(name, args.sizes, readers)
        self.host = self.cluster.endpoint
        self.reader_host = self.cluster.reader_endpoint
        self.port = self.cluster.port
        self.dimensions = {"DBClusterIdentifier": self.cluster.cluster_identifier}
        self.register_outputs({"host": self.host})

    def _scale_readers(self, name: str, sizes: GlobalDatabase, fixed: int) -> None:
        """Add readers while those there are busy; Aurora takes away only what was added so."""
        own = ResourceOptions(parent=self, depends_on=self.members)
        target = aws.appautoscaling.Target(
            f"{name}-readers",
            service_namespace="rds",
            scalable_dimension="rds:cluster:ReadReplicaCount",
            resource_id=pulumi.Output.concat("cluster:", self.cluster.cluster_identifier),
            min_capacity=fixed,
            max_capacity=min(fixed + sizes.more_readers, MOST_READERS),
            opts=own,
        )
        aws.appautoscaling.Policy(
            f"{name}-readers",
            policy_type="TargetTrackingScaling",
            service_namespace=target.service_namespace,
            scalable_dimension=target.scalable_dimension,
            resource_id=target.resource_id,
            target_tracking_scaling_policy_configuration={
                "predefined_metric_specification": {
                    "predefined_metric_type": "RDSReaderAverageCPUUtilization"
                },
                "target_value": sizes.reader_cpu_percent,
                "scale_in_cooldown": 600,
                "scale_out_cooldown": 300,
            },
            opts=own,
        )
