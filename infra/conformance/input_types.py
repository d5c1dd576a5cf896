"""Checks every value of a graph, however deep, against the types that pulumi-aws declares for its inputs.

The SDK checks names of arguments when a program runs; values and whatever is nested it passes on unseen, and
the provider refuses them in the middle of a deployment.
"""

from __future__ import annotations

import ast
import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.graph import SECRET, UNKNOWN
from infra.provider_schema import inputs_of_class, schema_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from infra.graph import Graph, Resource

#: Values that stand for one that is not shown or not known; they may be of any type.
OPAQUE = (SECRET, UNKNOWN)
SCALARS: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
}


@dataclass(frozen=True)
class Deviation:
    """Something that is not as the schema says.

    Args:
        urn: of the resource.
        path: of the value in its inputs, such as "ingress[0].fromPort".
        problem: what is wrong with it.
    """

    urn: str
    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.urn.rpartition('::')[2]}: {self.path}: {self.problem}"


def deviations(graph: Graph) -> tuple[Deviation, ...]:
    """Find all values of a graph that its provider's types do not allow."""
    return tuple(found for one in graph.resources if one.type.startswith("aws:") for found in _resource(one))


def _resource(resource: Resource) -> Iterator[Deviation]:
    schema = schema_of(resource.type)
    if schema is None:
        yield Deviation(resource.urn, "", f"pulumi-aws has no type {resource.type}")
        return
    for path, problem in _object(resource.inputs, schema.inputs, resource.type, ""):
        yield Deviation(resource.urn, path, problem)


def _object(
    value: Mapping[str, Any], properties: Mapping[str, str], token: str, path: str
) -> Iterator[tuple[str, str]]:
    for name in sorted(value.keys() - properties.keys()):
        yield f"{path}{name}", "no such property"
    for name, annotation in properties.items():
        given = value.get(name)
        if given is None:
            if not annotation.startswith("Optional["):
                yield f"{path}{name}", "missing"
            continue
        yield from _value(given, _parsed(annotation), token, f"{path}{name}")


def _value(value: Any, type_: ast.expr, token: str, path: str) -> Iterator[tuple[str, str]]:
    if value is None or (isinstance(value, str) and value in OPAQUE):
        return
    match type_:
        case ast.Subscript(value=ast.Name(id="Optional" | "Input"), slice=inner):
            yield from _value(value, inner, token, path)
        case ast.Subscript(value=ast.Attribute(attr="Input"), slice=inner):
            yield from _value(value, inner, token, path)
        case ast.Subscript(value=ast.Name(id="Sequence"), slice=inner):
            if not isinstance(value, list):
                yield path, f"a list is needed, not {value!r}"
                return
            for index, item in enumerate(value):
                yield from _value(item, inner, token, f"{path}[{index}]")
        case ast.Subscript(value=ast.Name(id="Mapping"), slice=ast.Tuple(elts=[_, inner])):
            if not isinstance(value, dict):
                yield path, f"a mapping is needed, not {value!r}"
                return
            for key, item in value.items():
                yield from _value(item, inner, token, f"{path}.{key}")
        case ast.Subscript(value=ast.Name(id="Union"), slice=ast.Tuple(elts=choices)):
            results = [list(_value(value, choice, token, path)) for choice in choices]
            if all(results):
                yield from results[0]
        case ast.Name(id=name) if name in SCALARS:
            yield from _scalar(value, name, path)
        case ast.Constant(value=str(name)) if name.endswith("Args"):
            nested = inputs_of_class(token, name)
            if nested is None:
                yield path, f"pulumi-aws has no type {name}"
            elif not isinstance(value, dict):
                yield path, f"a {name.removesuffix('Args')} is needed, not {value!r}"
            else:
                yield from _object(value, nested, token, f"{path}.")
        case _:
            return  # Any, assets, and the names of enumerations, which are open lists of strings


def _scalar(value: Any, name: str, path: str) -> Iterator[tuple[str, str]]:
    fits = isinstance(value, SCALARS[name]) and (name == "bool" or not isinstance(value, bool))
    if not fits:
        yield path, f"{name} is needed, not {value!r}"


@functools.cache
def _parsed(annotation: str) -> ast.expr:
    return ast.parse(re.sub(r"_builtins\.", "", annotation), mode="eval").body
