"""Nothing is reachable that need not be."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from infra.policy.facts import Part, Whole, each, known, lookup, number, statements, truth
from infra.policy.rule import Severity, rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_AWS = "https://docs.aws.amazon.com"
_GROUP = "aws:ec2/securityGroup:SecurityGroup"
_INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
_OLD_INGRESS = "aws:ec2/securityGroupRule:SecurityGroupRule"
_BALANCER = "aws:lb/loadBalancer:LoadBalancer"
_BUCKET = "aws:s3/bucket:Bucket"
_BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
#: A range this wide is the world in all but name.
_WIDE_V4, _WIDE_V6 = 8, 16
_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


@rule(
    "no-public-databases",
    "No database has a public address.",
    why="A database on the internet is tried with stolen passwords within minutes.",
    remedy="Set publiclyAccessible to false; reach it through the application's network.",
    source=f"{_AWS}/AmazonRDS/latest/UserGuide/USER_VPC.WorkingWithRDSInstanceinaVPC.html",
    types=(
        "aws:rds/instance:Instance",
        "aws:rds/clusterInstance:ClusterInstance",
        "aws:redshift/cluster:Cluster",
        "aws:dms/replicationInstance:ReplicationInstance",
    ),
)
def public_databases(part: Part, _whole: Whole) -> Iterator[str]:
    if part.flag("publiclyAccessible") is True:
        yield "is publicly accessible"


@rule(
    "no-public-buckets",
    "Every bucket blocks public access in all four ways, and no ACL opens it.",
    why="One wrong ACL or policy publishes everything in the bucket.",
    remedy="Add a BucketPublicAccessBlock with all four switches true; remove public ACLs.",
    source=f"{_AWS}/AmazonS3/latest/userguide/access-control-block-public-access.html",
    types=(_BUCKET, "aws:s3/bucketV2:BucketV2", _BLOCK, "aws:s3/bucketAcl:BucketAcl"),
    alone=False,
)
def public_buckets(part: Part, whole: Whole) -> Iterator[str]:
    if part.type == _BLOCK:
        for switch in _BLOCKS:
            if part.flag(switch) is False:
                yield f"{switch} is not true"
        return
    acl = part.text("acl") or ""
    if acl.startswith("public-") or acl == "authenticated-read":
        yield f"its ACL is {acl}"
    if not part.type.endswith("Acl") and not any(True for _ in whole.pointing_at(part, _BLOCK, "bucket")):
        yield "does not block public access"


#: Where the policy is, by type of resource.
_POLICIES = {
    "aws:s3/bucketPolicy:BucketPolicy": "policy",
    "aws:sns/topicPolicy:TopicPolicy": "policy",
    "aws:sns/topic:Topic": "policy",
    "aws:sqs/queuePolicy:QueuePolicy": "policy",
    "aws:sqs/queue:Queue": "policy",
    "aws:kms/key:Key": "policy",
    "aws:kms/keyPolicy:KeyPolicy": "policy",
    "aws:secretsmanager/secretPolicy:SecretPolicy": "policy",
    "aws:secretsmanager/secret:Secret": "policy",
    "aws:ecr/repositoryPolicy:RepositoryPolicy": "policy",
    "aws:backup/vaultPolicy:VaultPolicy": "policy",
    "aws:iam/role:Role": "assumeRolePolicy",
}


@rule(
    "no-public-policies",
    "No resource policy allows everybody without a condition.",
    why='A principal of "*" is every account of every customer of AWS, and often nobody in particular.',
    remedy="Name the principals, or add a condition such as aws:SourceAccount.",
    source=f"{_AWS}/IAM/latest/UserGuide/reference_policies_elements_principal.html",
    types=(*_POLICIES, "aws:lambda/permission:Permission"),
)
def public_policies(part: Part, _whole: Whole) -> Iterator[str]:
    if part.type == "aws:lambda/permission:Permission":
        if part.text("principal") == "*" and not part.get("sourceArn") and not part.get("sourceAccount"):
            yield "everybody may call the function"
        return
    for one in statements(part.document(_POLICIES[part.type])):
        if lookup(one, "Effect") == "Allow" and not one.get("Condition") and _anybody(one.get("Principal")):
            yield "allows everybody"
        if lookup(one, "Effect") == "Allow" and "NotPrincipal" in one:
            yield "allows everybody but some"


def _anybody(principal: Any) -> bool:
    if principal == "*":
        return True
    who = lookup(principal, "AWS") if hasattr(principal, "keys") else None
    return "*" in each(who)


def _ranges(part: Part) -> Iterator[Mapping[str, Any]]:
    """Give what a resource lets in: each with its ports and sources."""
    if part.type == _GROUP:
        yield from (one for one in each(part.get("ingress")) if hasattr(one, "keys"))
    elif part.type == _INGRESS or part.text("type") == "ingress":
        yield part.properties


def _lets_in(entry: Mapping[str, Any], port: int) -> bool:
    protocol = str(lookup(entry, "ipProtocol") or lookup(entry, "protocol") or "")
    if protocol in {"-1", "all"}:
        return True
    first, last = number(lookup(entry, "fromPort")), number(lookup(entry, "toPort"))
    if protocol not in {"tcp", "6"} or first is None:
        return False
    return first <= port <= (first if last is None else last)


def _sources(entry: Mapping[str, Any]) -> list[str]:
    names = ("cidrIpv4", "cidrIpv6", "cidrBlocks", "ipv6CidrBlocks")
    return [str(one) for name in names for one in each(lookup(entry, name)) if known(one)]


def is_wide(source: str) -> bool:
    """Say whether an address range is the world, or nearly."""
    try:
        network = ipaddress.ip_network(source, strict=False)
    except ValueError:
        return False
    return network.prefixlen < (_WIDE_V4 if network.version == 4 else _WIDE_V6)


@rule(
    "no-remote-shell-ports",
    "No security group lets anything in on ports 22 and 3389.",
    why="Systems Manager's sessions need no open port, and leave a record of who typed what.",
    remedy="Remove the rule, and connect with: aws ssm start-session.",
    source=f"{_AWS}/systems-manager/latest/userguide/session-manager.html",
    types=(_GROUP, _INGRESS, _OLD_INGRESS),
)
def shell_ports(part: Part, _whole: Whole) -> Iterator[str]:
    for entry in _ranges(part):
        for port in (22, 3389):
            if _lets_in(entry, port):
                yield f"lets traffic in on port {port}"


@rule(
    "no-open-ingress",
    "Only load balancers let the internet in, and only on ports 80 and 443.",
    why="Every other open port is one that somebody scans, and one more program that has to be perfect.",
    remedy="Name the security group that may come in, in place of an address range.",
    source=f"{_AWS}/vpc/latest/userguide/vpc-security-best-practices.html",
    types=(_GROUP, _INGRESS, _OLD_INGRESS),
    alone=False,
)
def open_ingress(part: Part, whole: Whole) -> Iterator[str]:
    for entry in _ranges(part):
        wide = [one for one in _sources(entry) if is_wide(one)]
        if not wide:
            continue
        first, last = lookup(entry, "fromPort"), lookup(entry, "toPort")
        protocol = str(lookup(entry, "ipProtocol") or lookup(entry, "protocol") or "")
        web = protocol in {"tcp", "6", "udp", "17"} and number(first) in {80, 443}
        if web and number(first) == (number(last) if last is not None else number(first)):
            if _serves_the_web(part, whole):
                continue
            yield f"lets {wide[0]} in on port {first} of something that is no load balancer"
        elif first != "[unknown]":
            ports = "every port" if protocol in {"-1", "all"} else f"ports {first} to {last}"
            yield f"lets {wide[0]} in on {ports}"


#: What belongs to a security group, and the input that says so.
_MEMBERS = {
    "aws:ec2/instance:Instance": "vpcSecurityGroupIds",
    "aws:ec2/launchTemplate:LaunchTemplate": "vpcSecurityGroupIds",
    "aws:ecs/service:Service": "networkConfiguration",
    "aws:elasticache/replicationGroup:ReplicationGroup": "securityGroupIds",
    "aws:rds/cluster:Cluster": "vpcSecurityGroupIds",
    "aws:rds/instance:Instance": "vpcSecurityGroupIds",
    "aws:rds/proxy:Proxy": "vpcSecurityGroupIds",
}


def _serves_the_web(part: Part, whole: Whole) -> bool:
    """Say whether a group is a load balancer's, or that of a machine where there is no load balancer.

    Where the members of a group cannot be told, the ports are reason enough.
    """
    groups = (part,) if part.type == _GROUP else whole.behind(part, "securityGroupId", _GROUP)
    balancers = whole.of_type(_BALANCER)
    for group in groups:
        if any(group in whole.behind(one, "securityGroups", _GROUP) for one in balancers):
            return True
        for type_, path in _MEMBERS.items():
            if type_ == "aws:ec2/instance:Instance" and not balancers:
                continue
            if any(group in whole.behind(one, path, _GROUP) for one in whole.of_type(type_)):
                return False
    return True


_MACHINES = (
    "aws:ec2/instance:Instance",
    "aws:ec2/launchTemplate:LaunchTemplate",
    "aws:ec2/launchConfiguration:LaunchConfiguration",
)


@rule(
    "metadata-tokens",
    "Machines answer for their credentials only to IMDSv2, at most two hops away.",
    why="A request that the application can be tricked into would read the machine's credentials.",
    remedy="Set metadataOptions: httpTokens required, httpPutResponseHopLimit 1 (2 for containers).",
    source=f"{_AWS}/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html",
    types=_MACHINES,
)
def metadata(part: Part, _whole: Whole) -> Iterator[str]:
    if part.get("metadataOptions.httpEndpoint") == "disabled":
        return
    tokens = part.get("metadataOptions.httpTokens")
    if tokens is None or (known(tokens) and tokens != "required"):
        yield "does not require IMDSv2 tokens"
    hops = part.amount("metadataOptions.httpPutResponseHopLimit")
    if hops is not None and hops > 2:
        yield f"answers {hops:g} hops away"


@rule(
    "metadata-one-hop",
    "Machines whose containers need no credentials answer at one hop.",
    why="Two hops reach into every container on a bridge network.",
    remedy="Set httpPutResponseHopLimit to 1, unless a container needs the machine's role.",
    source=f"{_AWS}/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html",
    types=_MACHINES,
    severity=Severity.ADVISORY,
)
def metadata_hop(part: Part, _whole: Whole) -> Iterator[str]:
    if part.amount("metadataOptions.httpPutResponseHopLimit") == 2:
        yield "answers two hops away"


@rule(
    "no-public-tasks",
    "Tasks and groups of machines have no public address.",
    why="They are reached through the load balancer; an address of their own goes around its firewall.",
    remedy="Set assignPublicIp (associatePublicIpAddress) to false, and give the subnet a NAT gateway.",
    source=f"{_AWS}/AmazonECS/latest/developerguide/task-networking.html",
    types=("aws:ecs/service:Service", "aws:ec2/launchTemplate:LaunchTemplate"),
)
def public_tasks(part: Part, _whole: Whole) -> Iterator[str]:
    if part.flag("networkConfiguration.assignPublicIp") is True:
        yield "its tasks get public addresses"
    for one in each(part.get("networkInterfaces")):
        if truth(lookup(one, "associatePublicIpAddress")) is True:
            yield "its machines get public addresses"


@rule(
    "empty-default-group",
    "The default security group of every network is empty.",
    why="Whatever is made without naming a group lands in it.",
    remedy="Add a DefaultSecurityGroup for the network, without ingress and egress.",
    source=f"{_AWS}/vpc/latest/userguide/default-security-group.html",
    types=("aws:ec2/vpc:Vpc", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"),
    alone=False,
)
def default_group(part: Part, whole: Whole) -> Iterator[str]:
    default = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
    if part.type == default:
        if each(part.get("ingress")) or each(part.get("egress")):
            yield "has rules"
    elif not any(True for _ in whole.pointing_at(part, default, "vpcId")):
        yield "its default security group is as AWS made it"


RULES = (
    public_databases,
    public_buckets,
    public_policies,
    shell_ports,
    open_ingress,
    metadata,
    metadata_hop,
    public_tasks,
    default_group,
)
