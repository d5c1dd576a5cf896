"""What AWS offers where, as far as it can be known without asking: regions, and sizes of the usual families.

`outgrow infra preflight` asks AWS itself; this catches a misspelt region or size before anything is asked.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The services whose sizes are known, as infra/offered.yaml calls them.
MACHINES, POSTGRES, AURORA, CACHES = "ec2", "postgres", "aurora-postgresql", "cache"


@dataclass(frozen=True)
class Family:
    """The sizes of an instance family, and the regions that have none of them."""

    sizes: tuple[str, ...]
    not_in: frozenset[str]


@dataclass(frozen=True)
class Offerings:
    """What infra/offered.yaml says.

    Args:
        regions: of AWS's commercial partition.
        families: by service and family, such as ("ec2", "t4g") or ("postgres", "db.t4g").
    """

    regions: frozenset[str]
    families: Mapping[tuple[str, str], Family]

    def why_not(self, service: str, size: str, region: str) -> str | None:
        """Say why a size cannot be had in a region; None where nothing speaks against it.

        Families that are not listed are left to AWS.
        """
        name, _, step = size.rpartition(".")
        family = self.families.get((service, name))
        if family is None:
            return None
        if step not in family.sizes:
            return f"{size} does not exist: {name} is offered as {', '.join(family.sizes)}"
        if region in family.not_in:
            return f"{region} does not offer {name}"
        return None


@functools.cache
def load_offerings() -> Offerings:
    """Read infra/offered.yaml."""
    document = yaml.safe_load(Path(__file__).with_name("offered.yaml").read_text(encoding="utf-8"))
    families = {
        (service, name): Family(tuple(entry["sizes"]), frozenset(entry["not_in"]))
        for service, families in document["families"].items()
        for name, entry in families.items()
    }
    return Offerings(frozenset(document["regions"]), MappingProxyType(families))
