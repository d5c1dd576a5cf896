"""A row's hash, the same on both sides: PostgreSQL's `hashtextextended(md5(record_send(ROW(...))), 0)`.

record_send writes the number of columns and, for each, the OID of its type, the length of the value (-1 for
NULL) and the value as its type's send function gives it: all of it in one call, where putting `canonical`'s
bytes together in SQL takes dozens. Every column is cast to one type for its family, so that the bytes are
canonical. MD5 (RFC 1321) makes a digest of them, and hashtextextended (Bob Jenkins' lookup3, in
src/common/hashfn.c) a bigint of the digest's 32 digits: casting them would take as long as the digest itself.
Servers of big-endian machines, where that function gives other numbers, are not supported.
"""

from __future__ import annotations

import struct
from decimal import Decimal
from hashlib import md5
from typing import TYPE_CHECKING

from migration.schema.ddl import quote_identifier
from migration.verification.canonical import NULL, Family, family
from migration.verification.canonical_sql import value_sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from migration.verification.catalog import CatalogColumn

#: The type that a column of a family is sent as: its OID, fixed in every server (pg_type.dat), and the cast.
TYPES: dict[Family, tuple[int, str]] = {
    "integer": (20, "{}::int8"),
    "real": (701, "{}::float8"),
    "numeric": (1700, "trim_scale({})"),
    "text": (25, "{}::text"),
    "bytea": (17, "{}"),
    "boolean": (16, "{}"),
    "timestamp": (1114, "{}::timestamp"),
    "timestamptz": (1184, "{}::timestamptz"),
    "date": (1082, "{}"),
    "time": (1083, "{}::time"),
    "uuid": (2950, "{}"),
}
#: Every other family is sent as the bytes that `canonical_sql` makes of it.
OTHER = 17
#: Families whose canonical bytes carry their length.
_SIZED = frozenset({"text", "bytea"})
_NO_VALUE = struct.pack(">i", -1)
#: What no server sends: a stored value that the column's type cannot mean is never equal.
_IMPOSSIBLE = struct.pack(">i", -2)


def hash_sql(columns: Iterable[CatalogColumn]) -> str:
    """SQL for the hash of a row, or of some columns of it, as a bigint."""
    fields = ", ".join(_field_sql(column) for column in columns)
    return f"hashtextextended(md5(record_send(ROW({fields}))), 0)"


def _field_sql(column: CatalogColumn) -> str:
    kind = family(column)
    if kind not in TYPES:
        return value_sql(column)
    return TYPES[kind][1].format(quote_identifier(column.name))


def type_oid(column: CatalogColumn) -> int:
    """The OID that record_send writes for a column."""
    kind = family(column)
    return TYPES[kind][0] if kind in TYPES else OTHER


def row_hash(columns: Sequence[CatalogColumn], images: Sequence[bytes]) -> int:
    """The hash of a row of the source, as an unsigned 64-bit number.

    Args:
        columns: of the target.
        images: their values as `canonical` writes them.
    """
    parts = [struct.pack(">i", len(columns))]
    parts += [field(column, image) for column, image in zip(columns, images, strict=True)]
    return digest_hash(md5(b"".join(parts), usedforsecurity=False).hexdigest().encode())


def field(column: CatalogColumn, image: bytes) -> bytes:
    """One column's part of a record, made of its canonical bytes."""
    kind, head = family(column), struct.pack(">I", type_oid(column))
    if kind not in TYPES:  # sent as these very bytes, NULL included
        return head + struct.pack(">i", len(image)) + image
    if image == NULL:
        return head + _NO_VALUE
    if image[:1] != b"\x01":
        return head + _IMPOSSIBLE + image
    content = image[5:] if kind in _SIZED else image[1:]
    if kind == "numeric":
        content = numeric_sent(image[5:].decode())
    return head + struct.pack(">i", len(content)) + content


def numeric_sent(digits: str) -> bytes:
    """What numeric_send gives for a number without trailing zeros behind its point."""
    if digits.lstrip("-") in ("Infinity", "NaN"):
        # The server reads a scale of 32 out of the bits that mark an infinity, and sends it along.
        kind, scale = {"Infinity": (0xD000, 32), "-Infinity": (0xF000, 32)}.get(digits, (0xC000, 0))
        return struct.pack(">hhHh", 0, 0, kind, scale)
    sign, numbers, exponent = Decimal(digits).as_tuple()
    assert isinstance(exponent, int)
    scale = max(0, -exponent)
    written = [*numbers, *([0] * max(0, exponent))]
    before = len(written) - scale
    first = (before - 1) // 4
    written = [0] * ((first + 1) * 4 - before) + written
    written += [0] * (-len(written) % 4)
    groups = [
        written[at] * 1000 + written[at + 1] * 100 + written[at + 2] * 10 + written[at + 3]
        for at in range(0, len(written), 4)
    ]
    while groups and groups[0] == 0:
        del groups[0]
        first -= 1
    while groups and groups[-1] == 0:
        del groups[-1]
    head = struct.pack(">hhHh", len(groups), first if groups else 0, 0x4000 if sign and groups else 0, scale)
    return head + struct.pack(f">{len(groups)}h", *groups)


_MASK = 0xFFFFFFFF
#: lookup3's rounds: which of a, b, c lose and gain, and by how much the third is turned.
_MIX = ((0, 2, 1, 4), (1, 0, 2, 6), (2, 1, 0, 8), (0, 2, 1, 16), (1, 0, 2, 19), (2, 1, 0, 4))
_LAST = ((2, 1, 14), (0, 2, 11), (1, 0, 25), (2, 1, 16), (0, 2, 4), (1, 0, 14), (2, 1, 24))


def digest_hash(digits: bytes) -> int:
    """hashtextextended(digits, 0) for 32 bytes, as an unsigned number."""
    words = struct.unpack("<8I", digits)
    state = [(0x9E3779B9 + len(digits) + 3923095) & _MASK] * 3
    for at in (0, 3):
        state = [(value + word) & _MASK for value, word in zip(state, words[at : at + 3], strict=True)]
        for lose, take, gain, turn in _MIX:
            state[lose] = ((state[lose] - state[take]) & _MASK) ^ _turned(state[take], turn)
            state[take] = (state[take] + state[gain]) & _MASK
    state[0] = (state[0] + words[6]) & _MASK
    state[1] = (state[1] + words[7]) & _MASK
    for change, by, turn in _LAST:
        state[change] = ((state[change] ^ state[by]) - _turned(state[by], turn)) & _MASK
    return state[1] << 32 | state[2]


def _turned(value: int, by: int) -> int:
    return (value << by | value >> (32 - by)) & _MASK
