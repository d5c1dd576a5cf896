"""What is assumed to be used in a month, as the stack files' `outgrow:usage` states it.

Prices by the hour follow from the graph alone; these figures are what it cannot say. A figure that a resource
of the graph is billed by must be stated; 0 is a statement.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from infra.sizes import Shape

Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Usage(Shape):
    """Amounts in one month, over all regions of the stack; None where the stack file says nothing.

    Args:
        servers: machines of the scaling group that run on average; None takes the group's minimum.
        tasks: Fargate tasks that run on average in the primary region; None takes the minimum.
        secondary_tasks: the same in the secondary region.
        load_balancer_units: load balancer capacity units, on average, over all load balancers.
        nat_gb: gigabytes through NAT gateways.
        egress_gb: gigabytes to the internet that no CDN delivers.
        cross_zone_gb: gigabytes between zones, counted once.
        cross_region_gb: gigabytes from one region to the other.
        snapshot_gb: gigabytes of volume snapshots.
        object_gb: gigabytes in S3.
        backup_gb: gigabytes of database backups beyond what is free.
        aurora_gb: gigabytes in Aurora clusters, over all regions.
        aurora_million_io: millions of read and write operations of Aurora clusters.
        aurora_million_replicated_writes: millions of writes that Aurora copies to the other region.
        log_gb: gigabytes of logs taken in; a month of them is kept.
        custom_metrics: CloudWatch metrics that are not AWS's own free ones.
        hosted_zones: Route 53 zones the stack's records are in.
        dns_million_queries: millions of standard DNS queries.
        dns_million_latency_queries: millions of latency-routed DNS queries.
        web_million_requests: millions of requests through the web application firewall.
        cdn_gb: gigabytes the CDN delivers.
        cdn_million_requests: millions of HTTPS requests to the CDN.
        secret_calls: calls to Secrets Manager.
        key_requests: requests to KMS.
        million_traces: millions of traces that X-Ray records.
        newrelic_gb: gigabytes New Relic takes in beyond what is free.
        datadog_hosts: hosts Datadog bills, infrastructure and APM; Fargate tasks are counted in fractions.
    """

    servers: Amount | None = None
    tasks: Amount | None = None
    secondary_tasks: Amount | None = None
    load_balancer_units: Amount | None = None
    nat_gb: Amount | None = None
    egress_gb: Amount | None = None
    cross_zone_gb: Amount | None = None
    cross_region_gb: Amount | None = None
    snapshot_gb: Amount | None = None
    object_gb: Amount | None = None
    backup_gb: Amount | None = None
    aurora_gb: Amount | None = None
    aurora_million_io: Amount | None = None
    aurora_million_replicated_writes: Amount | None = None
    log_gb: Amount | None = None
    custom_metrics: Amount | None = None
    hosted_zones: Amount | None = None
    dns_million_queries: Amount | None = None
    dns_million_latency_queries: Amount | None = None
    web_million_requests: Amount | None = None
    cdn_gb: Amount | None = None
    cdn_million_requests: Amount | None = None
    secret_calls: Amount | None = None
    key_requests: Amount | None = None
    million_traces: Amount | None = None
    newrelic_gb: Amount | None = None
    datadog_hosts: Amount | None = None
