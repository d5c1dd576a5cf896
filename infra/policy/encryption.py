"""Everything at rest is encrypted, everything on the way too."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from infra.policy.facts import Part, Whole, each, known, lookup, number, statements, truth
from infra.policy.rule import Severity, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

_AWS = "https://docs.aws.amazon.com"
_RDS = "aws:rds/instance:Instance"
_CLUSTER = "aws:rds/cluster:Cluster"
_CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
_BUCKET = "aws:s3/bucket:Bucket"
_LISTENER = "aws:lb/listener:Listener"
_DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
_DEFAULT = "aws:ebs/encryptionByDefault:EncryptionByDefault"


@rule(
    "encrypted-volumes",
    "Every EBS volume is encrypted, also those of instances and launch templates.",
    why="A volume and its snapshots can be read by whoever gets a copy of them.",
    remedy="Set encrypted to true, on the volume and on every block device, the root device included.",
    source=f"{_AWS}/ebs/latest/userguide/ebs-encryption.html",
    types=(
        "aws:ebs/volume:Volume",
        "aws:ec2/instance:Instance",
        "aws:ec2/launchTemplate:LaunchTemplate",
        "aws:ec2/launchConfiguration:LaunchConfiguration",
    ),
    alone=False,
)
def volumes(part: Part, whole: Whole) -> Iterator[str]:
    if any(one.flag("enabled", absent=True) for one in whole.of_type(_DEFAULT)):
        return
    if part.type == "aws:ebs/volume:Volume":
        if part.flag("encrypted") is False:
            yield "is not encrypted"
        return
    if part.type == "aws:ec2/launchTemplate:LaunchTemplate":
        mappings = part.get("blockDeviceMappings")
        if mappings is None:
            yield "does not say that its volumes are encrypted"
        for one in each(mappings):
            if lookup(one, "ebs") is not None and truth(lookup(one, "ebs.encrypted")) is False:
                yield f"its volume {lookup(one, 'deviceName') or ''} is not encrypted".replace("  ", " ")
        return
    if part.flag("rootBlockDevice.encrypted") is False:
        yield "its system volume is not encrypted"
    for one in each(part.get("ebsBlockDevices")):
        if truth(lookup(one, "encrypted")) is False:
            yield f"its volume {lookup(one, 'deviceName') or ''} is not encrypted".replace("  ", " ")


#: The input that says so, of what stores data by itself.
_SAYS = {
    _RDS: "storageEncrypted",
    _CLUSTER: "storageEncrypted",
    "aws:rds/globalCluster:GlobalCluster": "storageEncrypted",
    "aws:docdb/cluster:Cluster": "storageEncrypted",
    "aws:neptune/cluster:Cluster": "storageEncrypted",
    "aws:redshift/cluster:Cluster": "encrypted",
    "aws:efs/fileSystem:FileSystem": "encrypted",
}


@rule(
    "encrypted-databases",
    "Every database and file system is encrypted at rest.",
    why="Encryption cannot be switched on later without restoring a copy of the database.",
    remedy="Set storageEncrypted (encrypted for file systems) to true before the first row is written.",
    source=f"{_AWS}/AmazonRDS/latest/UserGuide/Overview.Encryption.html",
    types=tuple(_SAYS),
)
def databases(part: Part, _whole: Whole) -> Iterator[str]:
    path = _SAYS[part.type]
    inherits = part.get("replicateSourceDb") is not None or part.get("sourceDbClusterIdentifier") is not None
    if part.flag(path, absent=inherits) is False:
        yield f"{path} is not true"


@rule(
    "encrypted-caches",
    "Every cache is encrypted at rest.",
    why="Sessions and query results are data too, and a cache writes snapshots.",
    remedy="Set atRestEncryptionEnabled to true; a single Redis cluster becomes a replication group.",
    source=f"{_AWS}/AmazonElastiCache/latest/dg/at-rest-encryption.html",
    types=(_CACHE, "aws:elasticache/cluster:Cluster"),
)
def caches(part: Part, _whole: Whole) -> Iterator[str]:
    if part.type != _CACHE:
        if part.text("engine") == "redis" and part.get("replicationGroupId") is None:
            yield "is a Redis cluster by itself, which cannot be encrypted at rest"
        return
    inherits = part.get("globalReplicationGroupId") is not None
    if part.flag("atRestEncryptionEnabled", absent=inherits) is False:
        yield "atRestEncryptionEnabled is not true"


@rule(
    "encrypted-buckets",
    "Every bucket states how its objects are encrypted.",
    why="What is stated is kept and audited; what is a default can be changed by whoever writes an object.",
    remedy="Add a BucketServerSideEncryptionConfiguration for the bucket.",
    source=f"{_AWS}/AmazonS3/latest/userguide/bucket-encryption.html",
    types=(_BUCKET, "aws:s3/bucketV2:BucketV2"),
    alone=False,
)
def buckets(part: Part, whole: Whole) -> Iterator[str]:
    if any(
        part.get(path) is not None
        for path in ("serverSideEncryptionConfiguration", "serverSideEncryptionConfigurations")
    ):
        return
    for type_ in (
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2",
    ):
        if any(True for _ in whole.pointing_at(part, type_, "bucket")):
            return
    yield "has no encryption configuration"


@rule(
    "encrypted-messages",
    "Topics, queues and streams are encrypted.",
    why="Alarms name what is weak right now; messages often carry what users typed.",
    remedy="Set kmsMasterKeyId (kmsKeyId and encryptionType KMS for a stream), or sqsManagedSseEnabled.",
    source=f"{_AWS}/sns/latest/dg/sns-server-side-encryption.html",
    types=("aws:sns/topic:Topic", "aws:sqs/queue:Queue", "aws:kinesis/stream:Stream"),
)
def messages(part: Part, _whole: Whole) -> Iterator[str]:
    if part.type == "aws:kinesis/stream:Stream":
        if part.get("encryptionType") in {None, "NONE"}:
            yield "encryptionType is not KMS"
    elif not part.get("kmsMasterKeyId"):
        managed = part.flag("sqsManagedSseEnabled") if part.type.startswith("aws:sqs") else False
        if managed is False:
            yield "has no key"


@rule(
    "encrypted-logs",
    "Log groups and backup vaults are encrypted with a key of ours.",
    why="Logs hold addresses and names; with a key of ours, who may read them is said in one place.",
    remedy="Set kmsKeyId (kmsKeyArn for a vault).",
    source=f"{_AWS}/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html",
    types=("aws:cloudwatch/logGroup:LogGroup", "aws:backup/vault:Vault"),
)
def logs(part: Part, _whole: Whole) -> Iterator[str]:
    path = "kmsKeyArn" if part.type.startswith("aws:backup") else "kmsKeyId"
    if not part.get(path):
        yield f"{path} is not set"


@rule(
    "databases-require-tls",
    "PostgreSQL refuses connections without TLS.",
    why="Without rds.force_ssl, a client that does not ask for TLS sends its password and rows in the clear.",
    remedy="Set rds.force_ssl to 1 in the parameter group, and name that group on the database.",
    source=f"{_AWS}/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html",
    types=(
        "aws:rds/parameterGroup:ParameterGroup",
        "aws:rds/clusterParameterGroup:ClusterParameterGroup",
        _RDS,
        _CLUSTER,
    ),
    alone=False,
)
def database_tls(part: Part, whole: Whole) -> Iterator[str]:
    if part.type in {_RDS, _CLUSTER}:
        path = "parameterGroupName" if part.type == _RDS else "dbClusterParameterGroupName"
        replica = part.get("replicateSourceDb") is not None
        engine = part.text("engine") or ""
        if "postgres" in engine and not replica and part.get(path) is None:
            yield f"{path} is not set, so nothing states rds.force_ssl"
        return
    family = part.text("family") or ""
    parameters = part.get("parameters")
    if "postgres" not in family or (parameters is not None and not known(parameters)):
        return
    if part.type.endswith(":ParameterGroup") and family.startswith("aurora-"):
        return  # belongs to a cluster's parameter group
    del whole
    values = {lookup(one, "name"): lookup(one, "value") for one in each(parameters)}
    value = values.get("rds.force_ssl")
    if value is None or (known(value) and number(value) != 1):
        yield "rds.force_ssl is not 1"


def _forwards(part: Part) -> bool | None:
    actions = part.get("defaultActions")
    if not known(actions):
        return None
    for action in each(actions):
        kind, to = lookup(action, "type"), lookup(action, "redirect.protocol")
        if known(kind) and (kind != "redirect" or to == "HTTP"):
            return str(kind) != "fixed-response"
    return False


def _has_certificate(whole: Whole) -> bool:
    if whole.of_type("aws:acm/certificate:Certificate"):
        return True
    return any(one.get("certificateArn") is not None for one in whole.of_type(_LISTENER))


@rule(
    "https-only",
    "Where there is a certificate, plain HTTP only redirects, and TLS is 1.2 at least.",
    why="A session cookie that is sent once in the clear is enough to take the session over.",
    remedy="Redirect the HTTP listener to HTTPS, and set sslPolicy to ELBSecurityPolicy-TLS13-1-2-2021-06.",
    source=f"{_AWS}/elasticloadbalancing/latest/application/describe-ssl-policies.html",
    types=(_LISTENER,),
    alone=False,
)
def listeners(part: Part, whole: Whole) -> Iterator[str]:
    protocol = part.text("protocol")
    if protocol == "HTTP" and _forwards(part) and _has_certificate(whole):
        balancers = whole.behind(part, "loadBalancerArn", "aws:lb/loadBalancer:LoadBalancer")
        if not any(one.flag("internal") for one in balancers):
            yield "forwards plain HTTP though there is a certificate"
    if protocol in {"HTTPS", "TLS"}:
        policy = part.get("sslPolicy")
        if policy is None or (known(policy) and not re.search(r"TLS-?1-?[23]|TLS13-1-[23]", str(policy))):
            yield f"its TLS policy is {policy or 'the default one of 2016'}, which allows TLS 1.0"


@rule(
    "certificate-for-public-sites",
    "What the internet reaches has a certificate.",
    why="Without a domain there is none, and whatever users send can be read on the way.",
    remedy="Set outgrow:domain in the stack file.",
    source=f"{_AWS}/elasticloadbalancing/latest/application/create-https-listener.html",
    types=(_LISTENER,),
    severity=Severity.ADVISORY,
    alone=False,
)
def plain_sites(part: Part, whole: Whole) -> Iterator[str]:
    if part.text("protocol") == "HTTP" and _forwards(part) and not _has_certificate(whole):
        yield "serves plain HTTP"


@rule(
    "cdn-https-only",
    "CloudFront speaks HTTPS with viewers and with origins, TLS 1.2 at least.",
    why="The CDN is where users connect; the way to the origin crosses the internet as well.",
    remedy="Set viewerProtocolPolicy to redirect-to-https, minimumProtocolVersion to TLSv1.2_2021, and "
    "originProtocolPolicy to https-only.",
    source=f"{_AWS}/AmazonCloudFront/latest/DeveloperGuide/using-https.html",
    types=(_DISTRIBUTION,),
)
def distributions(part: Part, _whole: Whole) -> Iterator[str]:
    behaviours = [*each(part.get("defaultCacheBehavior")), *each(part.get("orderedCacheBehaviors"))]
    if any(lookup(one, "viewerProtocolPolicy") == "allow-all" for one in behaviours):
        yield "viewers may use plain HTTP"
    if part.flag("viewerCertificate.cloudfrontDefaultCertificate") is not True:
        version = part.get("viewerCertificate.minimumProtocolVersion")
        own = part.get("viewerCertificate.acmCertificateArn") or part.get(
            "viewerCertificate.iamCertificateId"
        )
        if own and (
            version is None or (known(version) and not str(version).startswith(("TLSv1.2", "TLSv1.3")))
        ):
            yield f"viewers may use {version or 'TLSv1'}"
    for origin in each(part.get("origins")):
        if lookup(origin, "customOriginConfig.originProtocolPolicy") in {"http-only", "match-viewer"}:
            yield f"reaches {lookup(origin, 'originId') or 'an origin'} by plain HTTP"


def _denies_plain(document: Any) -> bool:
    for one in statements(document):
        condition = lookup(one, "Condition")
        text = str(condition).lower().replace(" ", "")
        if lookup(one, "Effect") == "Deny" and "aws:securetransport" in text and "false" in text:
            return True
    return False


@rule(
    "buckets-require-tls",
    "Every bucket denies requests without TLS.",
    why="S3 answers plain HTTP too, also to requests that are signed.",
    remedy="Add a BucketPolicy that denies everything where aws:SecureTransport is false.",
    source=f"{_AWS}/AmazonS3/latest/userguide/security-best-practices.html",
    types=(_BUCKET, "aws:s3/bucketV2:BucketV2"),
    alone=False,
)
def bucket_tls(part: Part, whole: Whole) -> Iterator[str]:
    policies = list(whole.pointing_at(part, "aws:s3/bucketPolicy:BucketPolicy", "bucket"))
    for policy in policies:
        document = policy.document("policy")
        if document is None or _denies_plain(document):
            return
    yield "accepts requests without TLS" if policies else "has no policy that denies requests without TLS"


@rule(
    "caches-require-tls",
    "Caches, database proxies and subscriptions use TLS.",
    why="They carry sessions, passwords and rows between machines.",
    remedy="Set transitEncryptionEnabled (requireTls for a proxy), and subscribe with https.",
    source=f"{_AWS}/AmazonElastiCache/latest/dg/in-transit-encryption.html",
    types=(
        _CACHE,
        "aws:elasticache/cluster:Cluster",
        "aws:rds/proxy:Proxy",
        "aws:sns/topicSubscription:TopicSubscription",
    ),
)
def cache_tls(part: Part, _whole: Whole) -> Iterator[str]:
    if part.type == "aws:rds/proxy:Proxy":
        if part.flag("requireTls") is False:
            yield "requireTls is not true"
    elif part.type.startswith("aws:sns"):
        if part.text("protocol") == "http":
            yield "messages are delivered by plain HTTP"
    elif part.flag("transitEncryptionEnabled", absent=_joins(part)) is False:
        yield "transitEncryptionEnabled is not true"
    elif part.text("transitEncryptionMode") == "preferred":
        yield "TLS is preferred, not required"


def _joins(part: Part) -> bool:
    """Say whether a cache takes its settings from the one it joins."""
    return any(
        part.get(path) is not None for path in ("globalReplicationGroupId", "replicationGroupId")
    ) and (part.type != _CACHE or part.get("globalReplicationGroupId") is not None)


RULES = (
    volumes,
    databases,
    caches,
    buckets,
    messages,
    logs,
    database_tls,
    listeners,
    plain_sites,
    distributions,
    bucket_tls,
    cache_tls,
)
