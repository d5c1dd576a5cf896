"""Who may do what: permissions as small as the work, keys that change, secrets that nobody can read."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Any

from infra.graph import UNKNOWN
from infra.policy.facts import Part, Whole, each, known, lookup, statements
from infra.policy.rule import rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_AWS = "https://docs.aws.amazon.com"
_IAM = f"{_AWS}/IAM/latest/UserGuide"
_ROLE = "aws:iam/role:Role"
#: Services whose reading and writing is of data, so that a permission names whose.
_DATA = ("dynamodb", "kms", "rds-data", "rds-db", "s3", "secretsmanager", "sns", "sqs", "ssm", "sts")
#: Actions of these that name no resource (the Service Authorization Reference), or only list what there is.
_NAMELESS = re.compile(
    r"s3:ListAllMyBuckets|s3:GetAccountPublicAccessBlock|sqs:ListQueues|kms:List(Aliases|Keys)|kms:CreateKey"
    r"|kms:GenerateRandom|sns:List\w+|dynamodb:ListTables|ssm:Describe\w+|ssm:UpdateInstanceInformation"
    r"|secretsmanager:(ListSecrets|GetRandomPassword)|sts:GetCallerIdentity"
)
_POWERFUL = re.compile(r":aws:policy/(job-function/)?(AdministratorAccess|PowerUserAccess|IAMFullAccess)$")


def _documents(part: Part) -> Iterator[Any]:
    yield part.document("policy")
    for one in each(part.get("inlinePolicies")):
        text = lookup(one, "policy")
        if isinstance(text, str) and known(text):
            try:
                yield json.loads(text)
            except ValueError:
                continue


def _too_much(statement: Mapping[str, Any]) -> Iterator[str]:
    if lookup(statement, "Effect") != "Allow":
        return
    actions = [str(one) for one in each(statement.get("Action", statement.get("actions"))) if known(one)]
    everywhere = any(one == "*" for one in each(statement.get("Resource", statement.get("resources"))))
    everywhere = everywhere or "NotResource" in statement
    if "NotAction" in statement:
        yield "allows everything but some actions"
    for action in actions:
        verb = action.partition(":")[2]
        if set(action) <= {"*", ":"}:
            yield f"allows {action}"
        elif everywhere and (verb == "*" or (not statement.get("Condition") and _names_data(action))):
            yield f"allows {action} on everything"


def _names_data(action: str) -> bool:
    """Say whether a permission has to name whose data, or which role, it is for."""
    if action.partition(":")[0].lower() in _DATA:
        return not _NAMELESS.fullmatch(action)
    return action.lower() == "iam:passrole"


@rule(
    "least-privilege",
    "No policy allows everything, and permissions to data name whose.",
    why="Whoever gets into the application gets its permissions.",
    remedy="List the actions, and the ARNs they are for; or add a condition.",
    source=f"{_IAM}/best-practices.html",
    types=(
        "aws:iam/policy:Policy",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:iam/userPolicy:UserPolicy",
        "aws:iam/groupPolicy:GroupPolicy",
        _ROLE,
    ),
)
def least_privilege(part: Part, _whole: Whole) -> Iterator[str]:
    for document in _documents(part):
        for statement in statements(document):
            yield from _too_much(statement)


@rule(
    "no-administrators",
    "Nothing of the stack is an administrator, and no access key is made.",
    why="AdministratorAccess on a machine is the whole account to whoever gets into it.",
    remedy="Attach a policy with what is needed; use roles in place of access keys.",
    source=f"{_IAM}/access_policies_job-functions.html",
    types=(
        _ROLE,
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "aws:iam/policyAttachment:PolicyAttachment",
        "aws:iam/userPolicyAttachment:UserPolicyAttachment",
        "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
        "aws:iam/accessKey:AccessKey",
    ),
)
def administrators(part: Part, _whole: Whole) -> Iterator[str]:
    if part.type.endswith(":AccessKey"):
        yield "is a key that does not expire"
    for arn in [*each(part.get("managedPolicyArns")), *each(part.get("policyArn"))]:
        if _POWERFUL.search(str(arn)):
            yield f"has {str(arn).rpartition('/')[2]}"


@rule(
    "key-rotation",
    "KMS exchanges every key once a year.",
    why="What one version of a key has encrypted stays bounded.",
    remedy="Set enableKeyRotation to true.",
    source=f"{_AWS}/kms/latest/developerguide/rotate-keys.html",
    types=("aws:kms/key:Key",),
)
def key_rotation(part: Part, _whole: Whole) -> Iterator[str]:
    spec, use = part.get("customerMasterKeySpec"), part.get("keyUsage")
    exchangeable = spec in {None, "SYMMETRIC_DEFAULT"} and use in {None, "ENCRYPT_DECRYPT"}
    if exchangeable and part.flag("enableKeyRotation") is False:
        yield "enableKeyRotation is not true"


_TELLING = (
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), "an AWS access key"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"), "a private key"),
    (re.compile(r"\b[a-z][a-z0-9+]*://[^\s:/@]+:(?![$<{\[*])[^\s@/]{3,}@"), "an address with a password"),
    (
        re.compile(
            r"(?i)\b\w*(?:password|passwd|secret_?key|api_?key|auth_?token)\w*[\"']?\s*[=:]\s*"
            r"[\"']?(?![$<{\[%\"'])[^\s\"'$({<;,]{6,}"
        ),
        "a password",
    ),
)
_SECRET_INPUTS = frozenset({
    "password", "masterPassword", "masterUserPassword", "secretString", "secretBinary", "authToken",
    "passwordWo", "masterPasswordWo", "secretStringWo",
})  # fmt: skip
_SECRET_NAME = re.compile(r"(?i)(password|passwd|secret|token|api_?key|private_?key|credential)s?$")


@rule(
    "no-plain-secrets",
    "No secret stands in an input, an output or user data.",
    why="Inputs are in the state and in every preview; every process of a machine reads user data.",
    remedy="Keep it in Secrets Manager and name its ARN; in the program, pass it as a Pulumi secret.",
    source="https://www.pulumi.com/docs/iac/concepts/secrets/",
)
def plain_secrets(_part: Part, whole: Whole) -> Iterator[str]:
    for part in whole.parts:
        for path, what in _told(part):
            yield f"{part.name}: {path} holds {what}"


def _told(part: Part) -> Iterator[tuple[str, str]]:
    for path, name, value in _texts(part.properties, ""):
        if name in _SECRET_INPUTS and known(value) and value and not value.startswith("[secret"):
            yield path, "a secret"
            continue
        if part.type == "pulumi:pulumi:Stack" and _SECRET_NAME.search(name):
            if not value.startswith(("[secret", "arn:")):
                yield path, "a secret"
            continue
        text = _decoded(value) if name in {"userData", "userDataBase64"} else value
        found = next((what for pattern, what in _TELLING[:3] if pattern.search(text)), None)
        if found is None and name in {"userData", "userDataBase64"} and _TELLING[3][0].search(text):
            found = _TELLING[3][1]
        if found:
            yield path, found
    yield from _environment(part)


def _environment(part: Part) -> Iterator[tuple[str, str]]:
    entries: dict[str, Any] = {}
    for container in each(part.document("containerDefinitions")):
        for one in each(lookup(container, "environment")):
            entries[str(lookup(one, "name"))] = lookup(one, "value")
    variables = part.get("environment.variables") if part.type.startswith("aws:lambda") else None
    if isinstance(variables, dict):
        entries.update(variables)
    for name, value in entries.items():
        plain = (
            isinstance(value, str)
            and value
            and value != UNKNOWN
            and not value.startswith(("[secret", "arn:"))
        )
        if plain and _SECRET_NAME.search(name):
            yield f"environment.{name}", "a secret"


def _texts(value: Any, path: str) -> Iterator[tuple[str, str, str]]:
    if isinstance(value, str):
        yield path, path.rpartition(".")[2], value
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _texts(one, f"{path}.{number}" if hasattr(one, "keys") else path)
    elif hasattr(value, "items"):
        for key, one in value.items():
            name = re.sub(r"_(\w)", lambda found: found[1].upper(), key) if "_" in key else key
            yield from _texts(one, f"{path}.{name}".lstrip("."))


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return text


RULES = (least_privilege, administrators, key_rotation, plain_secrets)
