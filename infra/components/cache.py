"""Valkey on ElastiCache: one node, a cluster of shards, or a group that is copied to another region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from infra.components.access import security_group

if TYPE_CHECKING:
    from infra.components.keys import Key
    from infra.components.network import Network

PORT = 6379
VERSION = "8.0"
PARAMETERS = "default.valkey8"


@dataclass(frozen=True)
class CacheArgs:
    """What a cache needs to know.

    Args:
        network: where it lives, in the data subnets.
        node: node type; None for the secondary of a global cache, which copies the primary's.
        shards: above one, the cache is a cluster.
        replicas: copies of each shard beside the one that writes.
        key: encrypts it; None takes AWS's own key.
        joins: the global cache this one is the secondary of.
    """

    network: Network
    node: str | None
    shards: int = 1
    replicas: int = 0
    key: Key | None = None
    joins: aws.elasticache.GlobalReplicationGroup | None = None


class Cache(pulumi.ComponentResource):
    """A Valkey cache, encrypted at rest and on the way, reachable by members of its clients' group only."""

    def __init__(self, name: str, args: CacheArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("outgrow:cache:Cache", name, None, opts)
        own = ResourceOptions(parent=self)
        network = args.network
        self.group = security_group(name, network.vpc_id, "Valkey: clients in, nothing out", own)
        subnets = aws.elasticache.SubnetGroup(
            f"{name}-subnets", subnet_ids=network.ids(network.data), opts=own
        )
        clustered = args.shards > 1
        first = args.joins is None
        self.replication_group = aws.elasticache.ReplicationGroup(
            f"{name}-valkey",
            description=f"Outgrow {pulumi.get_stack()}: {name}",
            engine="valkey" if first else None,
            engine_version=VERSION if first else None,
            node_type=args.node,
            parameter_group_name=(PARAMETERS + (".cluster.on" if clustered else "")) if first else None,
            port=PORT,
            num_node_groups=args.shards if clustered else None,
            replicas_per_node_group=args.replicas if clustered else None,
            num_cache_clusters=None if clustered else 1 + args.replicas,
            automatic_failover_enabled=args.replicas > 0,
            multi_az_enabled=args.replicas > 0,
            at_rest_encryption_enabled=True if first else None,
            transit_encryption_enabled=True if first else None,
            kms_key_id=args.key.arn if args.key else None,
            global_replication_group_id=None
            if args.joins is None
            else args.joins.global_replication_group_id,
            subnet_group_name=subnets.name,
            security_group_ids=[self.group.id],
            snapshot_retention_limit=1 if args.replicas else 0,
            apply_immediately=False,
            auto_minor_version_upgrade=True,
            opts=own,
        )
        found = self.replication_group
        self.host = found.configuration_endpoint_address if clustered else found.primary_endpoint_address
        #: The first node's name, as ElastiCache makes it of the group's and its metrics know it.
        self.first_node = pulumi.Output.concat(found.id, "-0001-001" if clustered else "-001")
        self.url = pulumi.Output.concat("rediss://", self.host, f":{PORT}")
        self.register_outputs({"host": self.host})
