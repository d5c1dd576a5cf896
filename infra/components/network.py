"""The private network: the same plan of subnets in every phase, so that growing adds and never renumbers."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from infra.components.access import assume_role, statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.components.keys import Key

#: Where each tier's /20 networks begin in the /16. Four blocks each leave room for every zone a region has so
#: far.
TIERS = {"public": 0, "app": 4, "data": 8}
ZONE_LETTERS = "abcdef"


def public_range(cidr: str) -> str:
    """Give the range of a network's public tier, over all zones it may ever have."""
    return str(next(ipaddress.ip_network(cidr).subnets(new_prefix=18)))


def network_name(stack: str, name: str) -> str:
    """Give the Name tag of a stack's network, by which another stack finds it."""
    return f"{stack}-{name}"


def public_route_table(stack: str, name: str) -> str:
    """Give the Name tag of a network's public route table."""
    return f"{stack}-{name}-public"


@dataclass(frozen=True)
class NetworkArgs:
    """What a network needs to know.

    Args:
        region: AWS region.
        cidr: a private /16.
        zones: letters of the availability zones.
        nat: how private machines reach the internet: not at all, through one gateway, or one a zone.
        log_days: how long flow logs are kept.
        key: encrypts them.
    """

    region: str
    cidr: str
    zones: tuple[str, ...]
    nat: str
    log_days: int
    key: Key


class Network(pulumi.ComponentResource):
    """VPC, subnets of three tiers over the zones, routes, NAT, a free gateway to S3, flow logs.

    Public subnets hold load balancers and NAT, app subnets hold what runs, data subnets reach no internet.
    """

    def __init__(self, name: str, args: NetworkArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("outgrow:network:Network", name, None, opts)
        self._name = name
        self._args = args
        own = ResourceOptions(parent=self)
        self.vpc = aws.ec2.Vpc(
            f"{name}-vpc",
            cidr_block=args.cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags={"Name": network_name(pulumi.get_stack(), name)},
            opts=own,
        )
        self.vpc_id = self.vpc.id
        # AWS makes a default security group that lets its members talk; adopting it without rules closes it.
        aws.ec2.DefaultSecurityGroup(f"{name}-default", vpc_id=self.vpc_id, opts=own)
        gateway = aws.ec2.InternetGateway(f"{name}-internet", vpc_id=self.vpc_id, opts=own)
        self.public = self._subnets("public")
        self.app = self._subnets("app")
        self.data = self._subnets("data")
        public_routes = aws.ec2.RouteTable(
            f"{name}-public",
            vpc_id=self.vpc_id,
            tags={"Name": public_route_table(pulumi.get_stack(), name)},
            opts=own,
        )
        to_internet = aws.ec2.Route(
            f"{name}-public-internet",
            route_table_id=public_routes.id,
            destination_cidr_block="0.0.0.0/0",
            gateway_id=gateway.id,
            opts=own,
        )
        self.data_routes = data_routes = aws.ec2.RouteTable(f"{name}-data", vpc_id=self.vpc_id, opts=own)
        self._associate("public", self.public, [public_routes] * len(args.zones))
        self._associate("data", self.data, [data_routes] * len(args.zones))
        app_routes = self._app_routes(to_internet)
        self._associate("app", self.app, app_routes)
        aws.ec2.VpcEndpoint(
            f"{name}-s3",
            vpc_id=self.vpc_id,
            service_name=f"com.amazonaws.{args.region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[table.id for table in (public_routes, data_routes, *app_routes)],
            opts=own,
        )
        self._flow_logs()
        self.register_outputs({"vpc_id": self.vpc_id})

    def ids(self, subnets: Sequence[aws.ec2.Subnet]) -> list[pulumi.Output[str]]:
        return [subnet.id for subnet in subnets]

    def _subnets(self, tier: str) -> list[aws.ec2.Subnet]:
        blocks = list(ipaddress.ip_network(self._args.cidr).subnets(new_prefix=20))
        return [
            aws.ec2.Subnet(
                f"{self._name}-{tier}-{zone}",
                vpc_id=self.vpc_id,
                availability_zone=f"{self._args.region}{zone}",
                cidr_block=str(blocks[TIERS[tier] + ZONE_LETTERS.index(zone)]),
                map_public_ip_on_launch=False,
                tags={"Name": f"{pulumi.get_stack()}-{self._name}-{tier}-{zone}"},
                opts=ResourceOptions(parent=self),
            )
            for zone in self._args.zones
        ]

    def _associate(
        self, tier: str, subnets: Sequence[aws.ec2.Subnet], tables: Sequence[aws.ec2.RouteTable]
    ) -> None:
        for zone, subnet, table in zip(self._args.zones, subnets, tables, strict=True):
            aws.ec2.RouteTableAssociation(
                f"{self._name}-{tier}-{zone}",
                subnet_id=subnet.id,
                route_table_id=table.id,
                opts=ResourceOptions(parent=self),
            )

    def _app_routes(self, to_internet: aws.ec2.Route) -> list[aws.ec2.RouteTable]:
        """Make a route table a zone, each with the NAT gateway that serves it."""
        gateways: dict[str, aws.ec2.NatGateway] = {}
        with_gateway = {"none": (), "single": self._args.zones[:1], "per-zone": self._args.zones}[
            self._args.nat
        ]
        for zone in with_gateway:
            address = aws.ec2.Eip(f"{self._name}-nat-{zone}", domain="vpc", opts=ResourceOptions(parent=self))
            gateways[zone] = aws.ec2.NatGateway(
                f"{self._name}-{zone}",
                allocation_id=address.id,
                subnet_id=self.public[self._args.zones.index(zone)].id,
                opts=ResourceOptions(parent=self, depends_on=[to_internet]),
            )
        tables = []
        for zone in self._args.zones:
            table = aws.ec2.RouteTable(
                f"{self._name}-app-{zone}", vpc_id=self.vpc_id, opts=ResourceOptions(parent=self)
            )
            tables.append(table)
            if gateways:
                aws.ec2.Route(
                    f"{self._name}-app-{zone}-internet",
                    route_table_id=table.id,
                    destination_cidr_block="0.0.0.0/0",
                    nat_gateway_id=gateways.get(zone, gateways[self._args.zones[0]]).id,
                    opts=ResourceOptions(parent=self),
                )
        return tables

    def _flow_logs(self) -> None:
        own = ResourceOptions(parent=self)
        group = aws.cloudwatch.LogGroup(
            f"{self._name}-flow",
            retention_in_days=self._args.log_days,
            kms_key_id=self._args.key.arn,
            opts=own,
        )
        role = aws.iam.Role(
            f"{self._name}-flow", assume_role_policy=assume_role("vpc-flow-logs.amazonaws.com"), opts=own
        )
        actions = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
        aws.iam.RolePolicy(
            f"{self._name}-flow",
            role=role.id,
            policy=statement(actions, [group.arn, pulumi.Output.concat(group.arn, ":*")]),
            opts=own,
        )
        aws.ec2.FlowLog(
            f"{self._name}-flow",
            vpc_id=self.vpc_id,
            traffic_type="ALL",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            opts=own,
        )
