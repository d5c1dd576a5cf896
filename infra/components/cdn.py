"""CloudFront in front of the load balancers: static files from its edges, the rest passed on unchanged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

#: AWS's managed policies (CloudFront developer guide): never cache, cache what the origin allows, pass all
#: on.
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
ALL_VIEWER = "216adef6-5c7f-47e4-b989-5492eafa07d3"
SECURITY_HEADERS = "67f7725c-6f97-4210-82d7-5512b31e9d03"
#: Where applications keep files that never change under one name.
STATIC = "/static/*"


@dataclass(frozen=True)
class CdnArgs:
    """What the CDN needs to know.

    Args:
        origin: host name of the load balancers.
        names: host names it answers to beside its own.
        certificate_arn: for these names, in us-east-1; None answers to CloudFront's own name only.
        firewall_arn: a web ACL of scope CLOUDFRONT.
    """

    origin: pulumi.Input[str]
    names: Sequence[str]
    certificate_arn: pulumi.Input[str] | None
    firewall_arn: pulumi.Input[str]


class Cdn(pulumi.ComponentResource):
    """A distribution over all edges, HTTP/3, TLS 1.2 at least."""

    def __init__(self, name: str, args: CdnArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("outgrow:network:Cdn", name, None, opts)
        common = {
            "target_origin_id": "app",
            "viewer_protocol_policy": "redirect-to-https",
            "compress": True,
            "origin_request_policy_id": ALL_VIEWER,
            "response_headers_policy_id": SECURITY_HEADERS,
        }
        every_method = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
        self.distribution = aws.cloudfront.Distribution(
            f"{name}-distribution",
            enabled=True,
            comment=f"Outgrow {pulumi.get_stack()}",
            http_version="http2and3",
            is_ipv6_enabled=True,
            price_class="PriceClass_All",
            aliases=list(args.names) if args.certificate_arn else [],
            web_acl_id=args.firewall_arn,
            origins=[
                {
                    "origin_id": "app",
                    "domain_name": args.origin,
                    "custom_origin_config": {
                        "http_port": 80,
                        "https_port": 443,
                        "origin_protocol_policy": "https-only" if args.certificate_arn else "http-only",
                        "origin_ssl_protocols": ["TLSv1.2"],
                    },
                }
            ],
            default_cache_behavior={
                **common,
                "cache_policy_id": CACHING_DISABLED,
                "allowed_methods": every_method,
                "cached_methods": ["GET", "HEAD"],
            },
            ordered_cache_behaviors=[
                {
                    **common,
                    "path_pattern": STATIC,
                    "cache_policy_id": CACHING_OPTIMIZED,
                    "allowed_methods": ["GET", "HEAD"],
                    "cached_methods": ["GET", "HEAD"],
                }
            ],
            restrictions={"geo_restriction": {"restriction_type": "none"}},
            viewer_certificate={
                "acm_certificate_arn": args.certificate_arn,
                "ssl_support_method": "sni-only",
                "minimum_protocol_version": "TLSv1.2_2021",
            }
            if args.certificate_arn
            else {"cloudfront_default_certificate": True},
            opts=ResourceOptions(parent=self),
        )
        self.domain_name = self.distribution.domain_name
        self.zone_id = self.distribution.hosted_zone_id
        self.register_outputs({"domain_name": self.domain_name})
