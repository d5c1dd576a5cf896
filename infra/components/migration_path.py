"""A private way from an earlier phase's network to this one's database, for as long as data moves.

The two networks are peered, and only the earlier phase's public tier, where its machine is, gets a route to
the data subnets and through the database's security group. Taking the key out of the stack file takes it all
away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from infra.components.network import network_name, public_range, public_route_table

if TYPE_CHECKING:
    from infra.components.network import Network

#: What a phase's only, or first, network is called.
THEIRS = "network"


@dataclass(frozen=True)
class MigrationPathArgs:
    """What the path needs to know.

    Args:
        from_stack: whose network is let in.
        network: where the database is, and its range.
        group: the database's security group.
        port: of the database.
    """

    from_stack: str
    network: Network
    cidr: str
    group: aws.ec2.SecurityGroup
    port: int


class MigrationPath(pulumi.ComponentResource):
    """Peering, a route each way, one rule."""

    def __init__(self, name: str, args: MigrationPathArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("outgrow:network:MigrationPath", name, None, opts)
        own = ResourceOptions(parent=self)
        ask = pulumi.InvokeOutputOptions(parent=self)
        theirs = aws.ec2.get_vpc_output(
            filters=[{"name": "tag:Name", "values": [network_name(args.from_stack, THEIRS)]}], opts=ask
        )
        their_routes = aws.ec2.get_route_table_output(
            vpc_id=theirs.id,
            filters=[{"name": "tag:Name", "values": [public_route_table(args.from_stack, THEIRS)]}],
            opts=ask,
        )
        peering = aws.ec2.VpcPeeringConnection(
            f"{name}-peering",
            vpc_id=args.network.vpc_id,
            peer_vpc_id=theirs.id,
            auto_accept=True,
            tags={"Name": f"{pulumi.get_stack()}-from-{args.from_stack}"},
            opts=own,
        )
        aws.ec2.Route(
            f"{name}-there",
            route_table_id=their_routes.route_table_id,
            destination_cidr_block=args.cidr,
            vpc_peering_connection_id=peering.id,
            opts=own,
        )
        source = theirs.cidr_block.apply(public_range)
        aws.ec2.Route(
            f"{name}-back",
            route_table_id=args.network.data_routes.id,
            destination_cidr_block=source,
            vpc_peering_connection_id=peering.id,
            opts=own,
        )
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-database",
            security_group_id=args.group.id,
            description=f"Data moves from {args.from_stack}",
            ip_protocol="tcp",
            from_port=args.port,
            to_port=args.port,
            cidr_ipv4=source,
            opts=own,
        )
        self.register_outputs({"peering": peering.id})
