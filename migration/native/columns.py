"""Which columns the C loops may deal with: those whose values no rule changes that C does not know."""

from __future__ import annotations

from dataclasses import fields

from migration.schema.target import TargetColumn

_KNOWN = frozenset(
    {
        *("name", "source", "type", "conversion", "not_null", "default", "identity", "generated", "serial"),
        *("sequence", "epoch", "scale", "raw_codec", "unreadable", "why", "cast"),
        # C leaves every value that these speak of to Python: it is of no ordinary class, range or shape.
        *("blanks", "rejects", "tried"),
        # These decide about the type, which is looked at anyway.
        *("labels", "folding", "filled"),
    }
)
_OTHERS = {field.name: field.default for field in fields(TargetColumn) if field.name not in _KNOWN}


def is_ordinary(column: TargetColumn) -> bool:
    """Whether a column's values follow from its type, conversion, epoch and scale alone.

    A new property of columns makes its columns extraordinary, and so Python's, until it is named above.
    """
    if column.epoch is not None and (column.blanks is not None or column.rejects):
        return False  # not every number is an instant there
    return all(getattr(column, name) == default for name, default in _OTHERS.items())
