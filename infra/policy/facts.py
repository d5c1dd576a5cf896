"""What a rule sees: resources with plain values, where a value that is not known yet is unknown, never wrong.

Values come from our own captured graph, from Pulumi's analyzer protocol, or from somebody's script, so they
are read tolerantly: camelCase or snake_case names, an object or a list of one, booleans and numbers as text,
secrets and outputs wrapped as Pulumi wraps them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from infra.graph import SECRET, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: What stands in Pulumi's protocol for a value of each kind that a preview cannot know.
_SENTINELS: Final = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
        UNKNOWN,
    }
)
#: Pulumi's mark on a wrapped value, and what it says of a secret and of an output.
_MARK: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  # the protocol's constant
_OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"


def plain(value: Any) -> Any:
    """Turn any value into dictionaries, lists and scalars; masks secrets, and marks what is not known."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return UNKNOWN if value in _SENTINELS else value
    if isinstance(value, Mapping):
        if value.get(_MARK) == _SECRET:
            return SECRET
        if value.get(_MARK) == _OUTPUT:
            if value.get("secret"):
                return SECRET
            return plain(value["value"]) if "value" in value else UNKNOWN
        return {str(key): plain(value[key]) for key in value}
    if isinstance(value, Sequence | set | frozenset):
        return [plain(one) for one in value]
    return UNKNOWN  # an Output, an asset: nothing a rule could read


def known(value: Any) -> bool:
    """Say whether a value is there and can be read."""
    return value is not None and value not in (UNKNOWN, SECRET)


def truth(value: Any, *, absent: bool = False) -> bool | None:
    """Read a boolean however it is spelled; None where it is not known."""
    if value is None:
        return absent
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    return None


def number(value: Any) -> float | None:
    """Read a number, also one written as text; None where there is none or it is not known."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def each(value: Any) -> list[Any]:
    """Read something that may be a list, one item, or nothing. What is not known has no items to judge."""
    if value is None or value in (UNKNOWN, SECRET):
        return []
    return list(value) if isinstance(value, list) else [value]


def lookup(value: Any, path: str) -> Any:
    """Follow a dotted path of camelCase names; lists of one are stepped through, unknown stays unknown."""
    for name in path.split("."):
        if isinstance(value, list):
            if len(value) > 1:
                return UNKNOWN
            value = value[0] if value else None
        if value is None or value in (UNKNOWN, SECRET):
            return value
        if not isinstance(value, Mapping):
            return UNKNOWN
        value = value[name] if name in value else value.get(_snake(name))
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], Mapping):
        return value
    return value


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


@dataclass(frozen=True, eq=False)
class Part:
    """One resource; two are the same only if they are one.

    Args:
        type: token such as "aws:rds/instance:Instance".
        properties: its inputs, plain.
        urn: empty where nobody gave one.
        protect: None where it is not known.
        retain_on_delete: the same; the analyzer protocol does not tell.
        parent: URN.
        provider: URN of its provider, "" for the default one.
        comes_from: per input, the URNs its value comes from.
    """

    type: str
    name: str
    properties: Mapping[str, Any]
    urn: str = ""
    protect: bool | None = None
    retain_on_delete: bool | None = None
    parent: str = ""
    provider: str = ""
    comes_from: Mapping[str, Sequence[str]] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(cls, type_: str, name: str, properties: Any, **options: Any) -> Part:
        """Make one of raw values."""
        found = plain(properties)
        return cls(type_, name, found if isinstance(found, dict) else {}, **options)

    def get(self, path: str) -> Any:
        return lookup(self.properties, path)

    def flag(self, path: str, *, absent: bool = False) -> bool | None:
        return truth(self.get(path), absent=absent)

    def amount(self, path: str) -> float | None:
        return number(self.get(path))

    def text(self, path: str) -> str | None:
        """Read a text; None where it is absent or not known."""
        value = self.get(path)
        return str(value) if known(value) and not isinstance(value, list | Mapping) else None

    def document(self, path: str) -> Any:
        """Read a JSON document that is given as text or as an object; None where it cannot be read."""
        value = self.get(path)
        if isinstance(value, str) and known(value):
            try:
                return json.loads(value)
            except ValueError:
                return None
        return value if isinstance(value, Mapping | list) else None


@dataclass(frozen=True)
class Promise:
    """What the stack file says of the stack, as far as rules need it.

    Args:
        phase: "phase-1", ...; None where it is not known.
        budget: US dollars a month at most; None where it is not known.
        disposable: the environment comes and goes, so nothing in it is kept from deletion.
        production: False for staging and its like, which promise neither zones nor long backups.
        limits: per metric of the thresholds table that has limits, how many alarms it has to have at least.
    """

    phase: str | None = None
    budget: float | None = None
    disposable: bool = False
    production: bool = True
    limits: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class Whole:
    """All resources of a stack, and what the stack promises."""

    parts: tuple[Part, ...]
    promise: Promise = field(default_factory=Promise)
    region: str = ""

    def of_type(self, *types: str) -> tuple[Part, ...]:
        return tuple(part for type_ in types for part in self._by_type.get(type_, ()))

    @cached_property
    def _by_type(self) -> Mapping[str, list[Part]]:
        found: dict[str, list[Part]] = {}
        for part in self.parts:
            found.setdefault(part.type, []).append(part)
        return found

    @cached_property
    def _by_urn(self) -> Mapping[str, Part]:
        return {part.urn: part for part in self.parts if part.urn}

    def behind(self, part: Part, path: str, *types: str) -> tuple[Part, ...]:
        """Find the resources that an input comes from: by dependency, or because it holds their name."""
        top = path.partition(".")[0]
        urns = part.comes_from.get(top) or part.comes_from.get(_snake(top)) or ()
        found = [self._by_urn[urn] for urn in urns if urn in self._by_urn]
        if types:
            found = [one for one in found if one.type in types]
        if found:
            return tuple(found)
        texts = {str(one) for one in each(part.get(path)) if known(one)}
        names = self.of_type(*types) if types else self.parts
        return tuple(one for one in names if one is not part and texts & _names(one))

    def pointing_at(self, part: Part, type_: str, path: str) -> Iterator[Part]:
        """Give the resources of a type whose input is this resource, or may be it: unknown counts as yes."""
        for one in self.of_type(type_):
            targets = self.behind(one, path, part.type)
            if part in targets or (not targets and not known(one.get(path))):
                yield one

    def region_of(self, part: Part) -> str:
        """Find the region a resource is in; "" where that is not known."""
        own = part.text("region")
        if own:
            return own
        urn = part.provider.rpartition("::")[0] if part.provider.count("::") > 3 else part.provider
        provider = self._by_urn.get(urn) or self._by_urn.get(part.provider)
        if provider is None:
            return self.region
        return provider.text("region") or ""


def _names(part: Part) -> set[str]:
    keys = ("identifier", "clusterIdentifier", "replicationGroupId", "bucket", "name", "family", "id", "arn")
    return {str(value) for key in keys if known(value := part.get(key))} | {part.name}


def statements(document: Any) -> Iterable[Mapping[str, Any]]:
    """Give the statements of an IAM policy document."""
    if not isinstance(document, Mapping):
        return []
    found = document.get("Statement", document.get("statement"))
    return [one for one in each(found) if isinstance(one, Mapping)]
