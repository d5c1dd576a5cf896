"""Names and certificates in a Route 53 zone that exists already and that several phases share.

Each phase answers as `<phase>.<name>`; the name itself belongs to the one phase whose stack file says `live:
true`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.components.load_balancer import LoadBalancer
    from infra.settings import Domain


def find_zone(domain: Domain, provider: aws.Provider) -> pulumi.Output[str]:
    """Look the id of the public zone up."""
    opts = pulumi.InvokeOutputOptions(provider=provider)
    zone_id: pulumi.Output[str] = aws.route53.get_zone_output(
        name=domain.zone, private_zone=False, opts=opts
    ).zone_id
    return zone_id


def served_names(domain: Domain, host_name: str) -> list[str]:
    """List the names a phase answers to: its own, and the domain's while the phase is live."""
    return [host_name, domain.name] if domain.live else [host_name]


class Certificate(pulumi.ComponentResource):
    """A certificate that proves the names by records in the zone.

    Args:
        names: the first is the certificate's own, the others are added to it.
        zone_id: where the proofs are published.
        proven_by: another certificate of this stack for the same names in another region; ACM asks both for
            the same records, so they are published once.
    """

    def __init__(
        self,
        name: str,
        names: Sequence[str],
        zone_id: pulumi.Input[str],
        opts: ResourceOptions | None = None,
        *,
        proven_by: Certificate | None = None,
    ) -> None:
        super().__init__("outgrow:dns:Certificate", name, None, opts)
        own = ResourceOptions(parent=self)
        certificate = aws.acm.Certificate(
            f"{name}-certificate",
            domain_name=names[0],
            subject_alternative_names=list(names[1:]),
            validation_method="DNS",
            opts=own,
        )
        # The proof of a name is the same record for every certificate of the account: another phase may have
        # published it, and may still renew by it when this phase is gone.
        shared = ResourceOptions(parent=self, retain_on_delete=True)
        self.proofs: list[aws.route53.Record] = (
            proven_by.proofs
            if proven_by
            else [
                aws.route53.Record(
                    f"{name}-proof-{host}",
                    zone_id=zone_id,
                    name=certificate.domain_validation_options[index].resource_record_name,
                    type=certificate.domain_validation_options[index].resource_record_type,
                    records=[certificate.domain_validation_options[index].resource_record_value],
                    ttl=300,
                    allow_overwrite=True,
                    opts=shared,
                )
                for index, host in enumerate(names)
            ]
        )
        validation = aws.acm.CertificateValidation(
            f"{name}-validation",
            certificate_arn=certificate.arn,
            validation_record_fqdns=[proof.fqdn for proof in self.proofs],
            opts=own,
        )
        self.arn = validation.certificate_arn
        self.register_outputs({"arn": self.arn})


def point_to_address(
    name: str,
    zone_id: pulumi.Input[str],
    hosts: Sequence[str],
    address: pulumi.Input[str],
    opts: ResourceOptions,
) -> None:
    """Let names resolve to an IPv4 address."""
    for host in hosts:
        aws.route53.Record(
            f"{name}-{host}",
            zone_id=zone_id,
            name=host,
            type="A",
            ttl=60,
            records=[address],
            allow_overwrite=True,
            opts=opts,
        )


def point_to_alias(
    name: str,
    zone_id: pulumi.Input[str],
    hosts: Sequence[str],
    target: tuple[pulumi.Input[str], pulumi.Input[str]],
    opts: ResourceOptions,
) -> None:
    """Let names resolve to an AWS service, given as its host name and the zone that is in."""
    for host in hosts:
        aws.route53.Record(
            f"{name}-{host}",
            zone_id=zone_id,
            name=host,
            type="A",
            aliases=[{"name": target[0], "zone_id": target[1], "evaluate_target_health": True}],
            allow_overwrite=True,
            opts=opts,
        )


def point_to_nearest(
    name: str,
    zone_id: pulumi.Input[str],
    host: str,
    targets: Mapping[str, LoadBalancer],
    opts: ResourceOptions,
) -> None:
    """Let a name resolve to the load balancer of the nearest region that is well.

    Each region has a health check of its own. Route 53's checkers cannot reach load balancers that admit the
    CDN only, so a check follows an alarm that counts the region's healthy tasks.
    """
    for region, balancer in targets.items():
        aws.route53.Record(
            f"{name}-{region}",
            zone_id=zone_id,
            name=host,
            type="A",
            set_identifier=region,
            latency_routing_policies=[{"region": region}],
            health_check_id=_health_check(f"{name}-{region}", region, balancer, opts).id,
            aliases=[
                {"name": balancer.dns_name, "zone_id": balancer.zone_id, "evaluate_target_health": True}
            ],
            opts=opts,
        )


def _health_check(
    name: str, region: str, balancer: LoadBalancer, opts: ResourceOptions
) -> aws.route53.HealthCheck:
    alarm = aws.cloudwatch.MetricAlarm(
        f"{name}-healthy",
        alarm_description=f"{pulumi.get_stack()}: no healthy task in {region}",
        namespace="AWS/ApplicationELB",
        metric_name="HealthyHostCount",
        dimensions={
            "LoadBalancer": balancer.balancer.arn_suffix,
            "TargetGroup": balancer.targets.arn_suffix,
        },
        statistic="Maximum",
        comparison_operator="LessThanThreshold",
        threshold=1,
        period=60,
        evaluation_periods=2,
        treat_missing_data="breaching",
        opts=ResourceOptions(parent=balancer),
    )
    return aws.route53.HealthCheck(
        f"{name}-healthy",
        type="CLOUDWATCH_METRIC",
        cloudwatch_alarm_name=alarm.name,
        cloudwatch_alarm_region=region,
        insufficient_data_health_status="LastKnownStatus",
        tags={"Name": f"{pulumi.get_stack()}-{region}"},
        opts=opts,
    )
