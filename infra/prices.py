"""The price file: list prices with their sources, read once."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import yaml

from infra.errors import InfraError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

#: The source that stands for "nobody has checked this".
UNCHECKED = "K"


class UnknownPrice(InfraError):  # read as a sentence: raise UnknownPrice
    """Something of the plan has no price in the price file."""


@dataclass(frozen=True)
class Price:
    """A list price in US dollars and where it comes from, as letters of the price file's sources."""

    usd: float
    source: str

    @property
    def verified(self) -> bool:
        return UNCHECKED not in self.source


@dataclass(frozen=True)
class Prices:
    """All prices, by group and name ("instance", "t4g.large").

    Args:
        as_of: the newest date among the sources.
        hours: of a month.
        regions: whose prices these are, with the source for that.
    """

    as_of: date
    hours: int
    sources: Mapping[str, str]
    regions: Mapping[str, str]
    by_name: Mapping[tuple[str, str], Price]

    def of(self, group: str, name: str) -> Price:
        """Look a price up.

        Raises:
            UnknownPrice: the file has none.
        """
        price = self.by_name.get((group, name))
        if price is None:
            known = ", ".join(sorted(key for of, key in self.by_name if of == group))
            raise UnknownPrice(
                f"there is no price for {name}",
                why=f"infra/prices.yaml has of {group}: {known}",
                next_step="choose one of these, or add the price with its source to infra/prices.yaml",
            )
        return price


@functools.cache
def load_prices() -> Prices:
    """Read infra/prices.yaml."""
    document = yaml.safe_load(Path(__file__).with_name("prices.yaml").read_text(encoding="utf-8"))
    by_name = {
        (group, name): Price(float(usd), source)
        for group, prices in document["prices"].items()
        for name, (usd, source) in prices.items()
    }
    return Prices(
        as_of=document["as_of"],
        hours=document["hours_per_month"],
        sources=MappingProxyType(document["sources"]),
        regions=MappingProxyType(document["regions"]),
        by_name=MappingProxyType(by_name),
    )
