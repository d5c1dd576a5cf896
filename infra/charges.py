"""Charges: so many units of something that has a price, and the ledger they are drawn up from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from infra.errors import InfraError
from monitor.errors import UsageError

if TYPE_CHECKING:
    from infra.graph import Graph, Resource
    from infra.usage import Usage

#: The lines of a bill.
COMPUTE = "Compute"
DATABASE = "Database"
CACHE = "Cache"
NETWORK = "Network"
EDGE = "Edge"
STORAGE = "Storage and backups"
SECURITY = "Secrets and keys"
WATCHING = "Observability"
LINES = (COMPUTE, DATABASE, CACHE, NETWORK, EDGE, STORAGE, SECURITY, WATCHING)


class MissingUsage(InfraError, UsageError):  # read as a sentence: raise MissingUsage
    """A resource is billed by usage that the stack file does not state."""


@dataclass(frozen=True)
class Charge:
    """So many units of something that has a price.

    Args:
        line: the part of the bill it belongs to.
        item: what is paid for, for people.
        group: of the price file.
        price: name of the price in the group.
        quantity: units a month, or, with `hourly`, units at any time.
        unit: of the resulting quantity.
        resource: URN of what causes it.
        region: where, so that another region's price is not taken for checked; "" where it does not matter.
        hourly: the price is for an hour.
        free: name in the group of how many units cost nothing.
    """

    line: str
    item: str
    group: str
    price: str
    quantity: float
    unit: str
    resource: str | None = None
    region: str = ""
    hourly: bool = False
    free: str | None = None


@dataclass
class Ledger:
    """What the charging functions look things up in; remembers which usage figures they asked for."""

    graph: Graph
    usage: Usage
    region: str
    asked: set[str] = field(default_factory=set)

    def used(self, name: str, by: str) -> float:
        """Give a usage figure.

        Raises:
            MissingUsage: the stack file does not state it.
        """
        self.asked.add(name)
        value = getattr(self.usage, name)
        if value is None:
            raise MissingUsage(
                f"outgrow:usage.{name} is missing",
                why=f"{by} of {self.graph.stack} is billed by it",
                next_step=f"state it in Pulumi.{self.graph.stack}.yaml; 0 is a statement too",
            )
        return float(value)

    def used_or(self, name: str, otherwise: float) -> float:
        """Give a usage figure, or what the graph itself suggests."""
        self.asked.add(name)
        value = getattr(self.usage, name)
        return float(otherwise if value is None else value)

    def unused(self) -> tuple[str, ...]:
        """List the stated figures that nothing was billed by."""
        return tuple(sorted(name for name in self.usage.model_fields_set if name not in self.asked))

    def where(self, resource: Resource) -> str:
        """Find the region a resource is in."""
        provider = resource.provider.rpartition("::")[0]
        if provider in self.graph:
            return str(self.graph[provider].inputs.get("region", self.region))
        return self.region

    def behind(self, resource: Resource, property_: str) -> Resource | None:
        """Find the resource that one of a resource's inputs comes from."""
        urns = resource.property_dependencies.get(property_, ())
        found = [self.graph[urn] for urn in urns if urn in self.graph]
        return found[0] if found else None
