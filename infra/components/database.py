"""PostgreSQL on RDS: a primary that a standby replaces, and read replicas."""

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
    from infra.sizes import Database as DatabaseSizes

NAME = "app"
USER = "outgrow"
PORT = 5432
#: What RDS sends to CloudWatch; a replica is never upgraded by itself.
LOGS = ("postgresql", "upgrade")
#: The certificate authority whose certificates RDS renews by itself.
CA = "rds-ca-rsa2048-g1"
#: Server settings: encrypted connections only; the log of changes complete enough to follow, and a slot's
#: share of it bounded; statistics for the monitor; slow statements, connections and waits in the log.
PARAMETERS = (
    ("rds.logical_replication", "1", "pending-reboot"),
    ("max_slot_wal_keep_size", "10240", "immediate"),
    ("log_connections", "1", "immediate"),
    ("log_lock_waits", "1", "immediate"),
    ("idle_in_transaction_session_timeout", "300000", "immediate"),
    ("rds.force_ssl", "1", "immediate"),
    ("shared_preload_libraries", "pg_stat_statements", "pending-reboot"),
    ("log_min_duration_statement", "1000", "immediate"),
)


@dataclass(frozen=True)
class DatabaseArgs:
    sizes: DatabaseSizes
    network: Network
    key: Key
    secret: DatabaseSecret
    log_days: int


class Database(pulumi.ComponentResource):
    """The database of phase-2.

    Attributes:
        group: the security group that others are let into, on `PORT`.
    """

    def __init__(self, name: str, args: DatabaseArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("outgrow:database:Database", name, None, opts)
        own = ResourceOptions(parent=self)
        sizes, network = args.sizes, args.network
        self.group = security_group(name, network.vpc_id, "PostgreSQL: clients in, nothing out", own)
        subnets = aws.rds.SubnetGroup(f"{name}-subnets", subnet_ids=network.ids(network.data), opts=own)
        parameters = aws.rds.ParameterGroup(
            f"{name}-parameters",
            family=f"postgres{sizes.version.partition('.')[0]}",
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

        def identify(role: str) -> str:
            identifier = f"outgrow-{pulumi.get_stack()}-{name}-{role}"
            for log in LOGS if role == "primary" else LOGS[:1]:
                aws.cloudwatch.LogGroup(  # RDS would make it without an end to what it keeps
                    f"{name}-{role}-{log}",
                    name=f"/aws/rds/instance/{identifier}/{log}",
                    retention_in_days=args.log_days,
                    kms_key_id=args.key.arn,
                    opts=own,
                )
            return identifier

        self.primary = aws.rds.Instance(
            f"{name}-primary",
            identifier=identify("primary"),
            engine="postgres",
            engine_version=sizes.version,
            instance_class=sizes.type,
            db_name=NAME,
            username=args.secret.user,
            password_wo=args.secret.password,
            password_wo_version=1,
            port=PORT,
            allocated_storage=sizes.storage_gb,
            max_allocated_storage=sizes.max_storage_gb,
            storage_type="gp3",
            storage_encrypted=True,
            kms_key_id=args.key.arn,
            multi_az=sizes.multi_az,
            db_subnet_group_name=subnets.name,
            vpc_security_group_ids=[self.group.id],
            publicly_accessible=False,
            parameter_group_name=parameters.name,
            backup_retention_period=sizes.backup_days,
            copy_tags_to_snapshot=True,
            deletion_protection=True,
            skip_final_snapshot=False,
            final_snapshot_identifier=f"outgrow-{pulumi.get_stack()}-{name}-final",
            auto_minor_version_upgrade=True,
            performance_insights_enabled=True,
            performance_insights_kms_key_id=args.key.arn,
            monitoring_interval=60,
            monitoring_role_arn=watcher.arn,
            enabled_cloudwatch_logs_exports=list(LOGS),
            ca_cert_identifier=CA,
            opts=ResourceOptions(
                parent=self,
                protect=True,
                retain_on_delete=True,
                ignore_changes=["passwordWo"],
                depends_on=[args.secret.stored],
            ),
        )
        # A replica can be made again from the primary at any time, so it is neither protected nor snapshot.
        self.replicas = [
            aws.rds.Instance(
                f"{name}-replica-{number}",
                identifier=identify(f"replica-{number}"),
                replicate_source_db=self.primary.identifier,
                instance_class=sizes.replica_type,
                storage_type="gp3",
                storage_encrypted=True,
                vpc_security_group_ids=[self.group.id],
                publicly_accessible=False,
                parameter_group_name=parameters.name,
                copy_tags_to_snapshot=True,
                skip_final_snapshot=True,
                auto_minor_version_upgrade=True,
                ca_cert_identifier=CA,
                performance_insights_enabled=True,
                performance_insights_kms_key_id=args.key.arn,
                monitoring_interval=60,
                monitoring_role_arn=watcher.arn,
                enabled_cloudwatch_logs_exports=list(LOGS[:1]),
                opts=own,
            )
            for number in range(1, sizes.replicas + 1)
        ]
        self.host = self.primary.address
        self.port = self.primary.port
        self.register_outputs({"host": self.host, "port": self.port})
