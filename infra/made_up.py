"""What the rehearsal answers in the cloud's place: ids and computed properties that say what they are.

Everything is a function of the resource alone, so that two rehearsals of one program agree to the letter. An
id changes exactly when an input that forces a replacement changes; so whoever refers to a replaced resource
changes too. Addresses come from the ranges and names reserved for documentation and for names that must not
exist (RFC 5737, RFC 2606), the account is all zeros.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from infra.provider_schema import schema_of
from infra.replacement import forcing_replacement

if TYPE_CHECKING:
    from collections.abc import Mapping

ACCOUNT = "000000000000"
DOMAIN = "rehearsal.invalid"
#: Output names that hold a host name, in lower case.
_HOSTS = ("address", "endpoint", "dnsname", "domainname", "fqdn", "hostname")
#: Inputs that AWS fills in itself where they are not given.
_FILLED_IN = frozenset({"availabilityZone", "bucket", "identifier", "name", "region"})
#: Numbers the components read, by type and property.
_NUMBERS = {
    ("aws:rds/instance:Instance", "port"): 5432,
    ("aws:rds/cluster:Cluster", "port"): 5432,
    ("aws:elasticache/replicationGroup:ReplicationGroup", "port"): 6379,
    ("aws:ec2/launchTemplate:LaunchTemplate", "latestVersion"): 1,
    ("aws:ec2/launchTemplate:LaunchTemplate", "defaultVersion"): 1,
    ("aws:ecs/taskDefinition:TaskDefinition", "revision"): 1,
}


def made_up_id(
    urn: str, type_: str, inputs: Mapping[str, Any], replace_on_changes: tuple[str, ...] = ()
) -> str:
    """Make a resource's id from its name and whatever of its inputs forces a replacement."""
    forcing = forcing_replacement(type_, inputs, replace_on_changes)
    identity = {name: value for name, value in inputs.items() if name in forcing}
    digest = hashlib.sha256(json.dumps([urn, identity], sort_keys=True).encode()).hexdigest()
    return f"{_short(type_)}-rehearsal-{digest[:12]}"


def made_up_outputs(type_: str, id_: str, inputs: Mapping[str, Any], region: str) -> dict[str, Any]:
    """Make the properties that only the cloud knows: every text the resource answers and cannot be given."""
    schema = schema_of(type_)
    if schema is None:
        return {}
    outputs: dict[str, Any] = {}
    for name, annotation in schema.outputs.items():
        if inputs.get(name) is not None:
            continue
        if (type_, name) in _NUMBERS:
            outputs[name] = _NUMBERS[type_, name]
        elif annotation == "str" and (name not in schema.inputs or name in _FILLED_IN):
            outputs[name] = _text(type_, name, id_, region)
    if type_ == "aws:acm/certificate:Certificate":
        outputs["domainValidationOptions"] = _validations(inputs, id_)
    return outputs


def made_up_answer(token: str, args: Mapping[str, Any]) -> dict[str, Any] | None:
    """Answer one of the look-ups the components make; None for any other."""
    if token == "aws:ssm/getParameter:getParameter":  # noqa: S105  # a function's name
        return {**args, "value": f"ami-rehearsal-{_digest(args)[:12]}"}
    if token == "aws:secretsmanager/getRandomPassword:getRandomPassword":  # noqa: S105
        return {**args, "randomPassword": f"rehearsal-{_digest(args)[:24]}"}
    if token == "aws:secretsmanager/getSecretVersion:getSecretVersion":  # noqa: S105
        user = {"username": "rehearsal", "password": f"rehearsal-{_digest(args)[:24]}"}
        return {**args, "secretString": json.dumps(user)}
    if token == "aws:route53/getZone:getZone":  # noqa: S105
        return {**args, "zoneId": f"zone-rehearsal-{_digest(args)[:12]}"}
    if token == "aws:ec2/getManagedPrefixList:getManagedPrefixList":  # noqa: S105
        return {**args, "id": f"pl-rehearsal-{_digest(args)[:12]}"}
    if token == "aws:ec2/getVpc:getVpc":  # noqa: S105
        return {**args, "id": f"vpc-rehearsal-{_digest(args)[:12]}", "cidrBlock": "10.10.0.0/16"}
    if token == "aws:ec2/getRouteTable:getRouteTable":  # noqa: S105
        return {**args, "routeTableId": f"rtb-rehearsal-{_digest(args)[:12]}"}
    if token == "aws:index/getCallerIdentity:getCallerIdentity":  # noqa: S105
        return {"accountId": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:root", "userId": ACCOUNT}
    return None


def _text(type_: str, name: str, id_: str, region: str) -> str:
    low = name.lower()
    if low == "id":
        return id_
    if low.endswith("arn"):
        return f"arn:aws:{type_.split(':')[1].partition('/')[0]}:{region}:{ACCOUNT}:{id_}"
    if low == "publicip":
        return f"192.0.2.{int(_digest(id_)[:8], 16) % 254 + 1}"
    if low == "region":
        return region
    if low.endswith(_HOSTS):
        port = ":5432" if (type_, low) == ("aws:rds/instance:Instance", "endpoint") else ""
        role = "" if low in {"address", "endpoint", "dnsname"} else f"{low}."
        return f"{role}{id_}.{DOMAIN}{port}"
    return f"rehearsal:{id_}:{name}"


def _validations(inputs: Mapping[str, Any], id_: str) -> list[dict[str, str]]:
    """Make what ACM asks to be published for each name of a certificate."""
    names = [str(inputs.get("domainName")), *inputs.get("subjectAlternativeNames", ())]
    return [
        {
            "domainName": name,
            "resourceRecordName": f"_{_digest(name)[:12]}.{name}.",
            "resourceRecordType": "CNAME",
            "resourceRecordValue": f"_{_digest([name, id_])[:12]}.{DOMAIN}.",
        }
        for name in names
    ]


def _short(type_: str) -> str:
    return type_.rpartition(":")[2].lower()


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
