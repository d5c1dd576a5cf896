"""For each rule of the policy pack what it finds fault with, and what it lets pass."""

from __future__ import annotations

import base64
import json
from typing import Any

from infra.policy.facts import Part, Promise, Whole

SHORT = {
    "instance": "aws:rds/instance:Instance",
    "cluster": "aws:rds/cluster:Cluster",
    "member": "aws:rds/clusterInstance:ClusterInstance",
    "global": "aws:rds/globalCluster:GlobalCluster",
    "cache": "aws:elasticache/replicationGroup:ReplicationGroup",
    "datastore": "aws:elasticache/globalReplicationGroup:GlobalReplicationGroup",
    "bucket": "aws:s3/bucket:Bucket",
    "block": "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "bucket-policy": "aws:s3/bucketPolicy:BucketPolicy",
    "bucket-key": "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "volume": "aws:ebs/volume:Volume",
    "machine": "aws:ec2/instance:Instance",
    "template": "aws:ec2/launchTemplate:LaunchTemplate",
    "topic": "aws:sns/topic:Topic",
    "queue": "aws:sqs/queue:Queue",
    "subscription": "aws:sns/topicSubscription:TopicSubscription",
    "logs": "aws:cloudwatch/logGroup:LogGroup",
    "alarm": "aws:cloudwatch/metricAlarm:MetricAlarm",
    "parameters": "aws:rds/parameterGroup:ParameterGroup",
    "listener": "aws:lb/listener:Listener",
    "balancer": "aws:lb/loadBalancer:LoadBalancer",
    "certificate": "aws:acm/certificate:Certificate",
    "cdn": "aws:cloudfront/distribution:Distribution",
    "acl": "aws:wafv2/webAcl:WebAcl",
    "proxy": "aws:rds/proxy:Proxy",
    "target": "aws:rds/proxyTarget:ProxyTarget",
    "group": "aws:ec2/securityGroup:SecurityGroup",
    "ingress": "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "vpc": "aws:ec2/vpc:Vpc",
    "default-group": "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    "flow": "aws:ec2/flowLog:FlowLog",
    "subnet": "aws:ec2/subnet:Subnet",
    "nat": "aws:ec2/natGateway:NatGateway",
    "service": "aws:ecs/service:Service",
    "task": "aws:ecs/taskDefinition:TaskDefinition",
    "fleet": "aws:autoscaling/group:Group",
    "role": "aws:iam/role:Role",
    "role-policy": "aws:iam/rolePolicy:RolePolicy",
    "key": "aws:kms/key:Key",
    "secret": "aws:secretsmanager/secret:Secret",
    "budget": "aws:budgets/budget:Budget",
    "provider": "pulumi:providers:aws",
    "dlm": "aws:dlm/lifecyclePolicy:LifecyclePolicy",
}


def part(kind: str, name: str = "it", /, **properties: Any) -> Part:
    """Make a resource; `comes_from`, `protect`, `retain` and `provider` are options, the rest are inputs."""
    options = {
        "comes_from": properties.pop("comes_from", {}),
        "protect": properties.pop("protect", None),
        "retain_on_delete": properties.pop("retain", None),
        "provider": properties.pop("provider", ""),
    }
    return Part.of(SHORT[kind], name, properties, urn=f"urn:{kind}:{name}", **options)


def allow(actions: str, resources: str, **more: Any) -> str:
    return json.dumps({"Statement": [{"Effect": "Allow", "Action": actions, "Resource": resources, **more}]})


