"""The one machine of phase-1, with the database on a volume that outlives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from infra.components import boot
from infra.components.access import ANYWHERE, allow_in, allow_out, secret_arn, security_group
from infra.components.bucket import BucketArgs, PrivateBucket
from infra.components.keys import account_number
from infra.components.machine import NO_METADATA_V1, image_id, machine_profile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.components.keys import Key
    from infra.components.network import Network
    from infra.settings import Settings
    from infra.sizes import Host as HostSizes

#: The snapshot policy finds the data volume by this tag.
SNAPSHOT_TAG = ("outgrow:snapshots", "daily")
#: Below which the bucket holds the copies.
COPIES = "live"


@dataclass(frozen=True)
class HostArgs:
    """What the host needs to know.

    Args:
        zone: availability zone of the machine and its volume.
        key: encrypts the volume, the copies and the logs.
        names: host names it obtains certificates for; none serves plain HTTP.
        environment: what the application is told beside its own settings.
    """

    settings: Settings
    sizes: HostSizes
    network: Network
    zone: str
    key: Key
    names: Sequence[str]
    environment: Mapping[str, pulumi.Input[str]]
    log_days: int


class Host(pulumi.ComponentResource):
    """Machine, data volume, fixed address, bucket for continuous copies of the database.

    A new image or environment replaces the machine; the volume is taken from the old one and given to the
    new.

    Attributes:
        group: its security group, for the cache to let in.
        address: the fixed public address.
    """

    def __init__(self, name: str, args: HostArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("outgrow:compute:Host", name, None, opts)
        own = ResourceOptions(parent=self)
        app = args.settings.app
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
            kms_key_id=args.key.arn,
            final_snapshot=True,
            tags={SNAPSHOT_TAG[0]: SNAPSHOT_TAG[1], "Name": f"{pulumi.get_stack()}-{name}-data"},
            opts=ResourceOptions(parent=self, protect=True, retain_on_delete=True),
        )
        self.bucket = PrivateBucket(
            f"{name}-copies", BucketArgs(key=args.key), account_number(self), ResourceOptions(parent=self)
        )
        logs = aws.cloudwatch.LogGroup(
            f"{name}-app", retention_in_days=args.log_days, kms_key_id=args.key.arn, opts=own
        )
        self.log_group = logs.name
        profile = machine_profile(f"{name}-machine", own, self._allowed(args, logs))
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
            ebs_optimized=True,
            credit_specification={"cpu_credits": "standard"} if args.sizes.type.startswith("t") else None,
            user_data=boot.script(
                "host.sh.j2",
                **boot.about(args.settings),
                volume_id=self.volume.id,
                bucket=self.bucket.name,
                prefix=COPIES,
                copy_hours=args.sizes.copy_hours,
                log_group=logs.name,
                publish=f"127.0.0.1:{app.port}",
                mount="--volume /data:/data",
                after="database.service",
                sqlite_path=app.sqlite_path,
                database=f"--database {app.sqlite_path}",
                monitor_mount="--volume /data:/data:ro",
                state="/data/monitor",
                names=list(args.names),
                litestream=args.settings.images.litestream,
                caddy=args.settings.images.caddy,
                environment={
                    **app.environment,
                    **args.environment,
                    "OUTGROW_SIDECAR_URL": f"http://{boot.BRIDGE}:9464",
                },
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
        self.type = args.sizes.type
        self.register_outputs({"address": self.address})

    def _allowed(
        self, args: HostArgs, logs: aws.cloudwatch.LogGroup
    ) -> dict[str, tuple[list[str], list[pulumi.Input[str]]]]:
        """Say what the machine may do, and to what."""
        objects = pulumi.Output.concat(self.bucket.arn, f"/{COPIES}/*")
        allowed: dict[str, tuple[list[str], list[pulumi.Input[str]]]] = {
            "logs": (["logs:CreateLogStream", "logs:PutLogEvents"], [pulumi.Output.concat(logs.arn, ":*")]),
            "copies": (["s3:PutObject", "s3:GetObject", "s3:DeleteObject"], [objects]),
            "copies-list": (["s3:ListBucket", "s3:GetBucketLocation"], [self.bucket.arn]),
            "key": (["kms:Decrypt", "kms:GenerateDataKey"], [args.key.arn]),
        }
        secrets = sorted({secret_arn(reference) for reference in args.settings.app.secrets.values()})
        if secrets:
            allowed["secrets"] = (["secretsmanager:GetSecretValue"], list(secrets))
        return allowed
