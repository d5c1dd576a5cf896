"""Writes JSON as PostgreSQL shows jsonb, which keeps neither blanks nor the order of keys.

Keys stand by their length in bytes and then by their bytes, the last of equal ones wins, and numbers are
numerics: 1.50 stays, 1e3 becomes 1000.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any


def jsonb_text(text: str, nul: str | None) -> str:
    """The text that `value::jsonb::text` gives.

    Args:
        text: the stored JSON.
        nul: what takes the place of U+0000, which jsonb cannot hold.

    Raises:
        ValueError: not JSON, or nothing takes the place of a U+0000 in it.
    """
    parsed = json.loads(text, parse_constant=_refuse, parse_int=_number, parse_float=_number)
    return _written(parsed, nul)


class _Number(str):
    """A number as numeric shows it."""

    __slots__ = ()


def _number(text: str) -> _Number:
    value = Decimal(text)
    return _Number(format(value or abs(value), "f"))


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _written(value: Any, nul: str | None) -> str:
    match value:
        case _Number():
            return str(value)
        case str():
            return _string(value, nul)
        case dict():
            items = {_clean(key, nul): item for key, item in value.items()}
            ordered = sorted(items, key=lambda key: (len(key.encode()), key.encode()))
            return (
                "{" + ", ".join(f"{_string(key, nul)}: {_written(items[key], nul)}" for key in ordered) + "}"
            )
        case list():
            return "[" + ", ".join(_written(item, nul) for item in value) + "]"
        case _:
            return json.dumps(value)


def _string(text: str, nul: str | None) -> str:
    return json.dumps(_clean(text, nul), ensure_ascii=False)


def _clean(text: str, nul: str | None) -> str:
    if "\0" not in text:
        return text
    if nul is None:
        raise ValueError("jsonb has no U+0000")
    return text.replace("\0", nul)