PRODUCTION = Promise(phase="phase-2", budget=800)
PHASE_3 = Promise(phase="phase-3", budget=5000)
TAGS = {
    "outgrow:stack": "s",
    "outgrow:phase": "p",
    "outgrow:environment": "e",
    "outgrow:owner": "o",
}
TLS_ONLY = json.dumps(
    {
        "Statement": {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": "*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    }
)
BLOCKED = dict.fromkeys(
    ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True
)
REPLICA = part("instance", "copy", replicateSourceDb="main", identifier="copy")
WARNING = {"threshold": 80, "subscriberEmailAddresses": ["a@b.example"]}
ARN = "arn:aws:acm:{}:1:certificate/a"

Example = tuple[Part, ...] | tuple[tuple[Part, ...], Promise]

#: By rule: what breaks it, and the same made right.
EXAMPLES: dict[str, tuple[list[Example], list[Example]]] = {
    "encrypted-volumes": (
        [
            (part("volume", size=8),),
            (part("machine", rootBlockDevice=[{"encrypted": "false"}]),),
            (part("machine", ami="a"),),
            (part("template", blockDeviceMappings=[{"ebs": {"volumeSize": 8}}]),),
        ],
        [
            (part("volume", encrypted=True),),
            (part("volume", encrypted="[unknown]"),),
            (part("machine", root_block_device={"encrypted": "true"}),),
            (part("template", blockDeviceMappings={"ebs": [{"encrypted": "true"}]}),),
        ],
    ),
    "encrypted-databases": (
        [(part("instance", engine="postgres"),), (part("cluster", storageEncrypted=False),)],
        [(part("instance", storageEncrypted=True),), (REPLICA,)],
    ),
    "encrypted-caches": (
        [(part("cache", engine="valkey"),)],
        [(part("cache", atRestEncryptionEnabled="true"),), (part("cache", globalReplicationGroupId="g"),)],
    ),
    "encrypted-buckets": (
        [(part("bucket"),)],
        [(part("bucket", bucket="b"), part("bucket-key", bucket="b"))],
    ),
    "encrypted-messages": (
        [(part("topic"),), (part("queue", sqsManagedSseEnabled=False),)],
        [(part("topic", kmsMasterKeyId="[unknown]"),), (part("queue", sqsManagedSseEnabled=True),)],
    ),
    "encrypted-logs": ([(part("logs"),)], [(part("logs", kmsKeyId="k"),)]),
    "databases-require-tls": (
        [
            (part("parameters", family="postgres17", parameters=[{"name": "rds.force_ssl", "value": "0"}]),),
            (part("parameters", family="postgres17"),),
            (part("instance", engine="postgres"),),
        ],
        [
            (part("parameters", family="postgres17", parameters={"name": "rds.force_ssl", "value": 1}),),
            (part("parameters", family="mysql8.0"),),
            (part("instance", engine="postgres", parameterGroupName="[unknown]"),),
        ],
    ),
    "https-only": (
        [
            (part("listener", protocol="HTTP", defaultActions=[{"type": "forward"}]), part("certificate")),
            (part("listener", protocol="HTTPS", sslPolicy="ELBSecurityPolicy-2016-08"),),
            (part("listener", protocol="HTTPS"),),
        ],
        [
            (
                part(
                    "listener",
                    protocol="HTTP",
                    defaultActions={"type": "redirect", "redirect": {"protocol": "HTTPS"}},
                ),
                part("certificate"),
            ),
            (part("listener", protocol="HTTPS", sslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06"),),
        ],
    ),
    "certificate-for-public-sites": (
        [(part("listener", protocol="HTTP", defaultActions=[{"type": "forward"}]),)],
        [(part("listener", protocol="HTTP", defaultActions=[{"type": "forward"}]), part("certificate"))],
    ),
    "cdn-https-only": (
        [
            (part("cdn", defaultCacheBehavior={"viewerProtocolPolicy": "allow-all"}),),
            (part("cdn", origins=[{"customOriginConfig": {"originProtocolPolicy": "http-only"}}]),),
            (part("cdn", viewerCertificate={"acmCertificateArn": "a", "minimumProtocolVersion": "TLSv1"}),),
        ],
        [
            (
                part(
                    "cdn",
                    defaultCacheBehavior=[{"viewerProtocolPolicy": "redirect-to-https"}],
                    viewerCertificate={"acmCertificateArn": "a", "minimumProtocolVersion": "TLSv1.2_2021"},
                ),
            )
        ],
    ),
    "buckets-require-tls": (
        [
            (part("bucket"),),
            (part("bucket", bucket="b"), part("bucket-policy", bucket="b", policy=allow("s3:*", "a"))),
        ],
        [
            (part("bucket", bucket="b"), part("bucket-policy", bucket="b", policy=TLS_ONLY)),
            (part("bucket"), part("bucket-policy", bucket="[unknown]", policy="[unknown]")),
        ],
    ),
    "caches-require-tls": (
        [
            (part("cache"),),
            (part("proxy", requireTls=False),),
            (part("subscription", protocol="http"),),
        ],
        [(part("cache", transitEncryptionEnabled=True),), (part("proxy", requireTls=True),)],
    ),
    "no-public-databases": (
        [(part("instance", publiclyAccessible=True),), (part("member", publicly_accessible="true"),)],
        [(part("instance", publiclyAccessible=False),), (part("instance", publiclyAccessible="[unknown]"),)],
    ),
    "no-public-buckets": (
        [
            (part("bucket"),),
            (part("block", **(BLOCKED | {"blockPublicAcls": False})),),
            (part("bucket", bucket="b", acl="public-read"), part("block", bucket="b", **BLOCKED)),
        ],
        [(part("bucket", bucket="b"), part("block", bucket="b", **BLOCKED))],
    ),
    "no-public-policies": (
        [
            (part("bucket-policy", policy=allow("s3:GetObject", "a", Principal="*")),),
            (part("role", assumeRolePolicy=allow("sts:AssumeRole", "a", Principal={"AWS": ["*"]})),),
        ],
        [
            (part("bucket-policy", policy=TLS_ONLY),),
            (part("role", assumeRolePolicy=allow("sts:AssumeRole", "a", Principal={"Service": "ec2"})),),
        ],
    ),
    "no-remote-shell-ports": (
        [
            (
                part(
                    "group",
                    ingress=[{"protocol": "tcp", "fromPort": 22, "toPort": 22, "cidrBlocks": ["10.0.0.0/8"]}],
                ),
            ),
            (part("ingress", ipProtocol="tcp", fromPort=3000, toPort=4000, cidrIpv4="1.2.3.4/32"),),
            (part("ingress", ipProtocol="-1", cidrIpv4="10.0.0.0/8"),),
        ],
        [
            (part("ingress", ipProtocol="tcp", fromPort=443, toPort=443, cidrIpv4="0.0.0.0/0"),),
            (part("ingress", ipProtocol="tcp", fromPort="[unknown]", toPort="[unknown]"),),
        ],
    ),
    "no-open-ingress": (
        [
            (part("ingress", ipProtocol="tcp", fromPort=5432, toPort=5432, cidrIpv4="0.0.0.0/0"),),
            (part("ingress", ipProtocol="tcp", fromPort=8080, toPort=8080, cidrIpv6="::/0"),),
            (part("group", ingress={"protocol": "-1", "cidrBlocks": ["0.0.0.0/1"]}),),
            (
                part("group", "g", name="g"),
                part(
                    "ingress",
                    ipProtocol="tcp",
                    fromPort=443,
                    toPort=443,
                    cidrIpv4="0.0.0.0/0",
                    securityGroupId="g",
                ),
                part("instance", vpcSecurityGroupIds=["g"]),
            ),
        ],
        [
            (
                part("group", "g", name="g"),
                part(
                    "ingress",
                    ipProtocol="tcp",
                    fromPort=443,
                    toPort=443,
                    cidrIpv4="0.0.0.0/0",
                    securityGroupId="g",
                ),
                part("balancer", securityGroups=["g"]),
            ),
            (part("ingress", ipProtocol="tcp", fromPort=5432, toPort=5432, referencedSecurityGroupId="sg"),),
        ],
    ),
    "metadata-tokens": (
        [
            (part("machine", ami="a"),),
            (part("template", metadataOptions={"httpTokens": "optional"}),),
            (part("machine", metadataOptions={"httpTokens": "required", "httpPutResponseHopLimit": 3}),),
        ],
        [(part("machine", metadataOptions=[{"httpTokens": "required", "httpPutResponseHopLimit": 1}]),)],
    ),
    "metadata-one-hop": (
        [(part("machine", metadataOptions={"httpPutResponseHopLimit": 2}),)],
        [(part("machine", metadataOptions={"httpPutResponseHopLimit": 1}),)],
    ),
    "no-public-tasks": (
        [(part("service", networkConfiguration={"assignPublicIp": True}),)],
        [(part("service", networkConfiguration=[{"assignPublicIp": False}]),)],
    ),
    "empty-default-group": (
        [(part("vpc"),), (part("default-group", ingress=[{"protocol": "-1"}]),)],
        [
            (part("vpc", "v", id="v"), part("default-group", vpcId="v")),
            (part("vpc"), part("default-group", vpcId="[unknown]")),
        ],
    ),
    "deletion-protection": (
        [(part("instance"),), (part("balancer", enableDeletionProtection=False),)],
        [
            (part("instance", deletionProtection=True),),
            ((part("instance"),), Promise(disposable=True)),
            (REPLICA,),
        ],
    ),
    "protected-data": (
        [(part("bucket", protect=False, retain=True),), (part("cluster", protect=True, retain=False),)],
        [(part("bucket", protect=True, retain=True),), (part("bucket"),)],
    ),
    "final-snapshots": (
        [
            (part("instance", skipFinalSnapshot=True),),
            (part("cluster", skipFinalSnapshot=False),),
            (part("bucket", forceDestroy=True),),
            (part("secret", recoveryWindowInDays=0),),
        ],
        [(part("instance", finalSnapshotIdentifier="last"),), (part("secret", recoveryWindowInDays=30),)],
    ),
    "backups": (
        [
            (part("instance"),),
            ((part("cluster", backupRetentionPeriod=14),), PHASE_3),
            ((part("instance", backupRetentionPeriod="6"),), PRODUCTION),
        ],
        [
            ((part("cluster", backupRetentionPeriod=35),), PHASE_3),
            ((part("instance", backupRetentionPeriod=1),), Promise(phase="phase-2", production=False)),
            (part("instance", backupRetentionPeriod="[unknown]"),),
        ],
    ),
    "volume-snapshots": (
        [
            (part("volume"),),
            (
                part(
                    "dlm",
                    policyDetails={
                        "schedules": [{"retainRule": {"count": 2}, "createRule": {"interval": 24}}]
                    },
                ),
            ),
        ],
        [
            (
                part("volume"),
                part(
                    "dlm",
                    policyDetails=[
                        {"schedules": {"retainRule": {"count": 7}, "createRule": {"interval": 24}}}
                    ],
                ),
            )
        ],
    ),
    "several-zones": (
        [
            ((part("instance", multiAz=False),), PRODUCTION),
            ((part("cache", automaticFailoverEnabled=True),), PRODUCTION),
            ((part("fleet", minSize=1),), PRODUCTION),
            ((part("service", desiredCount=1),), PHASE_3),
        ],
        [
            ((part("instance", multiAz=True),), PRODUCTION),
            ((part("instance", multiAz=False),), Promise(phase="phase-2", production=False)),
            ((part("instance", multiAz=False),), Promise(phase="phase-1")),
        ],
    ),
    "one-nat-a-zone": (
        [
            (
                (
                    part("nat"),
                    part("subnet", "a", availabilityZone="a"),
                    part("subnet", "b", availabilityZone="b"),
                ),
                PHASE_3,
            )
        ],
        [
            (
                (
                    part("nat"),
                    part("subnet", "a", availabilityZone="a"),
                    part("subnet", "b", availabilityZone="a"),
                ),
                PHASE_3,
            )
        ],
    ),
    "least-privilege": (
        [
            (part("role-policy", policy=allow("*", "*")),),
            (part("role-policy", policy=allow("s3:*", "*")),),
            (part("role-policy", policy=allow("s3:GetObject", "*")),),
            (part("role-policy", policy=allow("iam:PassRole", "*")),),
            (part("role", inlinePolicies=[{"policy": allow("*:*", "arn:a")}]),),
            (
                part(
                    "role-policy",
                    policy={"Statement": [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}]},
                ),
            ),
        ],
        [
            (part("role-policy", policy=allow("s3:GetObject", "arn:aws:s3:::b/*")),),
            (part("role-policy", policy=allow("ec2:DescribeInstances", "*")),),
            (part("role-policy", policy="[unknown]"),),
            (part("role-policy", policy="no JSON"),),
        ],
    ),
    "no-administrators": (
        [(part("role", managedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"]),)],
        [(part("role", managedPolicyArns=["arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"]),)],
    ),
    "key-rotation": (
        [(part("key"),)],
        [(part("key", enableKeyRotation=True),), (part("key", customerMasterKeySpec="RSA_2048"),)],
    ),
    "no-plain-secrets": (
        [
            (part("instance", password="hunter2"),),
            (part("machine", userData="export AWS_KEY=AKIAIOSFODNN7EXAMPLE"),),
            (part("template", userData=base64.b64encode(b"DB_PASSWORD=correct-horse").decode()),),
            (
                part(
                    "task",
                    containerDefinitions=json.dumps(
                        [{"environment": [{"name": "DB_PASSWORD", "value": "x1"}]}]
                    ),
                ),
            ),
            (part("logs", name="postgres://shop:hunter2@db/app"),),
        ],
        [
            (part("instance", password="[secret]"),),
            (
                part(
                    "instance",
                    password={
                        "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
                        "value": "x",
                    },
                ),
            ),
            (part("machine", userData="password=$(aws secretsmanager get-secret-value)"),),
            (
                part(
                    "task",
                    containerDefinitions=json.dumps(
                        [{"environment": [{"name": "NODE_ENV", "value": "production"}]}]
                    ),
                ),
            ),
        ],
    ),
    "log-retention": (
        [(part("logs"),), (part("logs", retentionInDays=0),)],
        [(part("logs", retentionInDays="30"),)],
    ),
    "flow-logs": (
        [(part("vpc"),), (part("flow", trafficType="ACCEPT"),)],
        [(part("vpc", "v", id="v"), part("flow", vpcId="v", trafficType="ALL"))],
    ),
    "access-logs": (
        [(part("balancer"),), (part("instance", engine="postgres", enabledCloudwatchLogsExports=[]),)],
        [(part("balancer", accessLogs={"enabled": True}),)],
    ),
    "replica-lag-alarms": (
        [
            (REPLICA,),
            (REPLICA, part("alarm", metricName="ReplicaLag", dimensions={"DBInstanceIdentifier": "other"})),
            (
                part("global", "g", globalClusterIdentifier="g"),
                part("cluster", "a", globalClusterIdentifier="g"),
                part("cluster", "b", globalClusterIdentifier="g"),
            ),
        ],
        [
            (REPLICA, part("alarm", metricName="ReplicaLag", dimensions={"DBInstanceIdentifier": "copy"})),
            (
                REPLICA,
                part("alarm", metricName="ReplicaLag", dimensions={"DBInstanceIdentifier": "[unknown]"}),
            ),
        ],
    ),
    "alarms-for-thresholds": (
        [
            ((), Promise(limits={"p95_ms": 2})),
            ((part("alarm", "p95_ms-warning"),), Promise(limits={"p95_ms": 2})),
        ],
        [
            (
                (part("alarm", "p95_ms-warning"), part("alarm", "p95_ms-critical")),
                Promise(limits={"p95_ms": 2}),
            )
        ],
    ),
    "alarms-tell-somebody": ([(part("alarm"),)], [(part("alarm", alarmActions=["t"]),)]),
    "budget": (
        [
            (),
            ((part("budget", limitAmount="900", notifications=[WARNING]),), PRODUCTION),
            ((part("budget", limitAmount="800"),), PRODUCTION),
            ((part("budget", limitAmount="800", notifications=[{"threshold": 80}]),), PRODUCTION),
        ],
        [((part("budget", limitAmount="800", notifications=WARNING),), PRODUCTION)],
    ),
    "default-tags": (
        [(part("provider"),), (part("provider", defaultTags={"tags": {"outgrow:owner": "o"}}),)],
        [
            (part("provider", defaultTags=json.dumps({"tags": TAGS})),),
            (part("provider", defaultTags="[unknown]"),),
        ],
    ),
    "no-managed-password-with-replicas": (
        [
            (part("instance", identifier="main", manageMasterUserPassword=True), REPLICA),
            (part("instance", manageMasterUserPassword=True, blueGreenUpdate={"enabled": True}),),
            (part("cluster", manageMasterUserPassword=True, globalClusterIdentifier="g"),),
        ],
        [
            (part("instance", identifier="main", passwordWo="[secret]"), REPLICA),
            (part("instance", manageMasterUserPassword=True),),
        ],
    ),
    "replicas-need-backups": (
        [
            (part("instance", identifier="main", backupRetentionPeriod=0), REPLICA),
            (part("instance", identifier="main"), REPLICA),
        ],
        [(part("instance", identifier="main", backupRetentionPeriod=7), REPLICA)],
    ),
    "replicas-inherit": ([(part("instance", replicateSourceDb="main", username="u"),)], [(REPLICA,)]),
    "global-databases-need-memory-classes": (
        [
            (
                part("cluster", clusterIdentifier="c", globalClusterIdentifier="[unknown]"),
                part("member", clusterIdentifier="c", instanceClass="db.t4g.medium"),
            )
        ],
        [
            (
                part("cluster", clusterIdentifier="c", globalClusterIdentifier="g"),
                part("member", clusterIdentifier="c", instanceClass="db.r7g.large"),
            ),
            (
                part("cluster", clusterIdentifier="c"),
                part("member", clusterIdentifier="c", instanceClass="db.t4g.medium"),
            ),
        ],
    ),
    "second-region-is-read-only": (
        [
            (
                part("global", "g", globalClusterIdentifier="g"),
                part("cluster", "a", globalClusterIdentifier="g", masterUsername="u"),
                part("cluster", "b", globalClusterIdentifier="g", masterUsername="u"),
            )
        ],
        [
            (
                part("global", "g", globalClusterIdentifier="g"),
                part("cluster", "a", globalClusterIdentifier="g", masterUsername="u"),
                part("cluster", "b", globalClusterIdentifier="g"),
            )
        ],
    ),
    "proxy-targets-the-writer": (
        [(REPLICA, part("target", dbInstanceIdentifier="copy"))],
        [(part("instance", identifier="main"), part("target", dbInstanceIdentifier="main"))],
    ),
    "engine-versions-fit": (
        [
            (
                part("parameters", "p", name="p", family="postgres16"),
                part("instance", engineVersion="17.5", parameterGroupName="p"),
            ),
            (
                part("instance", identifier="main", engineVersion="16"),
                part("instance", replicateSourceDb="main", engineVersion="17"),
            ),
        ],
        [
            (
                part("parameters", "p", name="p", family="postgres17"),
                part("instance", engineVersion="17", parameterGroupName="p"),
            )
        ],
    ),
    "failover-needs-two-nodes": (
        [(part("cache", automaticFailoverEnabled=True, numCacheClusters=1),)],
        [
            (part("cache", automaticFailoverEnabled=True, numCacheClusters=2),),
            (part("cache", automaticFailoverEnabled=True, replicasPerNodeGroup="[unknown]"),),
        ],
    ),
    "global-datastore-sizes": (
        [
            (
                part("cache", replicationGroupId="c", nodeType="cache.t4g.medium"),
                part("datastore", primaryReplicationGroupId="c"),
            ),
            (part("cache", nodeType="cache.m7g.medium", globalReplicationGroupId="g"),),
            (
                part("cache", "a", replicationGroupId="a", nodeType="cache.m7g.large"),
                part("datastore", "g", primaryReplicationGroupId="a"),
                part("cache", "b", nodeType="cache.r7g.large", globalReplicationGroupId="g"),
            ),
        ],
        [
            (
                part("cache", replicationGroupId="c", nodeType="cache.m7g.large"),
                part("datastore", primaryReplicationGroupId="c"),
            )
        ],
    ),
    "cache-versions-fit": (
        [(part("cache", engine="valkey", engineVersion="8.0", parameterGroupName="default.redis7"),)],
        [(part("cache", engine="valkey", engineVersion="8.0", parameterGroupName="default.valkey8"),)],
    ),
    "fargate-pairs": (
        [
            (part("task", requiresCompatibilities=["FARGATE"], cpu="256", memory="4096"),),
            (part("task", requiresCompatibilities="FARGATE", cpu="1 vCPU", memory="1 GB"),),
            (part("task", requiresCompatibilities=["FARGATE"], cpu=8192, memory=17408),),
        ],
        [
            (part("task", requiresCompatibilities=["FARGATE"], cpu="1024", memory="2048"),),
            (part("task", requiresCompatibilities=["FARGATE"], cpu=".25 vCPU", memory="0.5 GB"),),
            (part("task", requiresCompatibilities=["FARGATE"], cpu="[unknown]", memory="2048"),),
        ],
    ),
    "balancer-zones": (
        [
            (part("balancer", subnets=["a"]),),
            (
                part("subnet", "a", availabilityZone="z1", id="a"),
                part("subnet", "b", availabilityZone="z1", id="b"),
                part("balancer", subnets=["a", "b"]),
            ),
        ],
        [(part("balancer", subnets=["[unknown]", "[unknown]"]),), (part("balancer", subnets="[unknown]"),)],
    ),
    "address-for-each-nat": (
        [(part("nat"),), (part("nat", "a", allocationId="e"), part("nat", "b", allocationId="e"))],
        [
            (part("nat", "a", allocationId="e1"), part("nat", "b", allocationId="e2")),
            (part("nat", allocationId="[unknown]"), part("nat", "b", allocationId="[unknown]")),
        ],
    ),
    "group-sizes": (
        [(part("fleet", minSize=3, maxSize=2),), (part("fleet", minSize=1, maxSize=2, desiredCapacity=3),)],
        [
            (part("fleet", minSize=1, maxSize=3, desiredCapacity=2),),
            (part("fleet", minSize="[unknown]", maxSize=1),),
        ],
    ),
    "edge-resources-in-us-east-1": (
        [
            (part("cdn", viewerCertificate={"acmCertificateArn": ARN.format("eu-west-1")}),),
            (part("acl", scope="CLOUDFRONT", region="eu-west-1"),),
            (part("acl", "w", name="w", scope="REGIONAL"), part("cdn", webAclId="w")),
        ],
        [
            (part("cdn", viewerCertificate=[{"acmCertificateArn": ARN.format("us-east-1")}]),),
            (part("acl", scope="REGIONAL", region="eu-west-1"),),
        ],
    ),
    "bucket-names": (
        [
            (part("bucket", bucket="My_Bucket"),),
            (part("bucket", bucket="10.0.0.1"),),
            (part("bucket", bucket="ab"),),
        ],
        [(part("bucket", bucket="shop-copies"),), (part("bucket"),), (part("bucket", bucket="[unknown]"),)],
    ),
}


def whole(example: Example) -> Whole:
    if example and isinstance(example[-1], Promise):
        parts, promise = example
        assert isinstance(parts, tuple)
        assert isinstance(promise, Promise)
        return Whole(parts, promise)
    return Whole(example)  # type: ignore[arg-type]
