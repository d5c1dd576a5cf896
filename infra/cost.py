"""What a graph costs in a month: every resource billed by its type, by the hour and by the stated usage.

Pure: a graph, usage assumptions and prices in, a bill out. A type that is neither billed (`billing`) nor
known to be free is reported as unknown and never priced 0 in silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.billing import BILLED
from infra.charges import LINES, Ledger
from infra.free_types import FREE
from infra.prices import Price, Prices, load_prices
from infra.usage_billing import SHARED

if TYPE_CHECKING:
    from infra.charges import Charge
    from infra.graph import Graph
    from infra.usage import Usage


@dataclass(frozen=True)
class CostItem:
    """One line of a bill.

    Args:
        line: what it belongs to: "Compute", "Database", ...
        item: what is paid for.
        resource: URN of what causes it; None where the whole stack does.
        quantity: how many units in a month.
        unit: of the quantity.
        unit_price: US dollars.
        usd: US dollars a month, rounded to cents.
        source: letters of the price file's sources.
        verified: False where the price, or that it holds in this region, is not checked.
    """

    line: str
    item: str
    resource: str | None
    quantity: float
    unit: str
    unit_price: float
    usd: float
    source: str
    verified: bool


@dataclass(frozen=True)
class Cost:
    """A month's bill.

    Args:
        total: sum of the items, in US dollars.
        items: in the order of the lines on the table, dearest first within a line.
        unknown: types in the graph that nobody knows the price of.
        unused: usage figures of the stack file that nothing in the graph is billed by.
        prices_as_of: date of the price file, ISO.
    """

    total: float
    items: tuple[CostItem, ...]
    unknown: tuple[str, ...]
    unused: tuple[str, ...]
    prices_as_of: str

    @property
    def lines(self) -> dict[str, float]:
        """Sum of each line, in US dollars."""
        sums: dict[str, float] = {}
        for item in self.items:
            sums[item.line] = round(sums.get(item.line, 0) + item.usd, 2)
        return sums


def bill(graph: Graph, usage: Usage, region: str, prices: Prices | None = None) -> Cost:
    """Bill a captured graph.

    Args:
        graph: of a phase, evaluated as a rehearsal or a preview.
        usage: the phase's assumptions.
        region: where resources without a provider of their own are.
        prices: the price file's by default.

    Raises:
        infra.charges.MissingUsage: a resource is billed by a figure that the stack file does not state.
        infra.prices.UnknownPrice: an instance type or another size has no price.
    """
    prices = prices or load_prices()
    ledger = Ledger(graph, usage, region)
    charges: list[Charge] = []
    for resource in graph.resources:
        charges += BILLED[resource.type](resource, ledger) if resource.type in BILLED else []
    present = {resource.type for resource in graph.resources}
    for types, charge in SHARED:
        if present & types:
            charges += charge(ledger)
    items = [_item(charge, prices) for charge in charges if charge.quantity > 0]
    items.sort(key=lambda item: (LINES.index(item.line), -item.usd, item.item, item.resource or ""))
    unknown = {
        resource.type
        for resource in graph.resources
        if resource.custom and not resource.is_provider and resource.type not in FREE.union(BILLED)
    }
    return Cost(
        total=round(sum(item.usd for item in items), 2),
        items=tuple(items),
        unknown=tuple(sorted(unknown)),
        unused=ledger.unused(),
        prices_as_of=prices.as_of.isoformat(),
    )


def _item(charge: Charge, prices: Prices) -> CostItem:
    price = prices.of(charge.group, charge.price)
    free = prices.of(charge.group, charge.free) if charge.free else Price(0, price.source)
    place = prices.regions.get(charge.region, "K") if charge.region else "A"
    hours = prices.hours if charge.hourly else 1
    quantity = max(charge.quantity - free.usd, 0) * hours
    return CostItem(
        line=charge.line,
        item=charge.item,
        resource=charge.resource,
        quantity=round(quantity, 4),
        unit=charge.unit,
        unit_price=price.usd,
        usd=round(quantity * price.usd, 2),
        source=price.source,
        verified=price.verified and free.verified and place != "K",
    )
