"""What a declared column type asks for: its family and its numbers.

SQLite accepts any words as a type and derives an affinity from them (sqlite.org/datatype3.html, 3.1); what
the author meant is better told by the name itself, so known names come first and the affinity decides the
rest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from migration.schema.source import Column
    from migration.values.epoch import EpochUnit


class Affinity(Enum):
    INTEGER = "integer"
    TEXT = "text"
    BLOB = "blob"
    REAL = "real"
    NUMERIC = "numeric"


class Family(Enum):
    """What kind of value a declared type is meant to hold."""

    SMALL_INTEGER = "small integer"
    INTEGER = "integer"
    BIG_INTEGER = "big integer"
    BOOLEAN = "boolean"
    REAL = "real"
    DECIMAL = "decimal"
    CHARACTERS = "characters"  # with a length
    TEXT = "text"
    BYTES = "bytes"
    TIMESTAMP = "timestamp"
    DATE = "date"
    TIME = "time"
    UUID = "uuid"
    JSON = "json"
    INET = "inet"
    ENUM = "enum"  # texts of a list
    PERHAPS_UUID = "perhaps uuid"  # characters, unless all of them are UUIDs
    ANY = "any"  # typeless, or unknown: the stored values decide


#: Declared as whole numbers.
WHOLE = (Family.SMALL_INTEGER, Family.INTEGER, Family.BIG_INTEGER)
_NAMES: dict[Family, str] = {
    Family.SMALL_INTEGER: "tinyint, smallint, int2, int1, year",
    Family.INTEGER: "int, integer, int4, mediumint, int3, serial",
    Family.BIG_INTEGER: "bigint, int8, long, big int, bigserial, longint",
    Family.BOOLEAN: "boolean, bool",
    Family.REAL: "real, float, double, double precision, float4, float8, single",
    Family.DECIMAL: "decimal, numeric, dec, number, fixed, money, smallmoney, currency",
    Family.CHARACTERS: (
        "varchar, char, character, nvarchar, nchar, varying character, character varying, char varying, "
        "native character, varchar2, nvarchar2, national varchar, national character varying, bpchar"
    ),
    Family.TEXT: (
        "text, clob, string, str, tinytext, mediumtext, longtext, ntext, citext, xml, enum, set, cidr, "
        "macaddr, nclob, interval, memo, "
        "simple-array, simple-json, simple-enum"
    ),
    Family.BYTES: (
        "blob, bytea, binary, varbinary, tinyblob, mediumblob, longblob, image, raw, bytes, "
        "geometry, geometrycollection, geomcollection, point, multipoint, linestring, multilinestring, "
        "polygon, multipolygon, curve, multicurve, circularstring, compoundcurve, curvepolygon, "
        "surface, multisurface"
    ),
    Family.TIMESTAMP: (
        "datetime, timestamp, datetime2, smalldatetime, datetimeoffset, timestamptz, timestamp_ntz, "
        "timestamp_tz, timestamp with time zone, timestamp without time zone, datetime with time zone, "
        "epoch seconds, epoch milliseconds, epoch microseconds, "  # what some libraries mean by integers
        "datetime or interval"
    ),
    Family.DATE: "date",
    Family.TIME: "time, time without time zone",
    Family.UUID: "uuid, guid, uniqueidentifier, uuid or characters",
    Family.JSON: "json, jsonb",
    Family.INET: "inet",
    # No file declares these; they are what a library's profile says that it meant. Of keys it is worth
    # knowing whether their UUIDs are random.
    Family.PERHAPS_UUID: "perhaps uuid, probably uuid, perhaps uuid key, probably uuid key",
}
#: What SQLAlchemy may mean by DATETIME.
DATETIME_OR_INTERVAL = "datetime or interval"
_FAMILIES = {name.strip(): family for family, names in _NAMES.items() for name in names.split(",")}
_BY_AFFINITY = {
    Affinity.INTEGER: Family.BIG_INTEGER,
    Affinity.TEXT: Family.TEXT,
    Affinity.BLOB: Family.ANY,
    Affinity.REAL: Family.REAL,
    Affinity.NUMERIC: Family.ANY,
}

#: How a profile writes a column of certain texts: one of 'admin', 'user'.
ONE_OF = "one of "
_LABEL = re.compile(r"'((?:[^']|'')*)'")
_ARGUMENTS = re.compile(r"\(([^)]*)\)")
_MODIFIERS = re.compile(r"\b(unsigned|signed|zerofill|identity|auto_increment|null)\b")


@dataclass(frozen=True)
class DeclaredType:
    """A declared type, read: its name in lower case, and the whole numbers in its parentheses.

    `labels` are the texts of an enumeration.
    """

    text: str
    name: str
    arguments: tuple[int, ...]
    affinity: Affinity
    family: Family
    unsigned: bool = False
    labels: tuple[str, ...] = ()


#: Declared names of texts that may be nothing but UUIDs, if they have 32 or 36 characters.
UUID_CHARACTERS = ("char", "character", "nchar", "native character")
_EPOCHS: dict[str, EpochUnit] = {"epoch seconds": "s", "epoch milliseconds": "ms", "epoch microseconds": "us"}


def may_be_otherwise(declared: DeclaredType) -> bool:
    """Whether a library may have meant what was declared and no more: the values must agree, or are right."""
    return " or " in declared.name


def fixed_epoch(declared: DeclaredType) -> EpochUnit | None:
    """The unit that numbers count in, whatever their magnitude: the library that wrote them says so."""
    return _EPOCHS.get(declared.name)


def type_of(column: Column) -> DeclaredType:
    """What a column's declaration asks for, or what its library meant by it."""
    declared = parse_type(column.declared_type)
    if column.meaning is None:
        return declared
    said = f"{declared.text}, here {column.meaning}"
    return replace(parse_type(column.meaning), text=said, affinity=declared.affinity)


@lru_cache(maxsize=4096)
def parse_type(text: str) -> DeclaredType:
    """Read the text of a declared type ('' where there is none)."""
    if text.startswith(ONE_OF):
        labels = tuple(label.replace("''", "'") for label in _LABEL.findall(text))
        return DeclaredType(text, "enum", (), Affinity.TEXT, Family.ENUM, labels=labels)
    lowered = " ".join(text.lower().split())
    arguments = _ARGUMENTS.search(lowered)
    bare = _ARGUMENTS.sub(" ", lowered)
    name = " ".join(_MODIFIERS.sub(" ", bare).split())
    affinity = affinity_of(text)
    family = _FAMILIES.get(name) or _BY_AFFINITY[affinity]
    numbers: tuple[int, ...] = ()
    if arguments:
        parts = [part.strip().lstrip("+") for part in arguments.group(1).split(",")]
        if all(part.isdecimal() and part.isascii() for part in parts):
            numbers = tuple(int(part) for part in parts)
    return DeclaredType(text, name, numbers, affinity, family, "unsigned" in bare)


def affinity_of(text: str) -> Affinity:
    """The affinity, by the five rules of sqlite.org/datatype3.html 3.1, in their order."""
    upper = text.upper()
    if "INT" in upper:
        return Affinity.INTEGER
    if any(word in upper for word in ("CHAR", "CLOB", "TEXT")):
        return Affinity.TEXT
    if "BLOB" in upper or not upper.strip():
        return Affinity.BLOB
    if any(word in upper for word in ("REAL", "FLOA", "DOUB")):
        return Affinity.REAL
    return Affinity.NUMERIC
