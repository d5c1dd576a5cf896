"""The SQL by which PostgreSQL turns its own values into the bytes of `canonical`.

The types' binary send functions give exactly those bytes for numbers, times and UUIDs, on every server since
13; only numeric needs its text, because its binary form keeps trailing zeros.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.schema.ddl import quote_identifier
from migration.verification.canonical import Family, family

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migration.verification.catalog import CatalogColumn

_SENT: dict[Family, str] = {
    "integer": "int8send({}::int8)",
    "real": "float8send({}::float8)",
    "small real": "float8send({}::text::float8)",
    "boolean": "boolsend({})",
    "timestamp": "timestamp_send({})",
    "timestamptz": "timestamptz_send({})",
    "date": "date_send({})",
    "time": "time_send({})",
    "uuid": "uuid_send({})",
    "interval": "interval_send({})",
    "inet": "inet_send({})",
}
_SIZED: dict[Family, str] = {
    "numeric": "convert_to(trim_scale({})::text, 'UTF8')",
    "text": "convert_to({}::text, 'UTF8')",
    "padded": "convert_to({}::text, 'UTF8')",
    "jsonb": "convert_to({}::text, 'UTF8')",
    "asked": "convert_to({}::text, 'UTF8')",
    "bytea": "{}",
}


def value_sql(column: CatalogColumn, value: str | None = None) -> str:
    """One column's canonical bytes, or those of another value of its type."""
    name = value or quote_identifier(column.name)
    kind = family(column)
    if column.base == "float4":  # what it shows is the stored number, what it holds is not
        name = f"{name}::text"
    if kind in _SENT:
        content = _SENT[kind].format(name)
    else:
        content = _SIZED[kind].format(name)
        content = f"int4send(octet_length({content})) || {content}"
    return rf"coalesce('\x01'::bytea || {content}, '\x00'::bytea)"


def key_sql(columns: Iterable[CatalogColumn]) -> str:
    """Several columns' canonical bytes, one after the other."""
    return " || ".join(value_sql(column) for column in columns) or r"'\x'::bytea"
