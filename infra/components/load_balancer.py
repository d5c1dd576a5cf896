"""The application load balancer: TLS at the edge, only healthy machines behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from infra.components.access import ANYWHERE, allow_in, allow_out, security_group
from infra.components.bucket import BucketArgs, PrivateBucket
from infra.components.keys import account_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.components.network import Network

#: TLS 1.2 with forward secrecy and TLS 1.3.
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"


@dataclass(frozen=True)
class LoadBalancerArgs:
    """What a load balancer needs to know.

    Args:
        network: where it lives, in the public subnets.
        port: where the application listens.
        health_path: what answers 200 while the application is well.
        target_type: "instance" for machines, "ip" for Fargate tasks.
        certificate_arn: for HTTPS; None serves plain HTTP.
        log_days: how long its access logs are kept.
        prefix_list: the only addresses that may connect; None lets everybody.
    """

    network: Network
    port: int
    health_path: str
    target_type: str
    certificate_arn: pulumi.Input[str] | None
    log_days: int
    prefix_list: pulumi.Input[str] | None = None


class LoadBalancer(pulumi.ComponentResource):
    """Load balancer, listeners, target group.

    Attributes:
        group: its security group; whoever serves lets this one in.
        listener: what a service waits for before it registers.
    """

    def __init__(self, name: str, args: LoadBalancerArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("outgrow:network:LoadBalancer", name, None, opts)
        own = ResourceOptions(parent=self)
        network = args.network
        self.group = security_group(name, network.vpc_id, "Load balancer: web in, application out", own)
        served = 443 if args.certificate_arn else 80
        if args.prefix_list:  # one port only: a security group may hold 60 rules, and the list counts as 55
            allow_in(f"{name}-{served}", self.group, served, own, prefix_list=args.prefix_list)
        else:
            for port in sorted({80, served}):
                allow_in(f"{name}-{port}", self.group, port, own, cidr=ANYWHERE)
        # S3's own encryption: load balancers cannot write under a key of ours.
        logs = PrivateBucket(
            f"{name}-logs",
            BucketArgs(
                days=args.log_days, writer="logdelivery.elasticloadbalancing.amazonaws.com", prefix=name
            ),
            account_number(self),
            own,
        )
        self.balancer = aws.lb.LoadBalancer(
            f"{name}-alb",
            load_balancer_type="application",
            internal=False,
            subnets=network.ids(network.public),
            security_groups=[self.group.id],
            drop_invalid_header_fields=True,
            enable_deletion_protection=True,
            desync_mitigation_mode="defensive",
            access_logs={"enabled": True, "bucket": logs.name, "prefix": name},
            opts=own,
        )
        self._name, self._args = name, args
        self.targets = self._targets("app", args.port, args.health_path)
        forward = {"type": "forward", "target_group_arn": self.targets.arn}
        to_https = {
            "type": "redirect",
            "redirect": {"port": "443", "protocol": "HTTPS", "status_code": "HTTP_301"},
        }
        secure = args.certificate_arn is not None
        self.listener = aws.lb.Listener(
            f"{name}-app",
            load_balancer_arn=self.balancer.arn,
            port=served,
            protocol="HTTPS" if secure else "HTTP",
            ssl_policy=TLS_POLICY if secure else None,
            certificate_arn=args.certificate_arn,
            default_actions=[forward],
            opts=own,
        )
        if secure and not args.prefix_list:
            aws.lb.Listener(
                f"{name}-redirect",
                load_balancer_arn=self.balancer.arn,
                port=80,
                protocol="HTTP",
                default_actions=[to_https],
                opts=own,
            )
        #: What sends requests on by path; a service waits for its own.
        self.rules: list[aws.lb.ListenerRule] = []
        self.dns_name = self.balancer.dns_name
        self.zone_id = self.balancer.zone_id
        self.register_outputs({"dns_name": self.dns_name})

    def serve_paths(
        self, name: str, paths: Sequence[str], port: int, health_path: str, priority: int
    ) -> aws.lb.TargetGroup:
        """Send requests under some paths to targets of their own.

        Args:
            name: of the part of the application that serves them.
            paths: patterns such as "/api/*".
            port: where it listens.
            health_path: answers 200 to 299 while it is well.
            priority: lower ones are asked first.
        """
        targets = self._targets(name, port, health_path)
        self.rules.append(
            aws.lb.ListenerRule(
                f"{self._name}-{name}",
                listener_arn=self.listener.arn,
                priority=priority,
                conditions=[{"path_pattern": {"values": list(paths)}}],
                actions=[{"type": "forward", "target_group_arn": targets.arn}],
                opts=ResourceOptions(parent=self),
            )
        )
        return targets

    def _targets(self, name: str, port: int, health_path: str) -> aws.lb.TargetGroup:
        return aws.lb.TargetGroup(
            f"{self._name}-{name}",
            vpc_id=self._args.network.vpc_id,
            port=port,
            protocol="HTTP",
            target_type=self._args.target_type,
            deregistration_delay=30,
            load_balancing_algorithm_type="least_outstanding_requests",
            health_check={
                "path": health_path,
                "matcher": "200-299",
                "interval": 10,
                "timeout": 5,
                "healthy_threshold": 2,
                "unhealthy_threshold": 3,
            },
            opts=ResourceOptions(parent=self),
        )

    def let_reach(self, name: str, clients: aws.ec2.SecurityGroup, port: int) -> None:
        """Open the way from the load balancer to those who serve."""
        opts = ResourceOptions(parent=self)
        allow_out(f"{name}-out", self.group, opts, port=port, target=clients)
        allow_in(f"{name}-in", clients, port, opts, source=self.group)
