"""Buckets nobody else can read: not public, encrypted, over TLS only, with an end to what they keep."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

if TYPE_CHECKING:
    from infra.components.keys import Key


@dataclass(frozen=True)
class BucketArgs:
    """What a bucket needs to know.

    Args:
        days: after which objects go; None keeps them, and only their former versions go after a week.
        key: encrypts it; None takes S3's own key, the only one that load balancers can write their logs with.
        writer: a service that may put objects below `prefix` for this account.
        prefix: where it may.
    """

    days: int | None = None
    key: Key | None = None
    writer: str | None = None
    prefix: str = ""


class PrivateBucket(pulumi.ComponentResource):
    """A bucket with every door closed but the ones named.

    Attributes:
        name: of the bucket, once whoever writes may write.
    """

    def __init__(
        self,
        name: str,
        args: BucketArgs,
        account: pulumi.Input[str],
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("outgrow:storage:PrivateBucket", name, None, opts)
        own = ResourceOptions(parent=self)
        self.bucket = aws.s3.Bucket(
            name, opts=ResourceOptions(parent=self, protect=True, retain_on_delete=True)
        )
        closed = aws.s3.BucketPublicAccessBlock(
            name,
            bucket=self.bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=own,
        )
        by_default: dict[str, Any] = {"sse_algorithm": "aws:kms" if args.key else "AES256"}
        if args.key:
            by_default["kms_master_key_id"] = args.key.arn
        aws.s3.BucketServerSideEncryptionConfiguration(
            name,
            bucket=self.bucket.id,
            rules=[
                {
                    "apply_server_side_encryption_by_default": by_default,
                    "bucket_key_enabled": args.key is not None,
                }
            ],
            opts=own,
        )
        aws.s3.BucketVersioning(
            name, bucket=self.bucket.id, versioning_configuration={"status": "Enabled"}, opts=own
        )
        aws.s3.BucketLifecycleConfiguration(
            name, bucket=self.bucket.id, rules=[lifecycle(args.days)], opts=own
        )
        policy = pulumi.Output.all(self.bucket.arn, account).apply(
            lambda known: bucket_policy(known[0], known[1], args)
        )
        opened = aws.s3.BucketPolicy(
            name,
            bucket=self.bucket.id,
            policy=policy,
            opts=ResourceOptions(parent=self, depends_on=[closed]),
        )
        self.arn = self.bucket.arn
        self.name = opened.bucket
        self.register_outputs({"name": self.bucket.bucket})


def lifecycle(days: int | None) -> dict[str, Any]:
    """Say when objects and their former versions go, and what was never finished."""
    rule: dict[str, Any] = {
        "id": "tidy",
        "status": "Enabled",
        "filter": {"prefix": ""},
        "noncurrent_version_expiration": {"noncurrent_days": 7},
        "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
    }
    return {**rule, "expiration": {"days": days}} if days else rule


def bucket_policy(arn: str, account: str, args: BucketArgs) -> str:
    """Refuse what comes without TLS, and let the one writer in."""
    rules: list[dict[str, Any]] = [
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, f"{arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ]
    if args.writer:
        rules.append(
            {
                "Effect": "Allow",
                "Principal": {"Service": args.writer},
                "Action": "s3:PutObject",
                "Resource": f"{arn}/{args.prefix}/AWSLogs/{account}/*",
            }
        )
    return json.dumps({"Version": "2012-10-17", "Statement": rules})
