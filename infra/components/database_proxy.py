"""RDS Proxy in front of the primary, for those who prefer it to PgBouncer on each machine.

It holds connections through a failover. But it pins a client to one connection for the rest of its session
as soon as the client prepares a statement, which node-postgres does for each query with parameters, and
drivers of other languages too: then it pools nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from infra.components.access import allow_in, allow_out, assume_role, security_group, statement

if TYPE_CHECKING:
    from infra.components.database import Database
    from infra.components.keys import DatabaseSecret
    from infra.components.network import Network


@dataclass(frozen=True)
class ProxyArgs:
    """What the proxy needs to know.

    Args:
        port: of the database, and the proxy's own.
    """

    database: Database
    network: Network
    secret: DatabaseSecret
    port: int


class DatabaseProxy(pulumi.ComponentResource):
    """Proxy, its role, its way to the primary.

    Attributes:
        host: where applications connect.
        group: its security group, for the application to be let into.
    """

    def __init__(self, name: str, args: ProxyArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("outgrow:database:DatabaseProxy", name, None, opts)
        own = ResourceOptions(parent=self)
        self.group = security_group(name, args.network.vpc_id, "RDS Proxy: clients in, PostgreSQL out", own)
        allow_out(f"{name}-out", self.group, own, port=args.port, target=args.database.group)
        allow_in(f"{name}-database", args.database.group, args.port, own, source=self.group)
        role = aws.iam.Role(f"{name}-role", assume_role_policy=assume_role("rds.amazonaws.com"), opts=own)
        granted = [
            aws.iam.RolePolicy(f"{name}-{what}", role=role.id, policy=statement([action], [arn]), opts=own)
            for what, action, arn in (
                ("secret", "secretsmanager:GetSecretValue", args.secret.arn),
                ("key", "kms:Decrypt", args.secret.key.arn),
            )
        ]
        proxy = aws.rds.Proxy(
            f"{name}-proxy",
            name=f"outgrow-{pulumi.get_stack()}-{name}",
            engine_family="POSTGRESQL",
            require_tls=True,
            idle_client_timeout=1800,
            role_arn=role.arn,
            vpc_subnet_ids=args.network.ids(args.network.data),
            vpc_security_group_ids=[self.group.id],
            auths=[{"auth_scheme": "SECRETS", "iam_auth": "DISABLED", "secret_arn": args.secret.arn}],
            opts=ResourceOptions(parent=self, depends_on=[args.secret.stored, *granted]),
        )
        targets = aws.rds.ProxyDefaultTargetGroup(
            f"{name}-targets",
            db_proxy_name=proxy.name,
            connection_pool_config={"max_connections_percent": 90, "connection_borrow_timeout": 30},
            opts=own,
        )
        aws.rds.ProxyTarget(
            f"{name}-primary",
            db_proxy_name=proxy.name,
            target_group_name=targets.name,
            db_instance_identifier=args.database.primary.identifier,
            opts=own,
        )
        self.host = proxy.endpoint
        self.register_outputs({"host": self.host})
