"""Which inputs cannot change on a living resource: a change of one replaces it.

Source: the "Forces new resource" notes of the AWS provider's documentation, for the types our components
make. Types that are missing here are updated in place by the rehearsal; the real engine asks the provider.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMED = ("name", "namePrefix")

REPLACES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "aws:acm/certificate:Certificate": ("domainName", "validationMethod", "keyAlgorithm"),
        "aws:acm/certificateValidation:CertificateValidation": ("certificateArn", "validationRecordFqdns"),
        "aws:alb/targetGroup:TargetGroup": ("name", "port", "protocol", "targetType", "vpcId"),
        "aws:appautoscaling/target:Target": ("resourceId", "scalableDimension", "serviceNamespace"),
        "aws:autoscaling/group:Group": _NAMED,
        "aws:backup/plan:Plan": (),
        "aws:backup/vault:Vault": ("name", "kmsKeyArn"),
        "aws:budgets/budget:Budget": _NAMED,
        "aws:cloudwatch/logGroup:LogGroup": _NAMED,
        "aws:cloudwatch/metricAlarm:MetricAlarm": ("name",),
        "aws:ebs/volume:Volume": ("availabilityZone", "encrypted", "kmsKeyId", "snapshotId"),
        "aws:ec2/eip:Eip": ("domain", "publicIpv4Pool"),
        "aws:ec2/flowLog:FlowLog": ("vpcId", "logDestination", "trafficType", "iamRoleArn"),
        "aws:ec2/instance:Instance": (
            "ami",
            "associatePublicIpAddress",
            "availabilityZone",
            "rootBlockDevice.encrypted",
            "subnetId",
        ),
        "aws:ec2/launchTemplate:LaunchTemplate": _NAMED,
        "aws:ec2/natGateway:NatGateway": ("allocationId", "subnetId", "connectivityType"),
        "aws:ec2/routeTable:RouteTable": ("vpcId",),
        "aws:ec2/securityGroup:SecurityGroup": ("name", "description", "vpcId"),
        "aws:ec2/subnet:Subnet": ("availabilityZone", "cidrBlock", "vpcId"),
        "aws:ec2/volumeAttachment:VolumeAttachment": ("deviceName", "instanceId", "volumeId"),
        "aws:ec2/vpc:Vpc": ("cidrBlock", "instanceTenancy"),
        "aws:ec2/vpcPeeringConnection:VpcPeeringConnection": ("vpcId", "peerVpcId", "peerRegion"),
        "aws:ec2/vpcEndpoint:VpcEndpoint": ("serviceName", "vpcId", "vpcEndpointType"),
        "aws:lambda/function:Function": ("name",),
        "aws:lb/listenerRule:ListenerRule": ("listenerArn",),
        "aws:rds/proxy:Proxy": ("name", "engineFamily", "vpcSubnetIds"),
        "aws:route53/healthCheck:HealthCheck": ("type", "referenceName"),
        "aws:s3/bucketPolicy:BucketPolicy": ("bucket",),
        "aws:secretsmanager/secretRotation:SecretRotation": ("secretId",),
        "aws:ecs/cluster:Cluster": ("name",),
        "aws:ecs/service:Service": ("name", "cluster", "launchType", "schedulingStrategy"),
        "aws:ecs/taskDefinition:TaskDefinition": (
            "family",
            "containerDefinitions",
            "cpu",
            "memory",
            "executionRoleArn",
            "taskRoleArn",
            "networkMode",
            "requiresCompatibilities",
            "runtimePlatform",
        ),
        "aws:elasticache/globalReplicationGroup:GlobalReplicationGroup": (
            "globalReplicationGroupIdSuffix",
            "primaryReplicationGroupId",
        ),
        "aws:elasticache/replicationGroup:ReplicationGroup": (
            "replicationGroupId",
            "atRestEncryptionEnabled",
            "globalReplicationGroupId",
            "kmsKeyId",
            "port",
            "subnetGroupName",
        ),
        "aws:elasticache/subnetGroup:SubnetGroup": ("name",),
        "aws:iam/instanceProfile:InstanceProfile": _NAMED,
        "aws:iam/role:Role": _NAMED,
        "aws:kms/key:Key": ("customerMasterKeySpec", "keyUsage", "multiRegion"),
        "aws:lb/listener:Listener": ("loadBalancerArn",),
        "aws:lb/loadBalancer:LoadBalancer": ("name", "internal", "loadBalancerType"),
        "aws:lb/targetGroup:TargetGroup": ("name", "port", "protocol", "targetType", "vpcId"),
        "aws:rds/cluster:Cluster": (
            "clusterIdentifier",
            "databaseName",
            "dbSubnetGroupName",
            "engine",
            "kmsKeyId",
            "masterUsername",
            "storageEncrypted",
        ),
        "aws:rds/clusterInstance:ClusterInstance": ("identifier", "clusterIdentifier", "engine"),
        "aws:rds/clusterParameterGroup:ClusterParameterGroup": ("name", "family"),
        "aws:rds/globalCluster:GlobalCluster": (
            "globalClusterIdentifier",
            "databaseName",
            "storageEncrypted",
        ),
        "aws:rds/instance:Instance": (
            "dbName",
            "engine",
            "kmsKeyId",
            "storageEncrypted",
            "username",
            "availabilityZone",
        ),
        "aws:rds/parameterGroup:ParameterGroup": ("name", "family"),
        "aws:rds/subnetGroup:SubnetGroup": ("name",),
        "aws:route53/record:Record": ("name", "zoneId", "type", "setIdentifier"),
        "aws:route53/zone:Zone": ("name",),
        "aws:s3/bucket:Bucket": ("bucket", "bucketPrefix", "objectLockEnabled"),
        "aws:secretsmanager/secret:Secret": _NAMED,
        "aws:secretsmanager/secretVersion:SecretVersion": ("secretId",),
        "aws:sns/topic:Topic": _NAMED,
        "aws:sns/topicSubscription:TopicSubscription": ("topic", "protocol", "endpoint"),
        "aws:wafv2/webAcl:WebAcl": ("name", "scope"),
        "aws:wafv2/webAclAssociation:WebAclAssociation": ("resourceArn", "webAclArn"),
    }
)


#: Inputs that force a replacement only while another input says so.
CONDITIONAL: Mapping[tuple[str, str], str] = MappingProxyType(
    {("aws:ec2/instance:Instance", "userData"): "userDataReplaceOnChange"}
)


def forcing_replacement(
    type_: str, inputs: Mapping[str, Any], replace_on_changes: tuple[str, ...] = ()
) -> frozenset[str]:
    """Name the inputs of a resource whose change replaces it; "*" stands for all.

    Args:
        type_: type token.
        inputs: the resource's wanted inputs.
        replace_on_changes: what the program adds to the provider's own.
    """
    names = {path.partition(".")[0] for path in (*REPLACES.get(type_, ()), *replace_on_changes)}
    names |= {
        name for (of, name), switch in CONDITIONAL.items() if of == type_ and inputs.get(switch) is True
    }
    return frozenset(inputs) | {"*"} if "*" in names else frozenset(names)
