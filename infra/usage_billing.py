"""What is charged by use: the stack file's assumptions, where the graph holds what they are used through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.charges import DATABASE, EDGE, NETWORK, SECURITY, STORAGE, WATCHING, Charge, Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def _nat(ledger: Ledger) -> Iterable[Charge]:
    amount = ledger.used("nat_gb", "the NAT gateway")
    yield Charge(NETWORK, "through NAT", "network", "nat_gb", amount, "GB", region=ledger.region)


def _balancer(ledger: Ledger) -> Iterable[Charge]:
    units = ledger.used("load_balancer_units", "the load balancer")
    yield Charge(
        NETWORK,
        f"{units:g} load balancer units",
        "network",
        "balancer_unit_hour",
        units,
        "hours",
        region=ledger.region,
        hourly=True,
    )


def _traffic(ledger: Ledger) -> Iterable[Charge]:
    out = ledger.used("egress_gb", "traffic to the internet")
    yield Charge(
        NETWORK,
        "to the internet",
        "network",
        "egress_gb",
        out,
        "GB",
        region=ledger.region,
        free="egress_free_gb",
    )
    subnets = ledger.graph.of_type("aws:ec2/subnet:Subnet")
    if len({subnet.inputs["availabilityZone"] for subnet in subnets}) > 1:
        between = ledger.used("cross_zone_gb", "traffic between zones")
        yield Charge(
            NETWORK, "between zones", "network", "cross_zone_gb", between, "GB", region=ledger.region
        )
    if len({ledger.where(subnet) for subnet in subnets}) > 1:
        across = ledger.used("cross_region_gb", "traffic between regions")
        yield Charge(
            NETWORK, "between regions", "network", "cross_region_gb", across, "GB", region=ledger.region
        )


def _snapshots(ledger: Ledger) -> Iterable[Charge]:
    amount = ledger.used("snapshot_gb", "the snapshot policy")
    yield Charge(
        STORAGE, "volume snapshots", "volume", "snapshot_gb_month", amount, "GB-month", region=ledger.region
    )


def _objects(ledger: Ledger) -> Iterable[Charge]:
    amount = ledger.used("object_gb", "the bucket")
    yield Charge(STORAGE, "objects", "storage", "object_gb_month", amount, "GB-month", region=ledger.region)


def _backups(ledger: Ledger) -> Iterable[Charge]:
    amount = ledger.used("backup_gb", "the backup plan")
    group = "aurora_storage" if ledger.graph.of_type("aws:rds/cluster:Cluster") else "database_storage"
    yield Charge(
        STORAGE, "database backups", group, "backup_gb_month", amount, "GB-month", region=ledger.region
    )


def _aurora(ledger: Ledger) -> Iterable[Charge]:
    stored = ledger.used("aurora_gb", "Aurora")
    yield Charge(
        DATABASE, "Aurora storage", "aurora_storage", "gb_month", stored, "GB-month", region=ledger.region
    )
    moved = ledger.used("aurora_million_io", "Aurora")
    yield Charge(DATABASE, "Aurora reads and writes", "aurora_storage", "million_io", moved, "millions")
    if ledger.graph.of_type("aws:rds/globalCluster:GlobalCluster"):
        copied = ledger.used("aurora_million_replicated_writes", "the global database")
        yield Charge(
            DATABASE,
            "Aurora writes copied",
            "aurora_storage",
            "million_replicated_writes",
            copied,
            "millions",
        )


def _logs(ledger: Ledger) -> Iterable[Charge]:
    amount = ledger.used("log_gb", "the log groups")
    yield Charge(WATCHING, "logs taken in", "observability", "log_gb", amount, "GB", region=ledger.region)
    yield Charge(
        WATCHING, "logs kept", "observability", "stored_log_gb", amount, "GB-month", region=ledger.region
    )


def _metrics(ledger: Ledger) -> Iterable[Charge]:
    amount = ledger.used("custom_metrics", "the alarms on Outgrow's metrics")
    yield Charge(
        WATCHING, "custom metrics", "observability", "metric_month", amount, "metrics", region=ledger.region
    )


def _names(ledger: Ledger) -> Iterable[Charge]:
    zones = ledger.used("hosted_zones", "the DNS records")
    yield Charge(EDGE, "hosted zone", "dns", "zone_month", zones, "months")
    asked = ledger.used("dns_million_queries", "the DNS records")
    yield Charge(EDGE, "DNS queries", "dns", "million_queries", asked, "millions")
    records = ledger.graph.of_type("aws:route53/record:Record")
    if any(record.inputs.get("latencyRoutingPolicies") for record in records):
        nearest = ledger.used("dns_million_latency_queries", "the latency records")
        yield Charge(EDGE, "DNS queries, latency", "dns", "million_latency_queries", nearest, "millions")


def _firewall(ledger: Ledger) -> Iterable[Charge]:
    amount = ledger.used("web_million_requests", "the firewall")
    yield Charge(EDGE, "requests through the firewall", "firewall", "million_requests", amount, "millions")


def _cdn(ledger: Ledger) -> Iterable[Charge]:
    amount = ledger.used("cdn_gb", "the CDN")
    yield Charge(EDGE, "delivered by the CDN", "cdn", "gb", amount, "GB", free="free_gb")
    requests = ledger.used("cdn_million_requests", "the CDN")
    yield Charge(
        EDGE, "CDN requests", "cdn", "million_requests", requests, "millions", free="free_million_requests"
    )


def _secrets(ledger: Ledger) -> Iterable[Charge]:
    calls = ledger.used("secret_calls", "the secrets") / 10_000
    yield Charge(SECURITY, "calls for secrets", "secrets", "ten_thousand_calls", calls, "10,000 calls")


def _keys(ledger: Ledger) -> Iterable[Charge]:
    requests = ledger.used("key_requests", "the keys") / 10_000
    yield Charge(
        SECURITY, "requests to keys", "secrets", "ten_thousand_key_requests", requests, "10,000 requests"
    )


#: What is billed once a stack, as soon as one of the types is in the graph.
SHARED: tuple[tuple[frozenset[str], Callable[[Ledger], Iterable[Charge]]], ...] = (
    (frozenset({"aws:rds/cluster:Cluster"}), _aurora),
    (frozenset({"aws:ec2/natGateway:NatGateway"}), _nat),
    (frozenset({"aws:lb/loadBalancer:LoadBalancer"}), _balancer),
    (frozenset({"aws:ec2/vpc:Vpc"}), _traffic),
    (frozenset({"aws:cloudfront/distribution:Distribution"}), _cdn),
    (frozenset({"aws:wafv2/webAcl:WebAcl"}), _firewall),
    (frozenset({"aws:route53/record:Record"}), _names),
    (frozenset({"aws:dlm/lifecyclePolicy:LifecyclePolicy"}), _snapshots),
    (frozenset({"aws:s3/bucket:Bucket"}), _objects),
    (frozenset({"aws:backup/plan:Plan"}), _backups),
    (frozenset({"aws:secretsmanager/secret:Secret"}), _secrets),
    (frozenset({"aws:kms/key:Key"}), _keys),
    (frozenset({"aws:cloudwatch/logGroup:LogGroup"}), _logs),
    (frozenset({"aws:cloudwatch/metricAlarm:MetricAlarm"}), _metrics),
)
