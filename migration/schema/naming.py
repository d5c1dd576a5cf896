"""How names are spelled on the target: as in the file, in lower case, or in snake_case.

`lower` and `snake` make names that SQL need not quote. PostgreSQL folds A to Z only in what is not quoted,
and so do they.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from migration.rules.values import ascii_lower

if TYPE_CHECKING:
    from migration.schema.options import NamePolicy

#: Between userId's r and I, and between HTTPServer's P and S.
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
#: What an unquoted name cannot hold.
_PUNCTUATION = re.compile(r"[^0-9A-Za-z_$\u0080-\U0010ffff]+")


def spell(name: str, policy: NamePolicy) -> str:
    """The name as the policy wants it; never empty unless the name is."""
    match policy:
        case "keep":
            return name
        case "lower":
            return ascii_lower(name)
        case "snake":
            words = [_HUMP.sub("_", word) for word in _PUNCTUATION.split(name) if word]
            return ascii_lower("_".join(words)) or name
