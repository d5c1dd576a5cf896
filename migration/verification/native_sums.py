"""The source's sums by the compiled library."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from migration.native.columns import is_ordinary
from migration.native.proving import Way, add_up, column
from migration.schema.target import Conversion
from migration.verification.canonical import family
from migration.verification.layout import HASH_SHIFT, RANGES
from migration.verification.record import type_oid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from migration.native.library import NativeReader
    from migration.native.proving import Described
    from migration.schema.target import TargetColumn
    from migration.verification.catalog import CatalogColumn
    from migration.verification.layout import Layout

_WAYS = {"integer key": Way.KEY, "key hash": Way.KEY_HASH, "row hash": Way.ROW_HASH}
#: Other texts than these may be spelled otherwise in PostgreSQL.
_VERBATIM = (Conversion.TEXT, Conversion.ANY_AS_TEXT, Conversion.JSON)
_UNIT_US = {"s": 1_000_000, "ms": 1_000, "us": 1}


def native_sums(
    reader: NativeReader,
    layout: Layout,
    *,
    advance: Callable[[int], None],
    odd: Callable[[Sequence[Any]], None],
) -> Iterator[tuple[int, int, int]]:
    """The number of each range, its rows, and the sum of their hashes; `odd` gets the rows not among them."""
    return add_up(
        reader,
        layout.source_select(),
        [_described(*pair) for pair in zip(layout.planned, layout.actual, strict=True)],
        way=_WAYS[layout.ranges],
        shift=layout.shift if layout.ranges == "integer key" else HASH_SHIFT,
        first=layout.first,
        keys=layout.keys,
        ranges=RANGES,
        advance=advance,
        odd=odd,
    )


def _described(planned: TargetColumn, actual: CatalogColumn) -> Described:
    kind = family(actual)
    known = is_ordinary(planned) and planned.raw_codec is None and planned.conversion is not Conversion.CAST
    if kind == "text" and planned.conversion not in _VERBATIM:
        known = False
    return column(kind if known else None, _detail(planned, actual), type_oid(actual))


def _detail(planned: TargetColumn, actual: CatalogColumn) -> int:
    if family(actual) == "numeric":
        limits = re.fullmatch(r"numeric\(\d+,(\d+)\)", actual.type)
        return int(limits[1]) if limits else -1
    return _UNIT_US.get(planned.epoch or "", 0)
