"""Writes a graph as Terraform JSON, so that the real AWS provider can be asked what it thinks of it.

pulumi-aws is a bridge over that provider: its types and properties are the provider's own, renamed by rule.
The rule is applied backwards with the provider's schema at hand, and what does not follow it stands in the
tables. Values that only AWS can know become references (`${aws_vpc.net.id}`), so dependencies survive.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from infra.graph import SECRET
from infra.wire import MARK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.graph import Graph, Resource

#: Types whose name is not `aws_<module>_<type>` or `aws_<type>`; for some the rule would hit another type.
TYPES: Final = {
    "alb/loadBalancer": "aws_lb",
    "lb/loadBalancer": "aws_lb",
    "rds/eventSubscription": "aws_db_event_subscription",
    "rds/instance": "aws_db_instance",
    "rds/parameterGroup": "aws_db_parameter_group",
    "rds/proxy": "aws_db_proxy",
    "rds/proxyDefaultTargetGroup": "aws_db_proxy_default_target_group",
    "rds/proxyTarget": "aws_db_proxy_target",
    "rds/subnetGroup": "aws_db_subnet_group",
    "codedeploy/application": "aws_codedeploy_app",
    "cloudwatch/eventRule": "aws_cloudwatch_event_rule",
}
#: Modules that the provider calls otherwise.
MODULES: Final = {"costexplorer": "ce", "servicediscovery": "service_discovery"}
#: Properties with another name, by Terraform type.
PROPERTIES: Final = {
    ("aws_cloudwatch_metric_alarm", "name"): "alarm_name",
    ("aws_sns_topic_subscription", "topic"): "topic_arn",
    ("aws_lambda_function", "name"): "function_name",
    ("aws_lambda_function", "code"): "filename",
    ("aws_lambda_permission", "function"): "function_name",
}
#: What Pulumi names by itself where the program does not, and the provider requires, besides `name`.
AUTONAMED: Final = ("name", "alarm_name", "function_name", "replication_group_id")
#: Inputs that came with version 6 of the provider (pulumi-aws 7): dropped for one that is older.
SINCE_6: Final = frozenset({"region"})
_REFERENCE: Final = re.compile(r"([$%])\{")


class NoSuchType(Exception):
    """A resource type that the provider does not have."""


@dataclass(frozen=True)
class Converted:
    """A graph as Terraform JSON.

    Args:
        document: the content of a `main.tf.json`.
        unknown: what the provider's schema has no place for, as "type.name: property".
    """

    document: Mapping[str, Any]
    unknown: tuple[str, ...]


def to_terraform(graph: Graph, schemas: Mapping[str, Any]) -> Converted:
    """Convert a graph.

    Args:
        graph: evaluated with made-up ids.
        schemas: `resource_schemas` of the AWS provider, from `terraform providers schema -json`.

    Raises:
        NoSuchType: the provider lacks a type of the graph.
    """
    return _Converter(graph, schemas).convert()


class _Converter:
    def __init__(self, graph: Graph, schemas: Mapping[str, Any]) -> None:
        self._graph = graph
        self._schemas = schemas
        self._resources = [one for one in graph.resources if one.type.startswith("aws:")]
        self._names = {one.urn: _identifier(one.name) for one in self._resources}
        self._references = self._computed()
        self._made_up = re.compile(
            "|".join(map(re.escape, sorted(self._references, key=len, reverse=True))) or "$^"
        )
        self._unknown: list[str] = []

    def convert(self) -> Converted:
        resources: dict[str, dict[str, Any]] = {}
        for one in self._resources:
            type_ = self._type(one)
            block = self._schemas[type_]["block"]
            body = self._block(one.inputs, block, type_, f"{type_}.{one.name}")
            for name in AUTONAMED:
                if block["attributes"].get(name, {}).get("required") and name not in body:
                    body[name] = one.name
            alias = one.provider.rpartition("::")[0].rpartition("::")[2]
            if alias and alias != "aws":
                body["provider"] = f"aws.{_identifier(alias)}"
            name = self._names[one.urn]
            found = resources.setdefault(type_, {})
            found[name if name not in found else f"{name}-{len(found)}"] = body
        document = {"provider": {"aws": self._providers()}, "resource": resources}
        return Converted(document, tuple(self._unknown))

    def _providers(self) -> list[dict[str, Any]]:
        found = []
        for one in self._graph.resources:
            if one.is_provider:
                settings: dict[str, Any] = {"region": one.inputs.get("region")}
                found.append(settings if one.name == "aws" else {**settings, "alias": _identifier(one.name)})
        return found or [{"region": "us-east-1"}]

    def _type(self, resource: Resource) -> str:
        module, _, name = resource.type.removeprefix("aws:").rpartition(":")[0].partition("/")
        listed = TYPES.get(f"{module}/{name}")
        prefix = MODULES.get(module, _snake(module))
        for candidate in (listed, f"aws_{prefix}_{_snake(name)}", f"aws_{_snake(name)}"):
            if candidate in self._schemas:
                return str(candidate)
        raise NoSuchType(f"the provider has no type for {resource.type} ({resource.name})")

    def _computed(self) -> dict[str, str]:
        """Made-up values and the Terraform expressions that stand for them."""
        found: dict[str, str] = {}
        for one in self._resources:
            type_ = self._type(one)
            attributes = self._schemas[type_]["block"]["attributes"]
            for name, value in {**one.outputs, "id": one.id}.items():
                snake = _snake(name)
                known = (
                    one.inputs.get(name) == value or not isinstance(value, str) or "rehearsal" not in value
                )
                if not known and snake in attributes:
                    found.setdefault(value, f"${{{type_}.{self._names[one.urn]}.{snake}}}")
        return found

    def _block(
        self, value: Mapping[str, Any], block: Mapping[str, Any], type_: str, path: str
    ) -> dict[str, Any]:
        attributes, blocks = block.get("attributes", {}), block.get("block_types", {})
        body: dict[str, Any] = {}
        for name, given in value.items():
            found = self._property(name, type_, attributes, blocks)
            if given is None or (found is None and name in SINCE_6):
                continue
            if found is None:
                self._unknown.append(f"{path}: {name}")
            elif found in blocks:
                inner = blocks[found]["block"]
                items = given if isinstance(given, list) else [given]
                body[found] = [
                    self._block(one, inner, "", f"{path}.{found}") if isinstance(one, dict) else one
                    for one in items
                ]
            else:
                body[found] = self._attribute(given, attributes[found].get("type"), f"{path}.{found}")
        return body

    def _property(
        self, name: str, type_: str, attributes: Mapping[str, Any], blocks: Mapping[str, Any]
    ) -> str | None:
        snake = _snake(name)
        renamed = PROPERTIES.get((type_, name))
        candidates = (renamed, snake, *_singular(snake))
        return next((one for one in candidates if one and (one in attributes or one in blocks)), None)

    def _attribute(self, value: Any, type_: Any, path: str) -> Any:
        """Convert a value as its Terraform type says: "string", ["list", type], ["object", {name: type}]."""
        if isinstance(type_, list) and type_[0] in {"list", "set"}:
            items = value if isinstance(value, list) else [value]
            return [self._attribute(one, type_[1], path) for one in items]
        if isinstance(type_, list) and type_[0] == "object" and isinstance(value, dict):
            members = type_[1]
            body: dict[str, Any] = dict.fromkeys(members)
            for name, given in value.items():
                found = self._property(name, "", members, {})
                if found is None:
                    self._unknown.append(f"{path}: {name}")
                else:
                    body[found] = self._attribute(given, members[found], f"{path}.{found}")
            return body
        if isinstance(value, list) and len(value) == 1 and isinstance(type_, str):
            return self._attribute(value[0], type_, path)
        return self._plain(value)

    def _plain(self, value: Any) -> Any:
        if isinstance(value, dict):
            if MARK in value:  # an asset or archive, whose content is no matter of schemas
                return "content.zip"
            return {name: self._plain(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self._plain(item) for item in value]
        if not isinstance(value, str):
            return value
        if value == SECRET:
            return "not-shown-here-000"
        escaped = _REFERENCE.sub(r"\1\1{", value)
        return self._made_up.sub(lambda found: self._references[found.group()], escaped)


def _snake(name: str) -> str:
    spaced = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name)
    return re.sub(r"(?<=[A-Z])([A-Z][a-z])", r"_\1", spaced).lower()


def _singular(name: str) -> tuple[str, ...]:
    """What a plural may be the plural of."""
    found = []
    if name.endswith("ies"):
        found.append(f"{name[:-3]}y")
    if name.endswith("es"):
        found.append(name[:-2])
    if name.endswith("s"):
        found.append(name[:-1])
    return tuple(found)


def _identifier(name: str) -> str:
    found = re.sub(r"[^A-Za-z0-9_-]", "_", name)
    return found if found[:1].isalpha() else f"r_{found}"
