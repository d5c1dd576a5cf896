"""Names as TypeORM gives them (DefaultNamingStrategy): a prefix and the first digits of a SHA-1."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The names that are made so, and nothing else is.
PATTERN = re.compile(r"(?:PK|UQ|FK|DF)_[0-9a-f]{27}|(?:IDX|REL|CHK|XCL)_[0-9a-f]{26}")
_DIGITS = 27


def constraint(prefix: str, table: str, columns: Iterable[str]) -> str:
    """The name of a primary key (PK), unique constraint (UQ) or foreign key (FK): of table_columns."""
    # JavaScript sorts by UTF-16 units.
    key = "_".join((table.replace(".", "_", 1), *sorted(columns, key=lambda name: name.encode("utf-16-be"))))
    digits = hashlib.sha1(key.encode(), usedforsecurity=False).hexdigest()
    return f"{prefix}_{digits[:_DIGITS]}"
