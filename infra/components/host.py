"""The one machine of phase-1, with the database on a volume that outlives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from infra.components import boot
from infra.components.access import ANYWHERE, allow_in, allow_out, security_group
from infra.components.machine import NO_METADATA_V1, image_id, machine_profile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.components.network import Network
    from infra.settings import App
    from infra.sizes import Host as HostSizes

#: The snapshot policy finds the data volume by this tag.
SNAPSHOT_TAG = ("outgrow:snapshots", "daily")


@dataclass(frozen=True)
class HostArgs:
    """What the host needs to know.

    Args:
        zone: availability zone of the machine and its volume.
        names: host names it obtains certificates for; none serves plain HTTP.
        environment: what the application is told beside its own settings.
    """

    sizes: HostSizes
    app: App
    network: Network
    region: str
    zone: str
    names: Sequence[str]
    environment: Mapping[str, pulumi.Input[str]]
    log_days: int


class Host(pulumi.ComponentResource):
    """Machine, data volume, fixed address, bucket for copies of the database.

    A new image or environment replaces the machine; the volume is taken from the old one and given to the
    new.

    Attributes:
        group: its security group, for the cache to let in.
        address: the fixed public address.
    """

    def __init__(self, name: str, args: HostArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("outgrow:compute:Host", name, None, opts)
        own = ResourceOptions(parent=self)
        self.group = security_group(name, args.network.vpc_id, "Host: web in, anything out", own)
        for port in (80, 443) if args.names else (80,):
            allow_in(f"{name}-{port}", self.group, port, own, cidr=ANYWHERE)
        allow_out(f"{name}-out", self.group, own)
        self.volume = aws.ebs.Volume(
            f"{name}-data",
            availability_zone=args.zone,
            size=args.sizes.data_gb,
            type="gp3",
            encrypted=True,
            final_snapshot=True,
            tags={SNAPSHOT_TAG[0]: SNAPSHOT_TAG[1]},
            opts=ResourceOptions(parent=self, protect=True),
        )
        self.bucket = self._bucket(f"{name}-copies")
        logs = aws.cloudwatch.LogGroup(f"{name}-app", retention_in_days=args.log_days, opts=own)
        profile = machine_profile(
            f"{name}-machine",
            own,
            {
                "logs": (["logs:CreateLogStream", "logs:PutLogEvents"], pulumi.Output.concat(logs.arn, ":*")),
                "copies": (["s3:PutObject"], pulumi.Output.concat(self.bucket.arn, "/*")),
            },
        )
        self.instance = aws.ec2.Instance(
            f"{name}-instance",
            ami=image_id(args.sizes.type, self),
            instance_type=args.sizes.type,
            subnet_id=args.network.public[0].id,
            vpc_security_group_ids=[self.group.id],
            iam_instance_profile=profile.name,
            metadata_options=NO_METADATA_V1,
            root_block_device={
                "volume_type": "gp3",
                "volume_size": args.sizes.root_gb,
                "encrypted": True,
                "delete_on_termination": True,
            },
            credit_specification={"cpu_credits": "standard"} if args.sizes.type.startswith("t") else None,
            user_data=boot.script(
                "host.sh.j2",
                volume_id=self.volume.id,
                bucket=self.bucket.bucket,
                region=args.region,
                log_group=logs.name,
                image=args.app.image,
                port=args.app.port,
                publish=f"127.0.0.1:{args.app.port}",
                mount="/data:/data",
                sqlite_path=args.app.sqlite_path,
                names=list(args.names),
                environment={**args.app.environment, **args.environment},
            ),
            user_data_replace_on_change=True,
            tags={"Name": f"{pulumi.get_stack()}-{name}"},
            # The volume can be in one place only, so the old machine goes first. A newer system image alone
            # is no reason to replace it.
            opts=ResourceOptions(parent=self, delete_before_replace=True, ignore_changes=["ami"]),
        )
        aws.ec2.VolumeAttachment(
            f"{name}-data",
            volume_id=self.volume.id,
            instance_id=self.instance.id,
            device_name="/dev/sdf",
            stop_instance_before_detaching=True,
            opts=ResourceOptions(parent=self, delete_before_replace=True),
        )
        fixed = aws.ec2.Eip(f"{name}-address", domain="vpc", opts=own)
        aws.ec2.EipAssociation(
            f"{name}-address", allocation_id=fixed.id, instance_id=self.instance.id, opts=own
        )
        self.address = fixed.public_ip
        self.register_outputs({"address": self.address})

    def _bucket(self, name: str) -> aws.s3.Bucket:
        own = ResourceOptions(parent=self)
        bucket = aws.s3.Bucket(name, opts=ResourceOptions(parent=self, protect=True))
        aws.s3.BucketPublicAccessBlock(
            name,
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=own,
        )
        aws.s3.BucketVersioning(
            name, bucket=bucket.id, versioning_configuration={"status": "Enabled"}, opts=own
        )
        aws.s3.BucketLifecycleConfiguration(
            name,
            bucket=bucket.id,
            rules=[
                {
                    "id": "keep-a-week",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "noncurrent_version_expiration": {"noncurrent_days": 7},
                }
            ],
            opts=own,
        )
        return bucket
